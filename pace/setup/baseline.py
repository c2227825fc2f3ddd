"""`python -m pace baseline`: commit this machine's own metrics, so that `dvc metrics diff` shows changes alone.

Another processor or another number of cores gives slightly other numbers. Compared with a commit of another machine,
every metric differs before anything has been changed.
"""

import argparse
import json
import math
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pace.pipeline import params
from pace.setup.code_deps import DVC_FILES
from pace.setup.git import git, succeeds

MESSAGE = "Baseline: results of this machine"
CODE = ("pace", "stages")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    help_text = "commit nothing; say so if the metrics differ from the last commit's with the same parameters and code"
    parser.add_argument("--check", action="store_true", help=help_text)


def run(arguments: argparse.Namespace) -> None:
    """Commit the results that git tracks, or compare them with the last commit's."""
    print(check() if arguments.check else commit(), end="")


def commit() -> str:
    """Commit the files of `results` alone, whatever else is edited or staged. Returns what was done, in lines.

    Raises RuntimeError where there is no repository or no complete result, and where params.yaml or code differ from
    the last commit: the metrics would not be those of the commit.
    """
    if not succeeds("rev-parse", "--verify", "HEAD"):
        raise RuntimeError(
            f"{Path.cwd()} is not in a git repository with a commit; `git init`, `git add -A` and `git commit` first"
        )
    missing = [name for name in results() if not Path(name).is_file()]
    if missing:
        raise RuntimeError(f"{missing[0]} is missing: let `make repro` finish first")
    edited = changed(inputs())
    if edited:
        raise RuntimeError(
            f"{edited[0]} differs from the last commit, and the results may be of another setting than the commit's; "
            "commit or revert it, then `make repro`, then again"
        )
    status = subprocess.run([sys.executable, "-m", "dvc", "status", "--quiet"], capture_output=True, check=False)
    if status.returncode:
        raise RuntimeError("the results are not up to date, see `dvc status`: let `make repro` finish first")
    names = changed(results())
    if not names:
        return "baseline: the last commit has these results already; nothing to commit\n"
    count, total = differences()
    git("add", "--", *names)
    git("commit", "--quiet", "-m", MESSAGE, "--", *names)
    rest = "Your other changes are as they were.\n" if git("status", "--porcelain", "--untracked-files=no") else ""
    return (
        f"baseline: commit {git('rev-parse', '--short', 'HEAD').strip()} with {len(names)} files: {', '.join(names)}\n"
        f"{count} of {total} metrics changed. `dvc metrics diff` now compares with this machine's own.\n{rest}"
    )


def check() -> str:
    """Two lines if metrics differ from the last commit's though parameters and code do not; else nothing."""
    if not succeeds("rev-parse", "--verify", "HEAD") or changed(inputs()):
        return ""
    count, total = differences()
    if not count:
        return ""
    return (
        f"{count} of {total} metrics differ from the last commit's, with the same parameters and code: another machine "
        "or other data made those.\n"
        "`dvc metrics diff` would show these differences too: `make baseline` commits this machine's own.\n"
    )


def inputs() -> tuple[str, ...]:
    """The files and folders of parameters and code."""
    return str(params.FILE), *DVC_FILES, *CODE


def results() -> list[str]:
    """The files that the pipeline writes and git tracks: DVC's lock files and the metrics."""
    locks = [str(Path(name).with_suffix(".lock")) for name in DVC_FILES if Path(name).is_file()]
    return locks + metric_files()


def metric_files() -> list[str]:
    """The metrics of the dvc.yaml files that git tracks, as DVC does not keep them in its cache."""
    from ruamel.yaml import YAML

    names = []
    for file in DVC_FILES:
        if not Path(file).is_file():
            continue
        stages = YAML(typ="safe", pure=True).load(Path(file).read_text(encoding="utf-8"))["stages"]
        for stage in stages.values():
            for entry in stage.get("metrics", []):
                if isinstance(entry, dict):
                    folder = Path(file).parent / stage.get("wdir", ".")
                    names += [str(folder / name) for name, flags in entry.items() if not flags.get("cache", True)]
    return names


def changed(names: Sequence[str]) -> list[str]:
    """Which of the files, or files in the folders, differ from the last commit or are not in it."""
    there = [name for name in names if Path(name).exists() or git("ls-files", "--", name)]
    if not there:
        return []
    lines = git("status", "--porcelain", "-z", "--no-renames", "--", *there).split("\0")
    top = git("rev-parse", "--show-prefix").strip()
    return [line[3:].removeprefix(top) for line in lines if line]


def differences() -> tuple[int, int]:
    """How many metrics differ from the last commit's, one-sided ones included, and how many there are."""
    count = total = 0
    for name in metric_files():
        now = _values(Path(name).read_text(encoding="utf-8")) if Path(name).is_file() else {}
        before = _values(git("show", f"HEAD:./{name}")) if succeeds("cat-file", "-e", f"HEAD:./{name}") else {}
        total += len(now.keys() | before.keys())
        count += sum(not _same(now.get(key), before.get(key)) for key in now.keys() | before.keys())
    return count, total


def _same(first: object, second: object) -> bool:
    both_nan = all(isinstance(value, float) and math.isnan(value) for value in (first, second))
    return first == second or both_nan


def _values(text: str) -> dict[str, object]:
    try:
        return dict(_leaves(json.loads(text), ""))
    except ValueError:
        return {"": text}


def _leaves(content: Any, name: str) -> Iterator[tuple[str, object]]:
    """The values of nested dicts and lists with their paths."""
    if isinstance(content, dict | list):
        items = content.items() if isinstance(content, dict) else enumerate(content)
        for key, value in items:
            yield from _leaves(value, f"{name}.{key}")
    else:
        yield name, content
