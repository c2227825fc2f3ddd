"""The doctor's checks of what params.yaml names: the dataset, input paths and settings; and of the trained models."""

import dataclasses
from collections.abc import Iterator

from pace.pipeline import params
from pace.setup.doctor_findings import FAIL, NOTE, OK, Finding, Setup, check_path, first_line
from pace.setup.doctor_weights import is_weights
from pace.setup.parameter_conflicts import find_conflicts


def dataset(setup: Setup) -> Iterator[Finding]:
    """The dataset's folder, and the tables of the index if they exist."""
    import pandas as pd

    from pace.datasets.listing import find_videos

    name, value = setup.value("dataset.name"), setup.value("dataset.root")
    finding = check_path(setup, "dataset.root")
    root = setup.root / str(value)
    if finding.state == OK and root.exists():
        try:
            finding = Finding(OK, "dataset.root", f"{name}, {value}: {len(find_videos(root))} videos")
            _read_dataset(setup)
        except ValueError as error:
            finding = Finding(FAIL, "dataset.root", f"{name}: {first_line(error)}", "the stage index fails")
    yield finding
    try:
        counts = []
        for table in ("videos", "clips"):
            splits = pd.read_parquet(setup.root / f"data/index/{table}.parquet")["split"]
            sizes = ", ".join(f"{count} {split}" for split, count in splits.value_counts(sort=False).items())
            counts.append(f"{len(splits)} {table} ({sizes})")
        yield Finding(OK, "data/index", "; ".join(counts))
    except FileNotFoundError:
        yield Finding(NOTE, "data/index", "not built yet", "created by `dvc repro`")
    except Exception as error:
        yield Finding(NOTE, "data/index", f"cannot be read: {first_line(error)}", "run `dvc repro index`")


def _read_dataset(setup: Setup) -> None:
    """Read what the stage index reads before it opens a video. Raises DatasetError."""
    from pace.datasets import folder, index
    from pace.datasets.listing import IndexParams, is_set

    if setup.value("dataset.name") == "folder":  # its reader would read every video completely, to look for copies
        folder.described(setup.root / str(setup.value("dataset.root")))
        return
    conflicts = find_conflicts(setup.root, setup.values())
    if any(conflict.stops and conflict.key.startswith("dataset.") for conflict in conflicts):
        return  # `settings` reports it
    section = params.section(setup.content, "dataset", IndexParams, partial=True)

    def inside(path: str) -> str:
        return str(setup.root / path) if is_set(path) else path

    index.read(
        dataclasses.replace(
            section,
            root=inside(section.root),
            annotations=inside(section.annotations),
            split_lists=inside(section.split_lists),
        )
    )


def input_paths(setup: Setup) -> Iterator[Finding]:
    """The paths in params.yaml that stages depend on, except the dataset and weights."""
    for key in setup.inputs:
        if key != "dataset.root" and not is_weights(key, setup.value(key)):
            yield check_path(setup, key)


def settings(setup: Setup) -> Iterator[Finding]:
    """Settings that conflict with each other."""
    for conflict in find_conflicts(setup.root, setup.values()):
        yield Finding(FAIL if conflict.stops else NOTE, conflict.key, conflict.message, conflict.remedy)


def models(setup: Setup) -> Iterator[Finding]:
    """The trained models."""
    for name in ("vae", "diffusion"):
        folder = setup.root / "models" / name
        files = sorted(path.name for path in folder.glob("*.safetensors"))
        if files and (folder / "config.json").is_file():
            yield Finding(OK, f"models/{name}", f"trained ({', '.join(files)})")
        else:
            yield Finding(NOTE, f"models/{name}", "not trained", "`dvc repro` trains it; compose needs it")
