"""Fréchet audio distance between two sets of embeddings (FACTS 9; Kilgour et al. 2019).

Each set is modelled as a Gaussian with mean m and covariance S. The distance is the Fréchet (Wasserstein-2) distance
between the two Gaussians, squared as is usual: |m_a - m_b|^2 + tr S_a + tr S_b - 2 tr (S_a S_b)^(1/2).
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from pace.evaluation.metrics import jackknife

HALVINGS = 4  # random halvings of the sources from which FAD-infinity is extrapolated
MIN_SOURCES_FAD_INF = 16  # sources: FAD-infinity needs at least this many

Clips = Sequence[np.ndarray]  # embeddings (n,d) of each clip


@dataclasses.dataclass(frozen=True)
class Estimate:
    """The figures `fad` and, with 16 sources or more, `fad_inf`, and their leave-one-block-out values.

    left_out: each figure recomputed without one block of sources at a time (B,). Empty with fewer than four sources.
    """

    values: dict[str, float]
    left_out: dict[str, np.ndarray]

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Compute the 95 % interval of each figure; that of `fad` never extends below 0."""
        limits = {name: jackknife.interval(self.values[name], values) for name, values in self.left_out.items()}
        return {name: (max(0.0, low) if name == "fad" else low, high) for name, (low, high) in limits.items()}

    def minus(self, other: "Estimate") -> dict[str, jackknife.Difference]:
        """Subtract another estimate of the same clips, figure by figure."""
        return {
            name: jackknife.difference(self.values[name], other.values[name], values, other.left_out[name])
            for name, values in self.left_out.items()
        }


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Squared Fréchet distance of the Gaussians of two sets of embeddings (n,d) and (m,d), with n and m at least 2.

    Let A and B be the deviations from the mean over sqrt(n - 1) and sqrt(m - 1). The covariances are then A'A and B'B,
    and the trace of the root of their product is the nuclear norm of A B'. This is exact even for n < d and has no
    complex parts. The distance is symmetric, and 0 for equal sets.
    Raises ValueError for other shapes, NaN and infinity.
    """
    (mean_a, root_a), (mean_b, root_b) = _gaussian(a), _gaussian(b)
    if mean_a.shape != mean_b.shape:
        raise ValueError(f"embeddings of {mean_a.size} and {mean_b.size} numbers: give two sets of one network")
    gap = ((mean_a - mean_b) ** 2).sum()
    shared = np.linalg.svd(root_a @ root_b.T, compute_uv=False).sum()
    return max(0.0, float(gap + (root_a**2).sum() + (root_b**2).sum() - 2 * shared))


def estimate(reference: Clips, generated: Clips, sources: Sequence[object] | None = None, seed: int = 0) -> Estimate:
    """Compute FAD and FAD-infinity of generated clips against the reference clips, and the basis of their intervals.

    reference, generated: the embeddings of the same clips, in the same order.
    sources: the dance or song that each clip comes from; by default each clip is its own source. Clips of one source
    are alike, and so are the embeddings of one clip, so whole sources are left out. When sources are given, the order
    of the clips does not matter.

    FAD-infinity: the distance between finite sets is too large by about c / n, with n the number of sources. The
    distance of half the sources is therefore as far above that of all of them as the latter is above the limit. The
    estimate is 2 FAD - FAD of halves, averaged over both halves of four random halvings, without replacement. It may
    fall slightly below 0. Both sets are halved in the same way, so that pairs of clips stay pairs.
    (Published FAD-infinity thins the embeddings of the generated set alone, to many sizes. That keeps the bias from the
    reference and from embeddings that are alike. In small sets the bias grows more slowly than c / n, so a line through
    still smaller shares would end higher.)

    Raises ValueError when reference, generated and sources differ in length, and for invalid embeddings.
    """
    if not len(reference) == len(generated) == len(reference if sources is None else sources):
        raise ValueError(
            f"{len(reference)} clips in the reference, {len(generated)} generated, "
            f"{len(generated) if sources is None else len(sources)} sources: give the same clips and a source for each"
        )
    numbers, count = jackknife.source_numbers(range(len(generated)) if sources is None else sources)
    a, b = _in_spanned_coordinates(_checked(np.concatenate(reference)), _checked(np.concatenate(generated)))
    source_of_row_a, source_of_row_b = (
        np.repeat(numbers, [len(clip) for clip in clips]) for clips in (reference, generated)
    )
    rng = np.random.default_rng(seed)
    halvings = [rng.permutation(count) % 2 == 0 for _ in range(HALVINGS if count >= MIN_SOURCES_FAD_INF else 0)]

    def distance(kept: np.ndarray) -> float:
        return frechet(a[kept[source_of_row_a]], b[kept[source_of_row_b]])

    def figures(kept: np.ndarray) -> dict[str, float]:
        values = {"fad": distance(kept)}
        if halvings:
            halves = [distance(kept & side) for half in halvings for side in (half, ~half)]
            values["fad_inf"] = float(2 * values["fad"] - np.mean(halves))
        return values

    values = figures(np.ones(count, dtype=bool))
    blocks = jackknife.blocks(count)
    without = [figures(blocks != block) for block in np.unique(blocks)]
    return Estimate(values, {name: np.array([figure[name] for figure in without]) for name in values if without})


def pooled(a: np.ndarray, b: np.ndarray) -> float:
    """Compute what the package `frechet-audio-distance` prints for PANNs: all numbers pooled into one long set.

    Its Gaussians are one-dimensional (FACTS 9). This is not a distance between embeddings; it serves for comparison
    with published figures that were computed by that package.
    """
    return frechet(np.reshape(a, (-1, 1)), np.reshape(b, (-1, 1)))


def rank_warning(n: int, clips: int, d: int) -> str | None:
    """Warn when n embeddings of d numbers, taken from `clips` clips, are too few for a covariance; else None.

    Embeddings of one clip are alike, so the clips too must outnumber the dimensions. metrics.json holds the text.
    """
    if n <= d:
        size = f"n = {n} rows of {clips} clips, not above d = {d}"
        return f"{size}: the covariance has rank {n - 1} and the distance is mostly bias"
    if clips <= d:
        size = f"n = {n} rows, but of {clips} clips, not above d = {d}"
        return f"{size}: rows of one clip are alike, and much of the distance may be bias"
    return None


def _checked(points: np.ndarray) -> np.ndarray:
    """The embeddings as float64 (n,d). Raises ValueError unless n >= 2 and every value is finite."""
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or len(points) < 2:
        raise ValueError(f"embeddings of shape {points.shape}; a Gaussian needs (n,d) with two rows or more")
    if not np.isfinite(points).all():
        raise ValueError(f"{np.count_nonzero(~np.isfinite(points).all(axis=1))} embeddings hold NaN or infinity")
    return points


def _gaussian(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (d,) of embeddings (n,d), and R (min(n,d),d) with R'R their covariance."""
    points = _checked(points)
    mean = points.mean(axis=0)
    root = (points - mean) / np.sqrt(len(points) - 1)
    return mean, _triangular(root) if len(root) > root.shape[1] else root


def _in_spanned_coordinates(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For speed, when there are fewer rows than dimensions: the same rows in coordinates of the space they span."""
    if a.shape[1:] != b.shape[1:] or len(a) + len(b) >= a.shape[1]:
        return a, b
    in_a, in_b = np.split(_triangular(np.concatenate([a, b]).T).T, [len(a)])
    return in_a, in_b


def _triangular(matrix: np.ndarray) -> np.ndarray:
    """R of the QR decomposition."""
    r: np.ndarray = np.asarray(np.linalg.qr(matrix, mode="r"))
    return r
