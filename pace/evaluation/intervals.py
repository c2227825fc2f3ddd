"""95 % intervals of the rhythm table, resampled by dance."""

from collections.abc import Mapping

import numpy as np

from pace.evaluation import confidence
from pace.evaluation.controls import ROWS
from pace.evaluation.rhythm import summarise
from pace.evaluation.table import ClipScores, Scores, unrelated

PAIR_RESAMPLES = 2_000  # of the row shuffled, which has hundreds of rows for each clip

Column = list[tuple[Scores, tuple[str, ...]]]  # scores and the groups that they depend on


def statistic_of(metrics: list[str]) -> confidence.Statistic:
    """What `rhythm.summarise` computes of a protocol's metrics: five figures of bcs and bhs, means of others."""
    return confidence.beat_summary if metrics == ["bcs", "bhs"] else confidence.mean


def intervals(
    scores: list[ClipScores], groups: Mapping[str, str]
) -> dict[str, dict[str, dict[str, tuple[float, float]]]]:
    """The interval (low, high) of each figure of `table.summary`, by row, protocol and metric.

    groups: clip id -> the dance that it shows. A pair of row shuffled belongs to both clips' dances. Rows of a single
    dance have no interval and are left out.
    """
    found = {row: _of_row(_column(scores, row, groups), row) for row in ROWS}
    return {row: protocols for row, protocols in found.items() if protocols}


def _column(scores: list[ClipScores], row: str, groups: Mapping[str, str]) -> Column:
    if row != "shuffled":
        return [(entry.rows[row], (groups[entry.clip.clip_id],)) for entry in scores if row in entry.rows]
    column = []
    for entry in scores:
        others = [other.clip for other in scores if unrelated(entry.clip, other.clip)]
        for pair, other in zip(entry.shuffled, others, strict=True):
            column.append((pair, (groups[entry.clip.clip_id], groups[other.clip_id])))
    return column


def _of_row(column: Column, row: str) -> dict[str, dict[str, tuple[float, float]]]:
    out = {}
    for protocol in dict.fromkeys(name for values, _ in column for name in values):
        known = [(values[protocol], places) for values, places in column if protocol in values]
        metrics = list(known[0][0])
        names = list(summarise([values for values, _ in known]))
        limits = confidence.interval(
            np.array([[values[metric] for metric in metrics] for values, _ in known]),
            np.array([places for _, places in known]),
            statistic_of(metrics),
            resamples=PAIR_RESAMPLES if row == "shuffled" else confidence.RESAMPLES,
        )
        if np.isfinite(limits).all():
            out[protocol] = {name: (float(a), float(b)) for name, (a, b) in zip(names, limits, strict=True)}
    return out
