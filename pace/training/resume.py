"""Training state that survives an interruption: written atomically, read back, removed on success."""

import contextlib
import dataclasses
import hashlib
import json
import os
import pickle
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch


def fingerprint(*things: object) -> str:
    """One short hash of everything that decides a run: dataclasses, plain values, arrays, bytes.

    Raises TypeError for a thing with no stable form.
    """
    digest = hashlib.sha256()
    for thing in things:
        if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
            thing = [type(thing).__name__, dataclasses.asdict(thing)]
        if isinstance(thing, np.ndarray):
            digest.update(f"{thing.dtype.str}{thing.shape}".encode())
            digest.update(np.ascontiguousarray(thing).reshape(-1).view(np.uint8))  # no copy of large arrays
        elif isinstance(thing, bytes):
            digest.update(hashlib.sha256(thing).digest())
        else:
            digest.update(json.dumps(thing, sort_keys=True).encode())
        digest.update(b"\0")
    return digest.hexdigest()[:16]


KEPT = 8  # states of a stage: those of abandoned runs go when newer ones come
STALE = 3600.0  # seconds after which an unfinished file is what a killed run left


class Resume:
    """The saved state of one training run in `folder/state.pt`; its siblings are those of other runs of the stage.

    The state is a tree of dicts, lists, tensors and plain values (it is read with `weights_only=True`).
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.path = self.folder / "state.pt"

    def load(self) -> dict | None:
        """The last saved state on the CPU, or None; a damaged file counts as none, with a warning."""
        try:
            return torch.load(self.path, map_location="cpu", weights_only=True)
        except FileNotFoundError:
            return None
        except (RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
            warnings.warn(f"{self.path} is not readable ({error}); training starts from its first step", stacklevel=2)
            return None

    def save(self, state: dict) -> None:
        """Replace the saved state in one step: a reader sees the old file or the new one, never a part."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._prune()
        handle, name = tempfile.mkstemp(dir=self.folder, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                torch.save(state, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _prune(self) -> None:
        """Remove what killed runs left: unfinished files, and all but the KEPT states last written."""
        for leftover in self.folder.parent.glob("*/*.tmp"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - leftover.stat().st_mtime > STALE:
                    leftover.unlink()
        others = [path for path in self.folder.parent.glob("*/state.pt") if path != self.path]
        for path in sorted(others, key=_written)[: -KEPT + 1]:
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # another run writes there again
                path.parent.rmdir()

    def clear(self) -> None:
        """Remove the state; call it once the run's results are written."""
        self.path.unlink(missing_ok=True)
        if self.folder.is_dir():
            for leftover in self.folder.glob("*.tmp"):
                leftover.unlink(missing_ok=True)
            if not any(self.folder.iterdir()):
                self.folder.rmdir()


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
