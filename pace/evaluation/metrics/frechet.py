"""Frechet audio distance between two sets of embeddings (FACTS 9; Kilgour et al. 2019).

Each set is taken for a Gaussian, and the distance is that of Frechet (Wasserstein-2) between the two, squared as is
usual: |m_a - m_b|^2 + tr S_a + tr S_b - 2 tr (S_a S_b)^(1/2).
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from pace.evaluation.metrics import jackknife

HALVINGS = 4  # random halvings of the sources that FAD-infinity is extrapolated from
FEWEST = 16  # sources: with fewer, no FAD-infinity

Clips = Sequence[np.ndarray]  # embeddings (n,d) of each clip


@dataclasses.dataclass(frozen=True)
class Estimate:
    """The figures `fad` and, of 16 sources or more, `fad_inf`; and each without every block of sources in turn (B,).

    Of fewer than four sources nothing is left out.
    """

    values: dict[str, float]
    left_out: dict[str, np.ndarray]

    def intervals(self) -> dict[str, tuple[float, float]]:
        """The 95 % interval of each figure; `fad` has none of it below 0."""
        limits = {name: jackknife.interval(self.values[name], values) for name, values in self.left_out.items()}
        return {name: (max(0.0, low) if name == "fad" else low, high) for name, (low, high) in limits.items()}

    def minus(self, other: "Estimate") -> dict[str, jackknife.Difference]:
        """The difference to another set's distance in each figure; both of the same clips."""
        return {
            name: jackknife.difference(self.values[name], other.values[name], values, other.left_out[name])
            for name, values in self.left_out.items()
        }


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


def estimate(reference: Clips, rows: Clips, sources: Sequence[str] | None = None, seed: int = 0) -> Estimate:
    """FAD and FAD-infinity of the same clips as they are in the reference and in a row, and what intervals take.

    sources: of each clip the dance or song that it comes from, by default itself. Clips of one source are alike, and
    so are the rows of one clip, so that whole sources are left out. The order of the clips does not matter where
    sources are given.

    FAD-infinity: the distance of finite sets is too large by about c / n, n the number of sources, so that halves of
    the sources lie as far above the whole as the whole above what endless sets would give: 2 FAD - FAD of halves,
    averaged over both halves of four random halvings, without replacement. It may fall a little below 0. Both sets are
    halved in the same way, so that pairs of clips stay pairs. (Published FAD-infinity thins the rows of the generated
    set alone, to many sizes: that leaves the bias of the reference and of rows that are alike. The bias bends below
    c / n in small sets, so that a line through still smaller shares ends higher.)
    Raises ValueError for what is no set of embeddings, and for other clips in the row than in the reference.
    """
    if not len(reference) == len(rows) == len(reference if sources is None else sources):
        raise ValueError(f"{len(reference)} clips, {len(rows)} in the row: give the same, and a source for each")
    codes, count = jackknife.numbers(range(len(rows)) if sources is None else sources)
    a, b = _spanned(_rows(np.concatenate(reference)), _rows(np.concatenate(rows)))
    of_a, of_b = (np.repeat(codes, [len(clip) for clip in clips]) for clips in (reference, rows))
    rng = np.random.default_rng(seed)
    halvings = [rng.permutation(count) % 2 == 0 for _ in range(HALVINGS if count >= FEWEST else 0)]

    def distance(kept: np.ndarray) -> float:
        return frechet(a[kept[of_a]], b[kept[of_b]])

    def figures(kept: np.ndarray) -> dict[str, float]:
        found = {"fad": distance(kept)}
        if halvings:
            halves = [distance(kept & side) for half in halvings for side in (half, ~half)]
            found["fad_inf"] = float(2 * found["fad"] - np.mean(halves))
        return found

    values = figures(np.ones(count, dtype=bool))
    blocks = jackknife.blocks(count)
    without = [figures(blocks != block) for block in np.unique(blocks)]
    return Estimate(values, {name: np.array([one[name] for one in without]) for name in values if without})


def pooled(a: np.ndarray, b: np.ndarray) -> float:
    """What the package `frechet-audio-distance` prints for PANNs: the numbers of all vectors as one long set.

    Its Gaussians are scalars (FACTS 9). Not a distance of the embeddings: kept to compare with figures made by it.
    """
    return frechet(np.reshape(a, (-1, 1)), np.reshape(b, (-1, 1)))


def rank_warning(n: int, clips: int, d: int) -> str | None:
    """What to say of a set of n embeddings of d numbers from some clips which are too few for a covariance, else None.

    Rows of one clip are alike, so that the clips must be more than the numbers, too.
    """
    if n <= d:
        said = f"n = {n} rows of {clips} clips, not above d = {d}"
        return f"{said}: the covariance has rank {n - 1} and the distance is mostly bias"
    if clips <= d:
        said = f"n = {n} rows, but of {clips} clips, not above d = {d}"
        return f"{said}: rows of one clip are alike, and much of the distance may be bias"
    return None


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


def _spanned(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fewer rows than dimensions in all: the same rows in coordinates of the space that they span, for speed."""
    if a.shape[1:] != b.shape[1:] or len(a) + len(b) >= a.shape[1]:
        return a, b
    return tuple(np.split(np.linalg.qr(np.concatenate([a, b]).T, mode="r").T, [len(a)]))
