"""What is configured, found and missing, and the consequence of each: the checks behind `python -m pace doctor`."""

import argparse
import configparser
import contextlib
import dataclasses
import importlib.metadata
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pace.pipeline import params
from pace.setup.check import check
from pace.setup.official import FOLDER, OFFICIAL
from pace.setup.parameter_conflicts import conflicts

PYTHON = (3, 11)
DVC_FILES = ("dvc.yaml", "data/synthetic/dvc.yaml", "models/pretrain/dvc.yaml")
BACKENDS = {"mediapipe": ("mediapipe",), "rtmpose": ("rtmlib", "onnxruntime")}
EXTRAS = {
    "mediapipe": "keypoints.backend: mediapipe",
    "rtmlib": "keypoints.backend: rtmpose",
    "onnxruntime": "keypoints.backend: rtmpose",
    "transformers": "evaluate.clap_weights",
    "distributed": "PACE_DASK",
}
REQUIREMENTS = ("mediapipe", "rtmpose", "clap", "dask")  # requirements-{name}.txt
SUFFIXES = (".pt", ".pth", ".bin", ".safetensors", ".onnx")  # not from pace.weights: PyTorch may be missing
VARIANTS = {"motionbert": "full", "motionbert-lite": "lite"}  # what describes these networks
AUDIO_NETWORKS = {f"evaluate.{name}_weights": name for name in ("vggish", "cnn14", "clap")}
FREE_GB = 5

OK, NOTE, FAIL = "ok", "note", "FAIL"  # FAIL: the configured pipeline cannot run


def add_arguments(_: argparse.ArgumentParser) -> None:
    """The command takes none."""


def run(_: argparse.Namespace) -> None:
    """Report on the set-up; exit status 1 where the configured pipeline cannot run."""
    items = examine(Path(), params.read, check)
    print(report(items))
    if stopping(items):
        sys.exit(1)


@dataclass(frozen=True)
class Item:
    """One line of the report: state, what it is about, what was found, and what follows."""

    state: str
    name: str
    found: str
    follows: str = ""


@dataclass(frozen=True)
class Setup:
    """The project's folder, its parameters, and by stage the outputs and the parameters that name inputs."""

    root: Path
    content: dict
    made: dict[str, str]
    inputs: tuple[str, ...]
    broken: tuple[str, ...]

    def values(self) -> dict[str, object]:
        """Every parameter: `section.key` -> value."""
        found: dict[str, object] = {}
        todo = [("", self.content)]
        while todo:
            prefix, values = todo.pop(0)
            for name, value in values.items():
                if isinstance(value, dict):
                    todo.append((f"{prefix}{name}.", value))
                else:
                    found[f"{prefix}{name}"] = value
        return found

    def value(self, key: str) -> object:
        return self.values().get(key)

    def maker(self, path: str) -> str | None:
        """The stage that makes a path or a folder around it."""
        return next((self.made[str(p)] for p in (Path(path), *Path(path).parents) if str(p) in self.made), None)


def examine(root: Path, read: Callable[[], dict], check: Callable[[dict], object]) -> list[Item]:
    """Look at everything; what cannot be looked at becomes an item itself, never an exception.

    read: gives the parameters. check: raises ValueError where they are wrong.
    """
    items, content = [], {}
    try:
        content = read()
        check(content)
        items.append(Item(OK, "params.yaml", "every key and value is known"))
    except Exception as error:
        items.append(Item(FAIL, "params.yaml", _reason(error), "no stage runs"))
    setup = Setup(root, content, *_graph(root))
    configured = (_dataset, _inputs, _networks, _conflicts) if content else ()
    for part in (_python, _packages, _extras, _devices, *configured, _models, _storage):
        try:
            items += part(setup)
        except Exception as error:
            items.append(Item(FAIL, part.__name__.strip("_"), f"could not be examined: {_reason(error)}"))
    return items


def stopping(items: list[Item]) -> list[Item]:
    """The items for which the configured pipeline cannot run."""
    return [item for item in items if item.state == FAIL]


def report(items: list[Item]) -> str:
    """One aligned line per item, and the sum."""
    width = max(len(item.name) for item in items)
    lines = [
        f"{item.state:<4}  {item.name:<{width}}  {item.found}{f' -> {item.follows}' if item.follows else ''}"
        for item in items
    ]
    bad = len(stopping(items))
    sum_ = f"The configured pipeline cannot run: {bad} item(s) marked {FAIL}." if bad else "The pipeline can run."
    return "\n".join([*lines, sum_])


def _graph(root: Path) -> tuple[dict[str, str], tuple[str, ...], tuple[str, ...]]:
    """Of all dvc.yaml files: outputs (path -> stage), parameters that stand for inputs, files that cannot be read."""
    from ruamel.yaml import YAML

    made: dict[str, str] = {}
    inputs: dict[str, None] = {}
    broken = []
    for name in DVC_FILES:
        try:
            stages = YAML(typ="safe", pure=True).load((root / name).read_text(encoding="utf-8"))["stages"]
            for stage, entry in stages.items():
                for out in [*entry.get("outs", []), *entry.get("metrics", [])]:
                    made[next(iter(out)) if isinstance(out, dict) else out] = stage
                for dep in entry.get("deps", []):
                    inputs |= dict.fromkeys(re.findall(r"\$\{([\w.]+)\}", str(dep)))
        except FileNotFoundError:
            broken.append(f"{name} is missing")
        except Exception as error:
            broken.append(f"{name}: {_reason(error)}")
    return made, tuple(inputs), tuple(broken)


def _python(setup: Setup) -> Iterator[Item]:
    version = ".".join(map(str, sys.version_info[:3]))
    wrong = sys.version_info[:2] != PYTHON
    yield Item(NOTE if wrong else OK, "Python", version, "the project is made for 3.11" if wrong else "")


def _packages(setup: Setup) -> Iterator[Item]:
    pinned = _pins(setup.root / "requirements.txt")
    right = 0
    for name, version in pinned.items():
        found = _version(name)
        right += found is not None and found.partition("+")[0] == version
        if found is None:
            yield Item(FAIL, name, "not installed", "run `make venv` or activate .venv")
        elif found.partition("+")[0] != version:
            yield Item(NOTE, name, f"{found}, pinned is {version}", "results may differ from the committed ones")
    yield Item(OK, "packages", f"{right} of {len(pinned)} as pinned in requirements.txt")


def _pins(path: Path) -> dict[str, str]:
    """Package -> version of a requirements file; none where there is no file."""
    text = path.read_text(encoding="utf-8") if path.name == "requirements.txt" or path.is_file() else ""
    return dict(re.findall(r"^([\w.-]+)==([\w.]+)", text, re.MULTILINE))


def _extras(setup: Setup) -> Iterator[Item]:
    pinned: dict[str, str] = {}
    for name in REQUIREMENTS:
        pinned |= _pins(setup.root / f"requirements-{name}.txt")
    configured = [*BACKENDS.get(setup.value("keypoints.backend"), ()), *["distributed"] * ("PACE_DASK" in os.environ)]
    for name, use in EXTRAS.items():
        found, needed = _version(name), name in configured
        follows = f"needed for `{use}`" + (", which is configured" if needed else ", which is not available")
        if found is None:
            yield Item(FAIL if needed else NOTE, name, "not installed", follows)
        elif found != pinned.get(name, found):
            yield Item(NOTE, name, f"{found}, pinned is {pinned[name]}", "other versions were not tried or do not work")
        else:
            yield Item(OK, name, found)


def _devices(setup: Setup) -> Iterator[Item]:
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            card = torch.cuda.get_device_properties(index)
            yield Item(OK, f"GPU {index}", f"{card.name}, {card.total_memory / 2**30:.0f} GiB")
    else:
        yield Item(OK, "GPU", "none", f"everything runs on {cores} CPU core(s): enough at the default scale")


def _dataset(setup: Setup) -> Iterator[Item]:
    import pandas as pd

    from pace.datasets.listing import find_videos

    name, value = setup.value("dataset.name"), setup.value("dataset.root")
    item = _path(setup, "dataset.root", value)
    root = setup.root / str(value)
    if item.state == OK and root.exists():
        try:
            item = Item(OK, "dataset.root", f"{name}, {value}: {len(find_videos(root))} videos")
            _read_dataset(setup)
        except ValueError as error:
            item = Item(FAIL, "dataset.root", f"{name}: {_reason(error)}", "the stage index stops")
    yield item
    try:
        counts = [pd.read_parquet(setup.root / f"data/index/{t}.parquet")["split"] for t in ("videos", "clips")]
        text = "; ".join(
            f"{len(split)} {what} ({', '.join(f'{n} {s}' for s, n in split.value_counts(sort=False).items())})"
            for what, split in zip(("videos", "clips"), counts, strict=True)
        )
        yield Item(OK, "data/index", text)
    except FileNotFoundError:
        yield Item(NOTE, "data/index", "not made yet", "`dvc repro` makes it")
    except Exception as error:
        yield Item(NOTE, "data/index", f"cannot be read: {_reason(error)}", "run `dvc repro index`")


def _read_dataset(setup: Setup) -> None:
    """What the stage index reads before it opens a video. Raises DatasetError."""
    from pace.datasets import folder, index
    from pace.datasets.listing import IndexParams, is_set
    from pace.pipeline import params

    if setup.value("dataset.name") == "folder":  # its reader would read all of every video, for copies
        folder.described(setup.root / str(setup.value("dataset.root")))
        return
    if any(
        conflict.stops and conflict.key.startswith("dataset.") for conflict in conflicts(setup.root, setup.values())
    ):
        return  # an item of its own
    p = params.section(setup.content, "dataset", IndexParams, partial=True)
    inputs = {key: getattr(p, key) for key in ("root", "annotations", "split_lists")}
    index.read(dataclasses.replace(p, **{key: str(setup.root / v) if is_set(v) else v for key, v in inputs.items()}))


def _inputs(setup: Setup) -> Iterator[Item]:
    for key in setup.inputs:
        if key != "dataset.root" and not _is_weights(key, setup.value(key)):
            yield _path(setup, key, setup.value(key))


def _path(setup: Setup, key: str, value: object) -> Item:
    """An input path: there, made by a stage, not given, or missing."""
    if not isinstance(value, str) or not value:
        return Item(FAIL, key, f"{value!r} is no path", "use data/none for an input that is not given")
    if (setup.root / value).exists():
        return Item(OK, key, "not given (data/none)" if value == "data/none" else value)
    if stage := setup.maker(value):
        return Item(OK, key, f"{value}, not made yet", f"`dvc repro` makes it (stage {stage})")
    return Item(FAIL, key, f"{value} does not exist", "stages that read it fail; correct params.yaml")


def _is_weights(key: str, value: object) -> bool:
    return key.endswith("weights") or str(value).endswith(SUFFIXES)


def _networks(setup: Setup) -> Iterator[Item]:
    for key, value in setup.values().items():
        if _is_weights(key, value):
            try:
                yield from _network(setup, key, value)
            except Exception as error:
                yield Item(FAIL, key, _reason(error), "the stage that loads it stops")


def _network(setup: Setup, key: str, value: object) -> Iterator[Item]:
    from pace.setup import identify

    item = _path(setup, key, value)
    path = setup.root / str(value)
    if item.state != OK or not path.exists():
        yield item
        return
    files = [path] if path.is_file() else _weights_in(path)
    broken = _fault(key, path)
    if broken:
        yield Item(FAIL, key, broken, "the stage that loads it stops")
        return
    if not files:
        without = "the VAE's perceptual loss is feature matching" if "perceptual" in key else "it is not used"
        without = "its Frechet distance is not computed" if key in AUDIO_NETWORKS else without
        yield Item(OK, key, f"none in {value}", without)
    for file in files:
        kind, text = identify.network(file)
        if ("rtmpose" in key) != (kind == "ONNX"):
            yield Item(FAIL, key, f"{file}: {text}, not {'ONNX' if 'rtmpose' in key else 'weights'}", "its stage stops")
            continue
        official = identify.official_file(file)
        placed = identify.official_place(file, setup.root / FOLDER)
        variant = VARIANTS.get(placed[0]) if placed else None
        if variant and kind == "DSTformer" and f"the {variant} network" not in text:
            again = f"give the {variant} one there, or fetch the other by its name"
            yield Item(NOTE, key, f"{text}, not the {variant} network of {placed[0]}: {file}", again)
            continue
        if placed and not official and placed[1].sha256:
            again = f"not the published file: fetch it again with `python -m pace fetch {placed[0]}`"
            yield Item(NOTE, key, f"{text}; its sha256 is not that of official {placed[0]}: {file}", again)
            continue
        stage = setup.maker(str(value))
        origin = f"stand-in of stage {stage}" if stage else "sha256 of no known official file"
        if official:
            origin = f"official ({official[0]}), sha256 right"
        elif placed:
            origin = f"as fetched ({placed[0]}), no published sha256 is known"
        yield Item(OK, key, f"{text}; {origin}: {file}")
        yield from _settings(setup, key, official or placed)


def _weights_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)


def _fault(key: str, path: Path) -> str | None:
    """What the stage that loads these weights would say, or None where it takes them."""
    try:
        if key in ("lift.weights", "embed_motion.weights"):
            from pace.motion import dstformer

            dstformer.load(path)
        elif key == "visual.weights":
            from pace.visual import i3d

            i3d.load(path)
        elif key == "train_vae.lpips_weights":
            from pace.autoencoder_training.perceptual import load_lpips

            load_lpips(path)
        elif key in AUDIO_NETWORKS and not (path.is_dir() and not _weights_in(path)):
            from pace.evaluation.embedders import networks

            with contextlib.suppress(ImportError):  # a missing extra is an item of its own
                networks.load(AUDIO_NETWORKS[key], path)
    except (ValueError, OSError) as error:
        return _reason(error)
    return None


def _settings(setup: Setup, key: str, official: tuple | None) -> Iterator[Item]:
    """Other parameters, weights apart, that do not go with an official file."""
    if official is None or not str(OFFICIAL[official[0]].sets.get(key, "")).endswith(official[1].path):
        return
    for other, right in OFFICIAL[official[0]].sets.items():
        value = setup.value(other)
        if other != key and not _is_weights(other, right) and value != right:
            yield Item(NOTE, other, f"{value}", f"{official[1].path} was made for {other}: {right}")


def _conflicts(setup: Setup) -> Iterator[Item]:
    for conflict in conflicts(setup.root, setup.values()):
        yield Item(FAIL if conflict.stops else NOTE, conflict.key, conflict.found, conflict.remedy)


def _models(setup: Setup) -> Iterator[Item]:
    for name in ("vae", "diffusion"):
        folder = setup.root / "models" / name
        files = sorted(path.name for path in folder.glob("*.safetensors"))
        if files and (folder / "config.json").is_file():
            yield Item(OK, f"models/{name}", f"trained ({', '.join(files)})")
        else:
            yield Item(NOTE, f"models/{name}", "not trained", "`dvc repro` trains it; compose needs it")


def _storage(setup: Setup) -> Iterator[Item]:
    faults = [*setup.broken] + [".dvc/config is missing"] * (not (setup.root / ".dvc/config").is_file())
    if faults:
        yield Item(FAIL, "DVC", "; ".join(faults), "`dvc repro` does not run here; go to the project's root")
    else:
        settings = configparser.ConfigParser()
        settings.read([setup.root / ".dvc/config", setup.root / ".dvc/config.local"], encoding="utf-8")
        cache = setup.root / ".dvc" / settings.get("cache", "dir", fallback="cache")
        sizes = [path.stat().st_size for path in cache.rglob("*") if path.is_file()]
        text = f"{cache}: {len(sizes)} files, {sum(sizes) / 1e9:.1f} GB"
        yield Item(OK, "DVC cache", text, "" if sizes else "nothing is cached: the first `dvc repro` runs every stage")
    free = shutil.disk_usage(setup.root).free / 1e9
    scarce = f"a default run and its cache need a few GB; {FREE_GB} are advisable"
    yield Item(OK if free > FREE_GB else NOTE, "free disk", f"{free:.1f} GB", "" if free > FREE_GB else scarce)


def _version(name: str) -> str | None:
    names = (name, f"{name}-gpu") if name == "onnxruntime" else (name,)
    for candidate in names:
        try:
            return importlib.metadata.version(candidate)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
