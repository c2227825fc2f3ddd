"""Bootstrap confidence intervals of metrics over clips, resampling the dances that the clips come from.

Clips of one dance are alike, whatever the camera, so whole groups of clips are drawn (cluster bootstrap: Davison and
Hinkley 1997, 3.8). With few groups plain percentiles are too narrow. The quantiles are therefore widened to those of
Student's t instead of the normal distribution (Hesterberg 2015, "expanded percentile"). On simulated normal data, the
95 % intervals of means cover the true value in 0.94-0.95 of cases with 10, 20 and 50 groups. Those of standard
deviations cover it in 0.84, 0.90 and 0.93.

Shapes used throughout:
- values (n,K): one row per clip.
- groups (n,): the group of each row; (n,2) when each row compares a clip of one group with a clip of another.
- weights (B,n): how often each row is drawn in each of B resamples.
- A statistic maps values and weights to (B,M).

Values are finite. What is missing in a clip is left out by the caller, who gives the clips that have a value.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import stats

from pace.finite import check_finite

Statistic = Callable[[np.ndarray, np.ndarray], np.ndarray]

SUMMARY = ("bcs", "csd", "bhs", "hsd", "f1")  # the figures of `beat_summary`
RESAMPLES = 10_000
LEVEL = 0.95
BLOCK = 2**22  # weights held in memory at once


def mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean of each column over the resampled rows: (n,K), (B,n) -> (B,K)."""
    means: np.ndarray = weights @ values / weights.sum(axis=1, keepdims=True)
    return means


def deviation(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Standard deviation (ddof 1) of each column over the resampled rows: (n,K), (B,n) -> (B,K); NaN for one row."""
    count = weights.sum(axis=1, keepdims=True)
    centred = values - values.mean(axis=0)  # against cancellation
    variance = weights @ centred**2 / count - (weights @ centred / count) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        deviations: np.ndarray = np.sqrt(np.maximum(variance, 0) * count / (count - 1))
    return np.where(count > 1, deviations, np.nan)


def beat_summary(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Compute BCS, CSD, BHS, HSD and the F1 of the mean scores (FACTS 7) from bcs and bhs (n,2): (B,5)."""
    bcs, bhs = mean(values, weights).T
    csd, hsd = deviation(values, weights).T
    both = bcs + bhs
    f1 = np.divide(2 * bcs * bhs, both, out=np.zeros_like(both), where=both != 0)  # an empty resample stays NaN
    return np.stack([bcs, csd, bhs, hsd, f1], axis=1)


@dataclasses.dataclass(frozen=True)
class Difference:
    """First minus second system: the value (M,), its interval (M,2) and the two-sided p-value (M,) of no difference.

    at_most (M,): true where no resample reached 0. There p is the smallest value that the resamples can show, and the
    true p may be smaller.
    """

    value: np.ndarray
    interval: np.ndarray
    p: np.ndarray
    at_most: np.ndarray


def interval(
    values: np.ndarray,
    groups: npt.ArrayLike,
    statistic: Statistic = mean,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> np.ndarray:
    """Compute the interval (M,2) that contains the statistic with probability `level`; NaN if there is one group only.

    Raises ValueError when the shapes of values and groups do not match, and for values that are not finite.
    """
    resampled, count = bootstrap(values, groups, statistic, resamples, seed)
    return _quantiles(resampled, count, level)


def difference(
    first: np.ndarray,
    second: np.ndarray,
    groups: npt.ArrayLike,
    statistic: Statistic = mean,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Difference:
    """Compare two systems on the same clips, row by row: each resample draws the same groups for both.

    p is the level at which the interval of the difference just reaches 0. With four groups or more, p < 1 - level
    exactly when the interval excludes 0. The smallest possible p is that of one resample in `resamples`: 0.002 with 20
    groups, 0.09 with three.
    Raises ValueError when the shapes of first, second and groups do not match.
    """
    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"the systems have scores of shape {first.shape} and {second.shape}; give the same clips")

    def change(both: np.ndarray, weights: np.ndarray) -> np.ndarray:
        of_first, of_second = (statistic(half, weights) for half in np.split(both, 2, axis=1))
        difference: np.ndarray = of_first - of_second
        return difference

    both = np.concatenate([first, second], axis=1)
    resampled, count = bootstrap(both, groups, change, resamples, seed)
    value = change(both, np.ones((1, len(both))))[0]
    return Difference(value, _quantiles(resampled, count, level), *_p_value(resampled, count))


def bootstrap(
    values: np.ndarray, groups: npt.ArrayLike, statistic: Statistic, resamples: int, seed: int
) -> tuple[np.ndarray, int]:
    """Compute the statistic of each resample (B,M), and the number of groups.

    Which groups are drawn depends on the groups and the seed alone.
    Raises ValueError when the shapes of values and groups do not match, and for values that are not finite.
    """
    values, labels = np.asarray(values, dtype=np.float64), np.asarray(groups)
    if values.ndim != 2 or not len(values) or labels.shape[:1] != values.shape[:1]:
        raise ValueError(f"values {values.shape} and groups {labels.shape}: expected (n,K) and (n,) or (n,2), n > 0")
    check_finite(values, "rows", "leave out the clips without a value")
    names, codes = np.unique(labels, return_inverse=True)
    codes = codes.reshape(len(values), -1)
    count = len(names)
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=resamples)
    step = max(1, BLOCK // len(values))
    with np.errstate(invalid="ignore", divide="ignore"):  # a resample without any row is NaN and is left out
        blocks = [
            statistic(values, draws[start : start + step][:, codes].prod(axis=-1).astype(np.float64))
            for start in range(0, resamples, step)
        ]
    return np.concatenate(blocks), count


def _quantiles(resampled: np.ndarray, count: int, level: float) -> np.ndarray:
    """The expanded percentile interval (M,2) of resampled statistics (B,M) of `count` groups."""
    if count < 2:
        return np.full((resampled.shape[1], 2), np.nan)
    tail = stats.norm.cdf(np.sqrt(count / (count - 1)) * stats.t.ppf((1 - level) / 2, count - 1))
    existing = np.isfinite(resampled).any(axis=0)
    limits = np.full((resampled.shape[1], 2), np.nan)
    limits[existing] = np.nanquantile(resampled[:, existing], [tail, 1 - tail], axis=0).T
    return limits


def _p_value(resampled: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Two-sided p-values (M,) of resampled differences (B,M), and where they are only upper bounds (M,)."""
    if count < 2:
        return np.full(resampled.shape[1], np.nan), np.zeros(resampled.shape[1], dtype=bool)
    valid = np.maximum(np.isfinite(resampled).sum(axis=0), 1)
    share = np.minimum((resampled <= 0).sum(axis=0), (resampled >= 0).sum(axis=0)) / valid
    normal = stats.norm.ppf(np.clip(share, 1 / (valid + 1), 1))
    return np.minimum(1, 2 * stats.t.cdf(normal / np.sqrt(count / (count - 1)), count - 1)), share == 0
