"""The doctor's checks of what surrounds the project: the platform, the user, folders and their names, disk space.

Standard library only: `make` runs them before it installs anything.
"""

import configparser
import getpass
import importlib.util
import os
import platform
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pace.setup.doctor_findings import FAIL, NOTE, OK, Finding

PYTHON, NO_MEDIAPIPE = (3, 11), (3, 13)
VENV = Path(".venv")
INSTALLED = VENV / ".installed"  # written by `make` at the end of the installation
MIN_INSTALL_GB, GOOD_INSTALL_GB, MIN_TEMP_GB = 3, 10, 2  # PyTorch for the CPU; with CUDA; pip's largest wheel
MIN_FREE_GB = 5
MIN_GLIBC = (2, 28)
COPIES = "`dvc exp run --temp`, `--queue` and `python -m pace ablate`"  # what works in copies of the project
WRITTEN = (".", ".dvc", ".dvc/tmp", ".dvc/cache", ".resume", "data", "models", "reports", "dvc.lock", "params.yaml")


def python(_: Path) -> Iterator[Finding]:
    """The version of Python."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] == PYTHON:
        yield Finding(OK, "Python", version)
        return
    remedy = "the project targets Python 3.11: `make PYTHON=/path/to/python3.11`"
    if sys.version_info >= NO_MEDIAPIPE:
        remedy = f"MediaPipe has no wheels for it and is left out, with the default of keypoints.backend; {remedy}"
    yield Finding(NOTE, "Python", version, remedy)


def system(_: Path) -> Iterator[Finding]:
    """The operating system and processor: whether the pinned packages have wheels for them."""
    name, machine = platform.system(), platform.machine()
    libc, version = platform.libc_ver()
    described = f"{name} {machine}"
    if name == "Windows":
        yield Finding(NOTE, "system", described, "PACE runs on Linux and macOS; on Windows use WSL")
    elif name == "Darwin" and machine == "x86_64":
        yield Finding(FAIL, "system", described, "PyTorch has no wheels for Intel Macs: use Linux or Apple silicon")
    elif sys.maxsize < 2**32:
        yield Finding(FAIL, "system", f"{described}, 32 bits", "PyTorch has wheels for 64 bits alone")
    elif name == "Linux" and libc != "glibc":
        remedy = "PyTorch has no wheels for musl (Alpine): use an image of Debian or Ubuntu, such as python:3.11"
        yield Finding(FAIL, "system", f"{described} without glibc", remedy)
    elif name == "Linux" and tuple(map(int, version.split(".")[:2])) < MIN_GLIBC:
        needed = ".".join(map(str, MIN_GLIBC))
        yield Finding(
            FAIL, "system", f"{described}, glibc {version}", f"the packages need {needed}: use a newer system"
        )
    else:
        yield Finding(OK, "system", described)


def user(_: Path) -> Iterator[Finding]:
    """The user's name, which DVC asks for, and the home folder, where git, pip, numba and matplotlib keep files."""
    identity = str(getattr(os, "getuid", lambda: "")())
    named = _in_user_database()
    try:
        name = getpass.getuser()
    except (KeyError, OSError, ImportError):
        message = f"user id {identity} has no name, as in a container started with a bare id"
        yield Finding(FAIL, "user", message, f"no DVC command runs: `export LOGNAME=uid-{identity}`")
    else:
        message = f"user id {identity} has no name; DVC takes {name} from the environment"
        remedy = f"outside of `make`, DVC commands need `export LOGNAME={shlex.quote(name)}`"
        yield Finding(OK, "user", name) if named else Finding(NOTE, "user", message, remedy)
    home = os.environ.get("HOME", "") if not named else os.path.expanduser("~")
    if not home:
        yield Finding(
            FAIL, "home", "HOME is not set", "no DVC command runs: `export HOME=FOLDER` that you can write to"
        )
    elif not os.access(home, os.W_OK):
        remedy = "git's settings and pip's, numba's and matplotlib's caches cannot be kept: `export HOME=FOLDER`"
        yield Finding(NOTE, "home", f"{home} cannot be written to", f"{remedy} that you can write to")


def folders(root: Path) -> Iterator[Finding]:
    """Whether the project's folders can be written to, and whether the environment was made for this folder."""
    locked = [name for name in WRITTEN if (root / name).exists() and not os.access(root / name, os.W_OK)]
    if locked:
        message = f"cannot write to {', '.join(name if name != '.' else str(root.resolve()) for name in locked)}"
        remedy = 'take them over, `sudo chown -R "$(id -u)" .`, or work in a copy of your own'
        yield Finding(FAIL, "folder", message, remedy)
    script = root / VENV / "bin" / "dvc"
    if script.is_file():
        with open(script, "rb") as file:
            interpreter = os.fsdecode(file.readline().removeprefix(b"#!").strip())
        if interpreter.startswith("/") and " " not in interpreter and not Path(interpreter).is_file():
            message = f"{VENV} was made for another folder or a Python that is gone ({interpreter})"
            yield Finding(FAIL, "environment", message, f"its commands do not start: `rm -r {VENV}`, then `make venv`")


def path(root: Path) -> Iterator[Finding]:
    """Characters in the project's path that some command cannot take."""
    place = str(root.resolve())
    cache = root.resolve() / dvc_cache(root)
    if os.pathsep in place:
        yield Finding(FAIL, "path", place, f"Python makes no environment below a {os.pathsep!r}: rename the folder")
    elif " " in place and set(place) & set('"$`'):
        yield Finding(FAIL, "path", place, "the environment's commands do not start there: rename the folder")
    elif set(place) & set("{}"):
        yield Finding(FAIL, "path", place, "DVC cannot run below a folder with a brace: rename it")
    elif set(place) & set("#?"):
        yield Finding(NOTE, "path", place, f"{COPIES} fail below `#` and `?`: rename the folder")
    elif not str(cache).isascii():
        remedy = "give DVC a cache folder of plain letters (move the present one there): `dvc cache dir --local FOLDER`"
        yield Finding(NOTE, "path", f"{cache} has letters outside ASCII", f"{COPIES} fail: {remedy}")
    elif place.startswith("/mnt/") and "microsoft" in platform.release().lower():
        remedy = "a Windows drive is slow in WSL and has no hard links: clone into your Linux home folder"
        yield Finding(NOTE, "path", place, remedy)
    else:
        yield Finding(OK, "path", place)


def disk(root: Path) -> Iterator[Finding]:
    """The free disk space for a run, and before the installation for that too."""
    free = shutil.disk_usage(root).free / 1e9
    temporary = Path(tempfile.gettempdir())
    if (root / INSTALLED).exists() or importlib.util.find_spec("torch"):
        advice = f"a run with the default settings and its cache need a few GB; have at least {MIN_FREE_GB} GB free"
        enough = free > MIN_FREE_GB
        yield Finding(OK if enough else NOTE, "free disk", f"{free:.1f} GB", "" if enough else advice)
        return
    needs = "the environment takes 3 GB with PyTorch for the CPU, up to 8 GB with CUDA, and a run 1.5 GB"
    state = FAIL if free < MIN_INSTALL_GB else NOTE if free < GOOD_INSTALL_GB else OK
    yield Finding(state, "free disk", f"{free:.1f} GB", "" if state == OK else f"{needs}: make room")
    if (free_temporary := shutil.disk_usage(temporary).free / 1e9) < MIN_TEMP_GB:
        remedy = "pip unpacks packages there, the largest of 1 to 2 GB: `export TMPDIR=FOLDER` with more room"
        yield Finding(NOTE, "free disk", f"{free_temporary:.1f} GB in {temporary}", remedy)


def dvc_cache(root: Path) -> Path:
    """The folder of DVC's cache, as the project's settings name it; relative to the root, or absolute."""
    settings = configparser.ConfigParser(interpolation=None)
    settings.read([root / ".dvc/config", root / ".dvc/config.local"], encoding="utf-8")
    return Path(".dvc") / settings.get("cache", "dir", fallback="cache")


def _in_user_database() -> bool:
    """Whether the system knows a name for the user's id; true on Windows, which has no ids."""
    try:
        import pwd
    except ImportError:
        return True
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        return False
    return True
