"""The doctor's checks of the machine: packages, devices, DVC and its cache."""

import importlib.metadata
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pace
from pace.pipeline import workers
from pace.setup.doctor_findings import FAIL, NOTE, OK, Finding, Setup
from pace.setup.doctor_machine import dvc_cache

BACKENDS = {"mediapipe": ("mediapipe",), "rtmpose": ("rtmlib", "onnxruntime")}  # keypoints.backend -> packages
# Packages outside requirements.txt -> the setting that needs them.
EXTRAS = {
    "mediapipe": "keypoints.backend: mediapipe",
    "rtmlib": "keypoints.backend: rtmpose",
    "onnxruntime": "keypoints.backend: rtmpose",
    "transformers": "evaluate.clap_weights",
    "distributed": "PACE_DASK",
}
EXTRA_REQUIREMENTS = ("mediapipe", "rtmpose", "clap", "madmom", "dask")  # requirements-{name}.txt


def packages(setup: Setup) -> Iterator[Finding]:
    """The packages of requirements.txt and their versions."""
    pinned = pins(setup.root / "requirements.txt")
    matching = 0
    for name, version in pinned.items():
        installed = installed_version(name)
        if installed is None:
            yield Finding(FAIL, name, "not installed", "run `make venv` or activate .venv")
        elif installed.partition("+")[0] == version:
            matching += 1
        else:
            message = f"{installed}, but requirements.txt pins {version}"
            yield Finding(NOTE, name, message, "results may differ from the committed ones")
    yield Finding(OK, "packages", f"{matching} of {len(pinned)} have the version that requirements.txt pins")


def extras(setup: Setup) -> Iterator[Finding]:
    """The packages that only some settings need."""
    pinned: dict[str, str] = {}
    for name in EXTRA_REQUIREMENTS:
        file = setup.root / f"requirements-{name}.txt"
        pinned |= pins(file) if file.is_file() else {}
    needed = [*BACKENDS.get(str(setup.value("keypoints.backend")), ())]
    needed += ["distributed"] if "PACE_DASK" in os.environ else []
    for name, setting in EXTRAS.items():
        installed = installed_version(name)
        if installed is None and name in needed:
            yield Finding(FAIL, name, "not installed", f"`{setting}`, which is set, needs it")
        elif installed is None:
            yield Finding(NOTE, name, "not installed", f"`{setting}` is not available")
        elif installed != pinned.get(name, installed):
            message = f"{installed}, but the requirements pin {pinned[name]}"
            yield Finding(NOTE, name, message, "this version is untested or known not to work")
        else:
            yield Finding(OK, name, installed)


def caches(_: Setup) -> Iterator[Finding]:
    """Where librosa's compiled code is kept, if neither its own folder nor the home folder can be written to."""
    if pace.TEMPORARY_CACHES:
        message = (
            f"neither the environment nor the home folder can be written to; caches are in {pace.TEMPORARY_CACHES}"
        )
        yield Finding(NOTE, "caches", message, "to keep them, `export NUMBA_CACHE_DIR=FOLDER MPLCONFIGDIR=FOLDER`")


def devices(_: Setup) -> Iterator[Finding]:
    """The GPUs, or the CPU cores if there are none."""
    import torch

    if not torch.cuda.is_available():
        yield Finding(
            OK, "GPU", "none", f"everything runs on {workers.cores()} CPU core(s), enough for the default settings"
        )
    for index in range(torch.cuda.device_count()):
        card = torch.cuda.get_device_properties(index)
        yield Finding(OK, f"GPU {index}", f"{card.name}, {card.total_memory / 2**30:.0f} GiB")


def storage(setup: Setup) -> Iterator[Finding]:
    """DVC's files and cache."""
    faults = [*setup.dvc_faults]
    if not (setup.root / ".dvc/config").is_file():
        faults.append(".dvc/config is missing")
    if faults:
        yield Finding(FAIL, "DVC", "; ".join(faults), "`dvc repro` cannot run here; go to the project's root folder")
    else:
        cache = setup.root / dvc_cache(setup.root)
        sizes = [path.stat().st_size for path in cache.rglob("*") if path.is_file()]
        message = f"{cache}: {len(sizes)} files, {sum(sizes) / 1e9:.1f} GB"
        yield Finding(OK, "DVC cache", message, "" if sizes else "empty: the first `dvc repro` runs every stage")


def pins(path: Path) -> dict[str, str]:
    """Package -> version, as a requirements file pins them for this machine."""
    from packaging.requirements import Requirement

    lines = re.findall(r"^[\w.-]+==[^#\n]+", path.read_text(encoding="utf-8"), re.MULTILINE)
    wanted = (Requirement(line) for line in lines)
    fitting = (requirement for requirement in wanted if requirement.marker is None or requirement.marker.evaluate())
    return {requirement.name: next(iter(requirement.specifier)).version for requirement in fitting}


def installed_version(name: str) -> str | None:
    """The installed version of a package, None if it is not installed. ONNX Runtime may be the package for GPUs."""
    names = (name, f"{name}-gpu") if name == "onnxruntime" else (name,)
    for candidate in names:
        try:
            return importlib.metadata.version(candidate)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None
