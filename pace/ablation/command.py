"""`python -m pace ablate`: run the experiments that are not finished yet, and write a table of all of them."""

import argparse
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tqdm import tqdm

from pace.ablation import graph, results, running, table, variants
from pace.ablation.graph import Graph
from pace.ablation.running import Job
from pace.ablation.variants import Catalogue, Group, Run
from pace.pipeline import params
from pace.setup.presets import ABLATIONS, flat, hydra

LOGS = Path(".resume/ablate")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    names_help = "variants or groups (default: the groups under `default` in presets/ablations.yaml)"
    parser.add_argument("names", nargs="*", metavar="NAME", help=names_help)
    parser.add_argument("--list", action="store_true", help="show the groups and variants")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="experiments at a time (default: 1)")
    parser.add_argument("--seeds", type=whole_numbers, metavar="0,1,2", help="seeds (default: those of the group)")
    parser.add_argument("--split", choices=("val", "test"), help="clips to score (default: that of the group)")
    parser.add_argument(
        "--out", type=Path, default=Path("reports/ablation"), help="folder of the table (default: reports/ablation)"
    )


def whole_numbers(text: str) -> tuple[int, ...]:
    """Whole numbers separated by commas, such as 0,1,2."""
    return tuple(dict.fromkeys(int(part) for part in text.split(",")))


def run(arguments: argparse.Namespace) -> None:
    """Run ablations. Exits with status 1 if one failed."""
    catalogue = variants.parse(params.read(ABLATIONS), str(ABLATIONS))
    if arguments.list:
        print(catalogue.text())
        return
    groups = catalogue.choose(arguments.names, arguments.seeds, arguments.split)
    values = {f"{section}.{key}": value for section, key, value in flat(params.read())}
    if not ablate(groups, catalogue, values, arguments.jobs, arguments.out, Path.cwd()):
        sys.exit(1)


def ablate(
    groups: list[Group], catalogue: Catalogue, values: Mapping[str, object], jobs: int, out: Path, root: Path
) -> bool:
    """Run the experiments of the groups, `jobs` at a time, and write `out`/table.md and `out`/table.csv.

    values: every parameter of params.yaml, `section.key` -> value.
    A run with the parameters, code and inputs of a finished experiment is not run again.
    Returns whether all succeeded. Raises ValueError for a wrong number of jobs or an unknown parameter.
    """
    if jobs < 1:
        raise ValueError(f"--jobs is {jobs}; give 1 or more")
    unknown = {key for run in catalogue.runs(groups) for key in run.overrides} - set(values)
    if unknown:
        raise ValueError(f"params.yaml has no key {', '.join(sorted(unknown))}")
    stage_graph = graph.read(root, catalogue.target, values)
    runs = {experiment_name(run, stage_graph): run for run in catalogue.runs(groups)}
    finished = results.experiments(root)
    missing = {name: run for name, run in runs.items() if name not in finished}
    print(f"ablate: {len(runs)} runs, {len(runs) - len(missing)} already finished")
    failed = _run(missing, stage_graph, jobs, root) if missing else {}

    finished = results.experiments(root)
    measured: dict[tuple[str, int, str], results.Result] = {}
    reasons: dict[tuple[str, int, str], str] = {}
    for name, run in runs.items():
        try:
            if name in finished:
                measured[run.key] = results.read(root, finished[name])
            else:
                reasons[run.key] = failed.get(name, "not run")
        except ValueError as error:
            reasons[run.key] = str(error)
    _write(groups, catalogue, measured, reasons, str(values.get("dataset.name", "unnamed")), out)
    return not reasons


def experiment_name(run: Run, stage_graph: Graph) -> str:
    """The name of a run's experiment in DVC, with a fingerprint of all that its result depends on."""
    return f"{run.variant.replace('.', '_')}-s{run.seed}-{run.split}-{stage_graph.fingerprint(run)}"


def command(name: str, run: Run, stage_graph: Graph, copied: list[str]) -> tuple[str, ...]:
    """The DVC command of one experiment. Inputs of the stages that it does not change may be missing.

    copied: inputs that DVC must copy into the temporary folder.
    """
    settings = [part for key, value in run.overrides.items() for part in ("-S", f"{key}={hydra(value)}")]
    copies = [part for path in copied for part in ("-C", path)]
    return (
        *("dvc", "--wait-for-lock", "exp", "run", "--temp", "--allow-missing"),
        *("-n", name, *settings, *copies, stage_graph.target),
    )


def _run(missing: dict[str, Run], stage_graph: Graph, jobs: int, root: Path) -> dict[str, str]:
    """Run the stages that the runs share, then the runs. Returns the reasons of those that failed, by name."""
    common = stage_graph.common(missing.values())
    if common:
        print(f"ablate: {len(missing)} runs share {', '.join(common)}: `dvc repro` first", flush=True)
        done = subprocess.run(["dvc", "repro", *stage_graph.last_stages(common)], cwd=root, check=False)
        if done.returncode:
            raise ValueError("the stages that all runs share failed; see DVC's message above")
    copied = stage_graph.inputs_to_copy(name for name in stage_graph.stages if name not in common)
    todo = [
        Job(
            name,
            run.label,
            command(name, run, stage_graph, copied),
            root / LOGS / f"{name}.log",
            frozenset(key for stage, key in stage_graph.changed(run).items() if stage != stage_graph.target),
        )
        for name, run in missing.items()
    ]
    reasons: dict[str, str] = {}

    def on_end(job: Job, reason: str | None, seconds: float) -> None:
        took = time.strftime("%H:%M:%S", time.gmtime(seconds))
        tqdm.write(f"ablate: {job.label}: {'finished' if reason is None else 'FAILED'} after {took} ({job.name})")
        if reason is not None:
            reasons[job.name] = reason
            tqdm.write(f"  {reason}\n  log: {job.log.relative_to(root)}")

    try:
        running.run(todo, jobs, root, lambda name: name in results.experiments(root), on_end)
    except KeyboardInterrupt:
        raise ValueError("interrupted; finished runs are kept; rerun the command to continue") from None
    return reasons


def _write(
    groups: list[Group],
    catalogue: Catalogue,
    measured: Mapping[tuple[str, int, str], results.Result],
    reasons: Mapping[tuple[str, int, str], str],
    dataset: str,
    out: Path,
) -> None:
    """Write the groups' tables to `out` and print the Markdown one. measured, reasons: by variant, seed and split."""
    tables = []
    for group in groups:
        own = {(variant, seed): result for (variant, seed, split), result in measured.items() if split == group.split}
        failed = {(variant, seed): reason for (variant, seed, split), reason in reasons.items() if split == group.split}
        tables.append((group, table.variant_rows(group, catalogue, own, failed, dataset)))
    tables = table.corrected(tables)
    out.mkdir(parents=True, exist_ok=True)
    for name, text in (("table.md", table.markdown(tables, dataset)), ("table.csv", table.csv_text(tables))):
        (out / name).write_text(text, encoding="utf-8")
    print((out / "table.md").read_text(encoding="utf-8"))
    print(f"{out / 'table.md'} and {out / 'table.csv'}")
