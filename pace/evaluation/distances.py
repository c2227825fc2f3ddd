"""The Frechet table: every row's distance to the true music by every extractor, and why one is missing (FACTS 9)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pace.evaluation.clips import TRUTH
from pace.evaluation.embeddings import Embedded
from pace.evaluation.metrics import frechet, jackknife

POOLED = "fad_panns_pooled_legacy"

Limits = dict[str, dict[str, tuple[float, float]]]  # extractor -> figure -> (low, high)


class Distances:
    """Frechet distances of rows of music to the true music of the same clips, and their intervals.

    clips: each row -> extractor -> embeddings (n,d), the row `truth` among them. sources: the dance or song that each
    clip comes from. A row's distance covers the clips that have the row. A clip with an embedding that is NaN or
    infinite, in any row, is left out of the distances of that extractor in all rows. Estimates are cached, since each
    takes seconds.
    """

    def __init__(self, clips: Sequence[Embedded], sources: Sequence[str]) -> None:
        self._clips, self._sources = clips, sources
        self._not_finite = {(i, name) for i, clip in enumerate(clips) for name in _not_finite(clip)}
        self._estimates: dict[tuple[str, str, tuple[int, ...]], frechet.Estimate] = {}

    @property
    def rows(self) -> list[str]:
        """Every row that a clip has, but for the true music, whose distance is 0."""
        return [row for row in dict.fromkeys(row for clip in self._clips for row in clip) if row != TRUTH]

    @property
    def extractors(self) -> list[str]:
        """Every extractor that any row has."""
        return list(dict.fromkeys(name for clip in self._clips for points in clip.values() for name in points))

    def row_figures(self, row: str) -> tuple[dict[str, dict[str, float]], Limits, dict[str, str]]:
        """By extractor: the figures of a row, their 95 % intervals, and warnings.

        Figures: `fad` and `fad_inf` as `frechet.estimate` describes them, with intervals; n, n_reference and d of the
        embeddings, and the number of clips. CNN14 also has the pooled value under its legacy name, without an
        interval. Fewer than two embeddings have no distance; the warning says so. Distances have five significant
        digits, because the eighth digit varied between runs.
        """
        figures: dict[str, dict[str, float]] = {}
        limits: Limits = {}
        warnings: dict[str, str] = {}
        for name in self.extractors:
            members = self._members(name, row)
            if broken := sum(extractor == name for _, extractor in self._not_finite):
                warnings[name] = f"{broken} clips left out: embeddings that are NaN or infinite"
            if not members:
                continue
            true, points = (np.concatenate(self._points(name, side, members)) for side in (TRUTH, row))
            if (fewest := min(len(true), len(points))) < 2:
                _add(warnings, name, f"{fewest} embedding in {row} or the reference: a distance needs two or more")
                continue
            estimate = self._estimate(name, row, members)
            values = estimate.values | ({POOLED: frechet.pooled(true, points)} if name == "cnn14" else {})
            counts = {"n": len(points), "n_reference": len(true), "clips": len(members), "d": points.shape[1]}
            figures[name] = {key: digits(value) for key, value in values.items()} | counts
            if intervals := estimate.intervals():
                limits[name] = {key: (digits(low), digits(high)) for key, (low, high) in intervals.items()}
            if warning := frechet.rank_warning(fewest, len(members), points.shape[1]):
                _add(warnings, name, warning)
        return figures, limits, warnings

    def difference(self, name: str, first: str, second: str) -> tuple[int, dict[str, jackknife.Difference]]:
        """How many clips have both rows, and by figure the first row's distance minus the second's, of those clips.

        No figure where they come from fewer than four sources.
        """
        members = tuple(sorted({*self._members(name, first)} & {*self._members(name, second)}))
        if len({self._sources[i] for i in members}) < jackknife.MIN_SOURCES:
            return len(members), {}
        return len(members), self._estimate(name, first, members).minus(self._estimate(name, second, members))

    def _members(self, name: str, row: str) -> tuple[int, ...]:
        """The clips that have embeddings of both the row and the true music."""
        return tuple(
            i
            for i, clip in enumerate(self._clips)
            if (i, name) not in self._not_finite and all(name in clip.get(side, {}) for side in (TRUTH, row))
        )

    def _points(self, name: str, row: str, members: tuple[int, ...]) -> list[npt.NDArray[Any]]:
        return [self._clips[i][row][name] for i in members]

    def _estimate(self, name: str, row: str, members: tuple[int, ...]) -> frechet.Estimate:
        if (name, row, members) not in self._estimates:
            true, points = (self._points(name, side, members) for side in (TRUTH, row))
            sources = [self._sources[i] for i in members]
            self._estimates[name, row, members] = frechet.estimate(true, points, sources)
        return self._estimates[name, row, members]


def _not_finite(clip: Embedded) -> set[str]:
    """The extractors that gave an embedding with NaN or infinity for any row of a clip."""
    return {name for points in clip.values() for name, values in points.items() if not np.isfinite(values).all()}


def _add(warnings: dict[str, str], name: str, text: str) -> None:
    warnings[name] = f"{warnings[name]}; {text}" if name in warnings else text


def digits(value: float) -> float:
    """A number with five significant digits."""
    return float(f"{value:.5g}")


def sections(distances: Distances, missing: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Limits]]:
    """Section `fad` of metrics.json, and the intervals by row.

    The section: row -> extractor -> figures, with `warning` and `not_computed` by extractor.
    """
    table: dict[str, Any] = {}
    limits: dict[str, Limits] = {}
    warnings: dict[str, str] = {}
    for row in distances.rows:
        table[row], limits[row], row_warnings = distances.row_figures(row)
        warnings |= row_warnings
    table |= {"warning": warnings, "not_computed": dict(missing)}
    return {key: value for key, value in table.items() if value}, {row: part for row, part in limits.items() if part}
