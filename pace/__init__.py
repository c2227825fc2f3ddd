"""PACE: music from the motion of a dance.

Importing it chooses folders for the caches of librosa's compiled code and of matplotlib, before either is imported.
"""

import importlib.util
import os
import tempfile
from pathlib import Path


def _temporary_caches() -> str:
    """Let numba and matplotlib keep files in a temporary folder of the user's where nothing else can be written to.

    Without such a folder numba refuses to import librosa ("cannot cache function"). Returns the folder, '' if it is not
    needed: numba writes beside librosa's files or below the home folder, and both variables are respected.
    """
    spec = importlib.util.find_spec("librosa")
    beside = str(Path(spec.origin).parent) if spec and spec.origin else "/"
    if any(os.access(folder, os.W_OK) for folder in (beside, os.path.expanduser("~"))):
        return ""
    folder = Path(tempfile.gettempdir(), f"pace-{getattr(os, 'getuid', int)()}")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():  # numba runs what it finds there
            folder = Path(tempfile.mkdtemp(prefix="pace-"))
    except OSError:
        return ""
    os.environ.setdefault("NUMBA_CACHE_DIR", str(folder / "numba"))
    os.environ.setdefault("MPLCONFIGDIR", str(folder / "matplotlib"))
    return str(folder)


TEMPORARY_CACHES = _temporary_caches()
