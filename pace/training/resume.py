"""The state of an interrupted training: saved atomically, restored by the next run, removed on success."""

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
from typing import Any

import numpy as np
import torch


def fingerprint(*values: object) -> str:
    """A short hash of the values that decide a run's result: dataclasses, arrays, bytes and JSON-able values.

    Raises TypeError for any other value.
    """
    digest = hashlib.sha256()
    for value in values:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            value = [type(value).__name__, dataclasses.asdict(value)]
        if isinstance(value, np.ndarray):
            digest.update(f"{value.dtype.str}{value.shape}".encode())
            digest.update(np.ascontiguousarray(value).reshape(-1).view(np.uint8).data)  # no copy of large arrays
        elif isinstance(value, bytes):
            digest.update(hashlib.sha256(value).digest())
        else:
            digest.update(json.dumps(value, sort_keys=True).encode())
        digest.update(b"\0")
    return digest.hexdigest()[:16]


KEPT = 8  # saved states of a stage; the oldest ones, of abandoned runs, make room for newer ones
STALE = 3600.0  # seconds; an unfinished file older than this is a killed run's


class Resume:
    """The saved state of one training run, in `folder/state.pt`. Sibling folders belong to other runs of the stage.

    The state is a tree of dicts, lists, tensors and plain values, because it is read with `weights_only=True`.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.path = self.folder / "state.pt"

    def load(self) -> dict[str, Any] | None:
        """The last saved state, on the CPU, or None. A damaged file counts as no state, with a warning."""
        try:
            state: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
        except FileNotFoundError:
            return None
        except (RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
            warnings.warn(f"{self.path} is not readable ({error}); training starts from its first step", stacklevel=2)
            return None
        return state

    def save(self, state: dict[str, Any]) -> None:
        """Replace the saved state atomically: a reader sees the old file or the new one, never a part of one."""
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
        """Remove unfinished files of killed runs, and all states but the newest, so that KEPT remain after the save."""
        for leftover in self.folder.parent.glob("*/*.tmp"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - leftover.stat().st_mtime > STALE:
                    leftover.unlink()
        others = [path for path in self.folder.parent.glob("*/state.pt") if path != self.path]
        for path in sorted(others, key=_written)[: -KEPT + 1]:
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # another run has written there
                path.parent.rmdir()

    def clear(self) -> None:
        """Remove the state. Call it once the run's results are written."""
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
