"""Finding NaN and infinity before they spread."""

from typing import Any

import numpy as np
import numpy.typing as npt


def bad_rows(values: npt.NDArray[Any]) -> int:
    """How many rows of an array (n,...), such as frames or clips, hold NaN or infinity."""
    values = np.asarray(values)
    return int(np.count_nonzero(~np.isfinite(values).all(axis=tuple(range(1, values.ndim)))))


def check_finite(values: npt.NDArray[Any], what: str, remedy: str) -> None:
    """Raise ValueError, with the number of rows (n,...) that hold NaN or infinity, if any does."""
    if bad := bad_rows(values):
        raise ValueError(f"{what}: NaN or infinity in {bad} of {len(values)}; {remedy}")
