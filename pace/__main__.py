"""Commands beside the pipeline: python -m pace COMMAND --help."""

import argparse
import dataclasses
import functools
import importlib
import sys
from collections.abc import Callable
from pathlib import Path

from pace import params, presets

PARAMS = Path("params.yaml")
MODELS = Path("models")
ABLATIONS = Path("presets/ablations.yaml")


def main(argv: list[str] | None = None) -> None:
    """Run one command; an error of the user's input ends with one line instead of a traceback."""
    parser = argparse.ArgumentParser(prog="python -m pace", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, does: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=does, description=f"{does[0].upper()}{does[1:]}.")

    command("check", "check every key and value of params.yaml")

    preset = command("preset", "print a preset as flags of `dvc exp run`, or write it")
    preset.add_argument("name", help="a file of presets/, without .yaml")
    preset.add_argument("--write", action="store_true", help="edit params.yaml instead, keeping its comments")

    size = command("size", "parameters and FLOPs of the networks that params.yaml describes")
    size.add_argument("--preset", metavar="NAME", help="params.yaml with the values of this preset")

    compose = command("compose", "give one dance video music, with the trained models")
    compose.add_argument("video", type=Path, metavar="VIDEO", help="a video of one dancer, 5 s or longer")
    compose.add_argument("-o", "--out", type=Path, required=True, metavar="OUT.mp4", help="the video with its music")
    compose.add_argument(
        "--keypoints", type=Path, metavar="FILE.json", help="AlphaPose results, instead of an estimator"
    )
    compose.add_argument("--seed", type=int, help="another number gives other music (default: sample.seed)")
    compose.add_argument("--wav", type=Path, help="write the music alone too")

    score = command("score", "score the music of any systems, in folders of files, beside controls")
    score.add_argument("reference", type=Path, metavar="REFERENCE_DIR", help="the true music")
    score.add_argument("generated", type=Path, nargs="+", metavar="GENERATED_DIR", help="one folder for each system")
    score.add_argument("--name", nargs="+", action="extend", default=[], help="of each system; default: its folder's")
    score.add_argument(
        "--extractors",
        nargs="+",
        metavar="NAME[=WEIGHTS]",
        help="of Frechet distances: descriptors, vggish, cnn14, clap; default: section evaluate of params.yaml",
    )
    score.add_argument("--protocols", nargs="+", help="of rhythm: d2mgan, loris, 5hz, strict; default: params.yaml's")
    score.add_argument("--suffixes", nargs="*", help="endings such as _gen that names may have on one side only")
    score.add_argument("--training", type=Path, metavar="DIR", help="training music, for a row of random pieces of it")
    score.add_argument(
        "--vae",
        type=Path,
        metavar="DIR",
        help="trained autoencoder, for a row of true music through it and the vocoder (default: models/vae if trained)",
    )
    score.add_argument(
        "--group", metavar="PATTERN", help="the source in a clip's name, as '(.*)_[0-9]+', for intervals"
    )
    score.add_argument(
        "--poses", type=Path, metavar="DIR", help="CLIP.npz of each dance, as the pipeline's data/pose3d"
    )
    score.add_argument("--beats", type=Path, metavar="FILE.csv", help="true beats of the clips: columns clip,time_s")
    score.add_argument("--tempo", type=Path, metavar="FILE.csv", help="true tempo of the clips: columns clip,bpm")
    score.add_argument("--out", type=Path, metavar="FILE", help="write everything as .json, the table as .csv or .md")
    score.add_argument("--strict", action="store_true", help="exit status 3 when any file was left out or is faulty")

    fetch = command("fetch", "download official weights; without a name, list them")
    fetch.add_argument("names", nargs="*", metavar="NAME", help="as in the list; motionbert, i3d ...")

    command("doctor", "say what is configured, found and missing, and what follows")

    sensitivity = command("sensitivity", "study what each rhythm metric sees, on composed music")
    sensitivity.add_argument(
        "--out",
        type=Path,
        default=Path("docs"),
        metavar="FOLDER",
        help="of sensitivity.md and .svg (default: docs, anew)",
    )
    sensitivity.add_argument("--pieces", type=int, default=30, metavar="N", help="pieces of music (default: 30)")

    listening = command("listening", "mean opinion scores and agreement from files of ratings")
    listening.add_argument("ratings", type=Path, nargs="+", metavar="RATINGS.csv")
    listening.add_argument("--scale", type=int, choices=(5, 100), default=5, help="ratings are 1 to 5 (default) or 100")

    ablate = command("ablate", "run variants as DVC experiments and write one table of them")
    ablate.add_argument(
        "names", nargs="*", metavar="NAME", help="variants or groups (default: groups table2, table2-printed, parts)"
    )
    ablate.add_argument("--list", action="store_true", help="show the groups and variants")
    ablate.add_argument("--jobs", type=int, default=1, metavar="N", help="experiments at a time (default: 1)")
    ablate.add_argument("--seeds", type=numbers, metavar="0,1,2", help="default: as the group says")
    ablate.add_argument("--split", choices=("val", "test"), help="clips to score (default: as the group says)")
    ablate.add_argument("--out", type=Path, default=Path("reports/ablation"), help="default: reports/ablation")

    args = parser.parse_args(argv)
    run = {
        "check": run_check,
        "preset": run_preset,
        "size": run_size,
        "compose": run_compose,
        "score": run_score,
        "fetch": run_fetch,
        "doctor": run_doctor,
        "sensitivity": run_sensitivity,
        "listening": run_listening,
        "ablate": run_ablate,
    }
    try:
        run[args.command](args)
    except (ValueError, OSError, RuntimeError) as error:
        sys.exit(f"python -m pace {args.command}: {error}")


def run_check(_: argparse.Namespace) -> None:
    """Check params.yaml against the dataclasses of all stages together."""
    content = params.read(PARAMS)
    try:
        sections = check(content)
    except params.ParamsError as error:
        raise params.ParamsError(f"{PARAMS}: {error}") from None
    print(f"{PARAMS}: {len(sections)} sections are sound")


def check(content: dict) -> dict[str, set[str]]:
    """Check every section by every stage that reads it; all keys must be known to some stage.

    Returns the known keys of each section. Raises ParamsError.
    """
    known: dict[str, set[str]] = {}
    readers = []
    for path in sorted(Path(__file__).resolve().parent.parent.glob("stages/[a-z]*.py")):
        for name, cls in getattr(importlib.import_module(f"stages.{path.stem}"), "PARAMS", {}).items():
            readers.append((name, cls))
            known.setdefault(name, set()).update(field.name for field in dataclasses.fields(cls))
    for name in content:
        if name not in known:
            raise params.ParamsError(f"section `{name}` is unknown; known sections: {', '.join(sorted(known))}")
    for name, cls in readers:
        params.section(content, name, cls, partial=True)
    for name, key, _ in presets.flat(content):
        if key not in known[name]:
            raise params.ParamsError(f"unknown key `{name}.{key}`; known keys: {', '.join(sorted(known[name]))}")
    return known


def run_preset(args: argparse.Namespace) -> None:
    """Print a preset as -S flags, or write it into params.yaml."""
    path = preset_path(args.name)
    if args.write:
        print(f"{PARAMS}: changed {', '.join(presets.write(path, PARAMS)) or 'nothing'}")
    else:
        print(" ".join(presets.flags(path, PARAMS)))


def preset_path(name: str) -> Path:
    """The file of a preset. Raises ValueError where there is none."""
    path = Path("presets") / f"{name}.yaml"
    if not path.is_file() or path == ABLATIONS:
        names = ", ".join(sorted(file.stem for file in Path("presets").glob("*.yaml") if file.name != ABLATIONS.name))
        raise ValueError(f"there is no preset {name!r}; presets: {names}")
    return path


def run_size(args: argparse.Namespace) -> None:
    """Print parameters and FLOPs of the networks."""
    from pace import configured, size

    content = presets.applied(preset_path(args.preset), PARAMS) if args.preset else params.read(PARAMS)
    print(size.text(configured.sizes(content)))


def run_compose(args: argparse.Namespace) -> None:
    """Give one video music."""
    from pace.compose import ComposeParams, Models, compose

    settings = ComposeParams.of(params.read(PARAMS))
    if args.seed is not None:
        settings = dataclasses.replace(settings, sample=dataclasses.replace(settings.sample, seed=args.seed))
    compose(args.video, args.out, settings, Models(MODELS / "vae", MODELS / "diffusion"), args.keypoints, args.wav)


def run_score(args: argparse.Namespace) -> None:
    """Score folders of music; exit status 3 with --strict when a file was left out or is faulty."""
    from pace import score, score_tables
    from pace.evaluation import audio_files
    from pace.evaluation.known import Sources
    from pace.evaluation.table import EvaluateParams

    if args.out:
        score_tables.check_out(args.out)
    p = params.section(params.read(PARAMS), "evaluate", EvaluateParams, partial=True)
    weights = {"vggish": p.vggish_weights, "cnn14": p.cnn14_weights, "clap": p.clap_weights}
    extractors, weights = score.parse_extractors(args.extractors or p.fad, weights)
    options = score.ScoreOptions(
        args.reference,
        score.name_systems(args.generated, args.name),
        tuple(args.protocols or p.protocols),
        extractors,
        weights,
        audio_files.ENDINGS if args.suffixes is None else tuple(args.suffixes),
        args.training,
        args.group,
        find_ceiling(args.vae),
        Sources(args.poses, args.beats, args.tempo),
    )
    result = score.score(options)
    said = (*score_tables.compared(result), *score_tables.notes(result, most=5))
    print("\n".join([score_tables.text(result), *said]))
    if args.out:
        score_tables.write(result, args.out)
        print(f"{args.out}: {len(result['rows'])} rows")
    if args.strict and any(result["files"].values()):
        sys.exit(3)


def find_ceiling(folder: Path | None) -> Callable | None:
    """What makes row `ceiling` with the autoencoder of a folder, or the pipeline's if it is trained; else None."""
    from pace.audio.vocoder import VocoderParams
    from pace.evaluation import ceiling

    if not folder and not (MODELS / "vae" / "vae.safetensors").is_file():
        return None
    folder = (folder or MODELS / "vae").absolute()
    ceiling.vae_of(folder)  # whatever is wrong with it is said before anything is scored
    vocoder = params.section(params.read(PARAMS), "vocoder", VocoderParams)
    return functools.partial(ceiling.track_ceiling, folder=folder, vocoder=vocoder)


def run_fetch(args: argparse.Namespace) -> None:
    """Download official weights into models/official, or list them."""
    from pace import fetch

    if not args.names:
        print(fetch.listing())
    elif not fetch.fetch(args.names):
        sys.exit(1)


def run_doctor(_: argparse.Namespace) -> None:
    """Report on the set-up; exit status 1 where the configured pipeline cannot run."""
    from pace import doctor

    items = doctor.examine(Path(), lambda: params.read(PARAMS), check)
    print(doctor.report(items))
    if doctor.stopping(items):
        sys.exit(1)


def run_sensitivity(args: argparse.Namespace) -> None:
    """Write sensitivity.md and sensitivity.svg."""
    from pace import items
    from pace.evaluation.sensitivity import study
    from pace.report import sensitivity

    found = study(args.pieces, items.worker_count())
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "sensitivity.svg").write_bytes(sensitivity.figure(found))
    page = sensitivity.page(found, args.pieces, "python -m pace sensitivity", "sensitivity.svg")
    (args.out / "sensitivity.md").write_text(page, encoding="utf-8")
    print(f"sensitivity: look at {args.out / 'sensitivity.md'}")


def run_listening(args: argparse.Namespace) -> None:
    """Print mean opinion scores; rows that are left out are named."""
    from pace.evaluation import listening

    ratings, problems = listening.read(args.ratings, args.scale)
    print("\n".join(problems), file=sys.stderr, end="\n" * bool(problems))
    if not ratings:
        raise ValueError(f"no rating in {', '.join(map(str, args.ratings))}")
    print(listening.text(listening.summarise(ratings, args.scale)))


def numbers(text: str) -> tuple[int, ...]:
    """Whole numbers separated by commas, such as 0,1,2."""
    return tuple(dict.fromkeys(int(part) for part in text.split(",")))


def run_ablate(args: argparse.Namespace) -> None:
    """Run ablations; exit status 1 where one failed."""
    from pace.ablation import command, variants

    catalogue = variants.parse(params.read(ABLATIONS), str(ABLATIONS))
    if args.list:
        print(catalogue.text())
        return
    groups = catalogue.choose(args.names, args.seeds, args.split)
    values = {f"{section}.{key}": value for section, key, value in presets.flat(params.read(PARAMS))}
    if not command.ablate(groups, catalogue, values, args.jobs, args.out, Path.cwd()):
        sys.exit(1)


if __name__ == "__main__":
    main()
