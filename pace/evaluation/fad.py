"""Frechet audio distance between two sets of embeddings (FACTS 9; Kilgour et al. 2019).

Each set is taken for a Gaussian, and the distance is that of Frechet (Wasserstein-2) between the two, squared as is
usual: |m_a - m_b|^2 + tr S_a + tr S_b - 2 tr (S_a S_b)^(1/2).
"""

import numpy as np

SHARES = 8  # sizes of the subsets that FAD-infinity is extrapolated from, evenly spaced in 1/n
SMALLEST_SHARE = 0.25
DRAWS = 4  # subsets of each size
FEWEST = 8  # rows of the smallest subset


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Squared Frechet distance of the Gaussians of two sets of embeddings (n,d), (m,d), n and m at least 2.

    With the deviations from the mean A, B over sqrt(n - 1), sqrt(m - 1) the covariances are A'A and B'B, and the trace
    of the root of their product is the nuclear norm of A B'. That is exact for n < d too, and has no complex parts.
    Symmetric, 0 for equal sets. Raises ValueError for other shapes, NaN and infinity.
    """
    (mean_a, root_a), (mean_b, root_b) = _gaussian(a), _gaussian(b)
    if mean_a.shape != mean_b.shape:
        raise ValueError(f"embeddings of {mean_a.size} and {mean_b.size} numbers: give two sets of one network")
    gap = ((mean_a - mean_b) ** 2).sum()
    shared = np.linalg.svd(root_a @ root_b.T, compute_uv=False).sum()
    return max(0.0, float(gap + (root_a**2).sum() + (root_b**2).sum() - 2 * shared))


def infinity(a: np.ndarray, b: np.ndarray, seed: int = 0) -> float | None:
    """FAD without the bias of small sets: extrapolated to infinitely many rows; may be a little below 0.

    The distance of finite sets is too large by about c/n. Both sets are thinned, without replacement, to the same
    shares of their rows, from all to a quarter, and a line fitted over the inverse share; its value at 0 is the result.
    (Published FAD-infinity thins the generated set alone, which leaves the bias that the reference brings.) Sets of
    equal length are thinned to the same rows, so that pairs of clips stay pairs. None where a quarter of a set is
    fewer than 8 rows. Symmetric. The order of the rows matters as a seed does.
    """
    a, b = _rows(a), _rows(b)
    smallest = max(SMALLEST_SHARE, FEWEST / min(len(a), len(b)))
    if smallest > SMALLEST_SHARE:
        return None
    inverse = np.linspace(1, 1 / smallest, SHARES)
    values = []
    for place, factor in enumerate(inverse):
        draws = [(seed, place, draw) for draw in range(DRAWS if place else 1)]
        values.append(np.mean([frechet(_thinned(a, factor, draw), _thinned(b, factor, draw)) for draw in draws]))
    return float(np.polynomial.polynomial.polyfit(inverse, values, 1)[0])


def pooled(a: np.ndarray, b: np.ndarray) -> float:
    """What the package `frechet-audio-distance` prints for PANNs: the numbers of all vectors as one long set.

    Its Gaussians are scalars (FACTS 9). Not a distance of the embeddings: kept to compare with figures made by it.
    """
    return frechet(np.reshape(a, (-1, 1)), np.reshape(b, (-1, 1)))


def compare(reference: np.ndarray, rows: np.ndarray) -> dict[str, float]:
    """All that is reported of two sets of embeddings (m,d), (n,d).

    `fad`; `fad_inf` (`infinity`) where the sets are large enough; `n`, `n_reference` and `d`.
    """
    extrapolated = infinity(reference, rows)
    return {
        "fad": frechet(reference, rows),
        **({} if extrapolated is None else {"fad_inf": extrapolated}),
        "n": len(rows),
        "n_reference": len(reference),
        "d": rows.shape[1],
    }


def rank_warning(n: int, d: int) -> str | None:
    """What to say of a set of n embeddings of d numbers whose covariance has not full rank, else None."""
    if n > d:
        return None
    return f"n = {n} is not above d = {d}: the covariance has rank {n - 1} and the distance is mostly bias"


def _rows(points: np.ndarray) -> np.ndarray:
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or len(points) < 2:
        raise ValueError(f"embeddings of shape {points.shape}; a Gaussian needs (n,d) with two rows or more")
    if not np.isfinite(points).all():
        raise ValueError(f"{np.count_nonzero(~np.isfinite(points).all(axis=1))} embeddings hold NaN or infinity")
    return points


def _gaussian(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (d,) of embeddings (n,d) and R (min(n,d),d) with R'R their covariance."""
    points = _rows(points)
    mean = points.mean(axis=0)
    root = (points - mean) / np.sqrt(len(points) - 1)
    return mean, np.linalg.qr(root, mode="r") if len(root) > root.shape[1] else root


def _thinned(points: np.ndarray, factor: float, seed: tuple[int, ...]) -> np.ndarray:
    """A share 1 / factor of the rows, drawn without replacement; sets of equal length lose the same rows."""
    kept = round(len(points) / factor)
    if kept == len(points):
        return points
    return points[np.random.default_rng(seed).choice(len(points), kept, replace=False)]
