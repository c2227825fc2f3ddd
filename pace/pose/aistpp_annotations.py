"""The pickled files of AIST++'s annotation folder: their dictionaries, arrays and time stamps (FACTS 4)."""

from pathlib import Path
from typing import Any

import numpy as np

from pace.pose import numpy_pickles
from pace.pose.keypoints import KeypointsError

FPS = 60.0  # frame rate of all annotations
# Possible units of the time stamps, in seconds: second, millisecond, microsecond, frame.
_UNITS = (1.0, 1e-3, 1e-6, 1 / FPS)


def read_dictionary(path: Path, *keys: str) -> dict[str, Any]:
    """Read a pickled dictionary that has these keys. Raises KeypointsError, PickleError."""
    content = numpy_pickles.load(path)
    if not isinstance(content, dict):
        raise KeypointsError(f"{path}: has no {keys[0]!r}; expected a file of AIST++'s annotations")
    missing = [key for key in keys if key not in content]
    if missing:
        raise KeypointsError(f"{path}: has no {missing[0]!r}; expected a file of AIST++'s annotations")
    return content


def to_array(value: object, key: str, path: Path) -> np.ndarray:
    """A value of a pickled dictionary as float64. Raises KeypointsError where it is not an array of numbers."""
    try:
        return np.asarray(value, np.float64)
    except (TypeError, ValueError) as error:
        raise KeypointsError(f"{path}: its {key!r} is not an array of numbers ({error}); get an intact copy") from None


def to_seconds(stamps: object, path: Path) -> np.ndarray:
    """Times (N,) in seconds of time stamps that count seconds, milliseconds, microseconds or frames.

    The unit is the one in which their median step is that of 60 frames per second. Raises KeypointsError.
    """
    counts = to_array(stamps, "timestamps", path)
    step = float(np.median(np.diff(counts))) if counts.ndim == 1 and len(counts) > 1 else float("nan")
    for unit in _UNITS:
        if abs(step * unit * FPS - 1) < 0.2 and (np.diff(counts) > 0).all():
            return counts * unit
    raise KeypointsError(
        f"{path}: timestamps with a median step of {step:g}; expected rising ones of 60 frames/s: get an intact copy"
    )
