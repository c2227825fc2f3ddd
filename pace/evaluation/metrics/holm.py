"""Holm's correction of p-values for the number of comparisons."""

import numpy as np
import numpy.typing as npt


def holm(p: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Correct the p-values (K,) of K comparisons; the result is in their order.

    If no difference is real, the chance that any corrected value is at most a level is itself at most that level,
    whatever the comparisons have in common (Holm 1979, step-down): the smallest p is multiplied by K, the next by K - 1
    and so on, and none becomes smaller than those before it, or larger than 1.
    Raises ValueError for values outside [0,1], NaN too: a comparison without a result is not counted.
    """
    values = np.asarray(p, dtype=np.float64)
    if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"p-values {values.tolist()}: expected a list of numbers from 0 to 1")
    order = np.argsort(values, kind="stable")
    steps = values[order] * np.arange(len(values), 0, -1)
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected
