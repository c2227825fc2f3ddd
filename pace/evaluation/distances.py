"""The Frechet table: every row's distance to the true music by every extractor, and why one is missing."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from pace import weights
from pace.evaluation.embedders import networks
from pace.evaluation.embedders.networks import Embedder
from pace.evaluation.metrics import frechet, jackknife

DESCRIPTORS = "descriptors"
NETWORKS = tuple(networks.LOADERS)
EXTRACTORS = (DESCRIPTORS, *NETWORKS)
POOLED = "fad_panns_pooled_legacy"
REFERENCE = "truth"

Embedded = Mapping[str, Mapping[str, np.ndarray]]  # row -> extractor -> embeddings (n,d) of one clip
Limits = dict[str, dict[str, tuple[float, float]]]  # extractor -> figure -> (low, high)


def load_networks(wanted: Iterable[str], paths: Mapping[str, Path | str]) -> tuple[dict[str, Embedder], dict[str, str]]:
    """The networks among the wanted extractors, on the GPU where there is one, and why others cannot be computed.

    paths: network -> its weights; an empty folder, such as data/none, stands for none. A missing optional package
    counts as a reason too. Raises ValueError for an unknown extractor, WeightsError for wrong or missing files.
    """
    networks, missing = {}, {}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    for name in wanted:
        if name not in EXTRACTORS:
            raise ValueError(f"no extractor {name!r}; there are {', '.join(EXTRACTORS)}")
        if name == DESCRIPTORS:
            continue
        path = Path(paths.get(name, ""))
        if name not in paths or _empty(path):
            missing[name] = f"not computed: no weights (python -m pace fetch {name})"
            continue
        try:
            networks[name] = networks.load(name, path).to(device)
        except ImportError as error:
            missing[name] = f"not computed: {error}"
    return networks, missing


def _empty(path: Path) -> bool:
    return path.is_dir() and not any(file.suffix in weights.SUFFIXES for file in path.iterdir())


def of_clip(
    wanted: Iterable[str],
    networks: Mapping[str, Embedder],
    described: Mapping[str, np.ndarray],
    waves: Mapping[str, np.ndarray],
    sample_rate: int,
) -> dict[str, dict[str, np.ndarray]]:
    """Embeddings (n,d) of one clip: row -> extractor -> points.

    described: row -> its descriptors. waves: row -> samples (S,), which the networks hear.
    """
    kept = {row: {DESCRIPTORS: points} if DESCRIPTORS in wanted else {} for row, points in described.items()}
    heard = {row: {name: net.embed(wave, sample_rate) for name, net in networks.items()} for row, wave in waves.items()}
    return {row: points | heard.get(row, {}) for row, points in kept.items()}


class Distances:
    """Frechet distances of rows of music to the true music of the same clips, and their intervals.

    clips: each row -> extractor -> embeddings (n,d), the row `truth` among them. sources: of each clip the dance or
    song that it comes from. A row's distance is of the clips that have it; estimates are kept, as they take seconds.
    """

    def __init__(self, clips: Sequence[Embedded], sources: Sequence[str]):
        self._clips, self._sources = clips, sources
        self._known: dict[tuple, frechet.Estimate] = {}

    @property
    def rows(self) -> list[str]:
        """Every row that a clip has, but for the true music, whose distance is 0."""
        return [row for row in dict.fromkeys(row for clip in self._clips for row in clip) if row != REFERENCE]

    @property
    def extractors(self) -> list[str]:
        """Every extractor that any row has."""
        return list(dict.fromkeys(name for clip in self._clips for points in clip.values() for name in points))

    def of_row(self, row: str) -> tuple[dict[str, dict[str, float]], Limits, dict[str, str]]:
        """By extractor: the figures of a row, their 95 % intervals, and what to be warned of.

        Figures: `fad`, `fad_inf` and intervals as `fad.estimate` says; n, n_reference and d of the embeddings, and the
        clips that they come from; of CNN14 the pooled value under its legacy name, which has no interval. A set of
        fewer than two embeddings has no distance: the warning says so. Distances have five significant digits: the
        eighth was seen to change from run to run.
        """
        figures: dict[str, dict[str, float]] = {}
        limits: Limits = {}
        warnings: dict[str, str] = {}
        for name in self.extractors:
            has = self._having(name, row)
            if not has:
                continue
            true, found = (np.concatenate(self._points(name, side, has)) for side in (REFERENCE, row))
            if (fewest := min(len(true), len(found))) < 2:
                warnings[name] = f"{fewest} embedding in {row} or the reference: a distance needs two or more"
                continue
            estimate = self._estimate(name, row, has)
            values = estimate.values | ({POOLED: frechet.pooled(true, found)} if name == "cnn14" else {})
            counts = {"n": len(found), "n_reference": len(true), "clips": len(has), "d": found.shape[1]}
            figures[name] = {key: digits(value) for key, value in values.items()} | counts
            if intervals := estimate.intervals():
                limits[name] = {key: (digits(low), digits(high)) for key, (low, high) in intervals.items()}
            if warning := frechet.rank_warning(fewest, len(has), found.shape[1]):
                warnings[name] = warning
        return figures, limits, warnings

    def difference(self, name: str, first: str, second: str) -> tuple[int, dict[str, jackknife.Difference]]:
        """How many clips have both rows, and by figure the first row's distance minus the second's, of those clips.

        No figure where they come from fewer than four sources.
        """
        has = tuple(sorted({*self._having(name, first)} & {*self._having(name, second)}))
        if len({self._sources[i] for i in has}) < jackknife.FEWEST:
            return len(has), {}
        return len(has), self._estimate(name, first, has).minus(self._estimate(name, second, has))

    def _having(self, name: str, row: str) -> tuple[int, ...]:
        return tuple(
            i for i, clip in enumerate(self._clips) if all(name in clip.get(side, {}) for side in (REFERENCE, row))
        )

    def _points(self, name: str, row: str, has: tuple[int, ...]) -> list[np.ndarray]:
        return [self._clips[i][row][name] for i in has]

    def _estimate(self, name: str, row: str, has: tuple[int, ...]) -> frechet.Estimate:
        if (name, row, has) not in self._known:
            sets = (self._points(name, side, has) for side in (REFERENCE, row))
            self._known[name, row, has] = frechet.estimate(*sets, [self._sources[i] for i in has])
        return self._known[name, row, has]


def digits(value: float) -> float:
    """A number with five significant digits."""
    return float(f"{value:.5g}")


def sections(found: Distances, missing: Mapping[str, str]) -> tuple[dict, dict[str, Limits]]:
    """Section `fad` of metrics.json and the rows' intervals: row -> extractor -> figure -> (low, high).

    The section: row -> extractor -> figures, with `warning` and `not_computed` by extractor.
    """
    table, limits, warnings = {}, {}, {}
    for row in found.rows:
        table[row], limits[row], said = found.of_row(row)
        warnings |= said
    table |= {"warning": warnings, "not_computed": dict(missing)}
    return tuple({key: value for key, value in part.items() if value} for part in (table, limits))
