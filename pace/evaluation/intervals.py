"""95 % intervals of the rhythm table, resampled by dance."""

from collections.abc import Mapping, Sequence

import numpy as np

from pace.evaluation.controls import ROWS
from pace.evaluation.metrics import bootstrap
from pace.evaluation.metrics.rhythm import summarise
from pace.evaluation.table import ClipScores, Scores, unrelated

PAIR_RESAMPLES = 2_000  # of the row shuffled, which has hundreds of rows for each clip

Column = list[tuple[Scores, tuple[str, ...]]]  # scores and the groups that they depend on


def statistic_of(metrics: list[str]) -> bootstrap.Statistic:
    """What `rhythm.summarise` computes of a protocol's metrics: five figures of bcs and bhs, means of others."""
    return bootstrap.beat_summary if metrics == ["bcs", "bhs"] else bootstrap.mean


def intervals(
    scores: list[ClipScores], groups: Mapping[str, str]
) -> dict[str, dict[str, dict[str, tuple[float, float]]]]:
    """The interval (low, high) of each figure of `table.summary`, by row, protocol and metric.

    groups: clip id -> the dance that it shows. A pair of row shuffled belongs to both clips' dances. Rows of a single
    dance have no interval and are left out.
    """
    found = {}
    for row in ROWS:
        column = _column(scores, row, groups)
        resamples = PAIR_RESAMPLES if row == "shuffled" else bootstrap.RESAMPLES
        found[row] = of_scores([values for values, _ in column], [places for _, places in column], resamples)
    return {row: protocols for row, protocols in found.items() if protocols}


def of_scores(
    scores: Sequence[Scores], groups: Sequence, resamples: int = bootstrap.RESAMPLES
) -> dict[str, dict[str, tuple[float, float]]]:
    """Protocol -> metric -> (low, high) of what `rhythm.summarise` gives of the scores that have the protocol.

    groups: of each score, its dance, or those of a pair. Nothing where all are of one.
    """
    out = {}
    for protocol in dict.fromkeys(name for values in scores for name in values):
        known = [(values[protocol], place) for values, place in zip(scores, groups, strict=True) if protocol in values]
        values, names, statistic = of_protocol([one for one, _ in known])
        limits = bootstrap.interval(values, [place for _, place in known], statistic, resamples=resamples)
        if np.isfinite(limits).all():
            out[protocol] = {name: (float(a), float(b)) for name, (a, b) in zip(names, limits, strict=True)}
    return out


def of_protocol(scores: Sequence[Mapping[str, float]]) -> tuple[np.ndarray, list[str], bootstrap.Statistic]:
    """Values (n,K) of scores of one protocol, the names of what `rhythm.summarise` computes of them, and how."""
    metrics = list(scores[0])
    values = np.array([[one[metric] for metric in metrics] for one in scores])
    return values, list(summarise(list(scores))), statistic_of(metrics)


def _column(scores: list[ClipScores], row: str, groups: Mapping[str, str]) -> Column:
    if row != "shuffled":
        return [(entry.rows[row], (groups[entry.clip.clip_id],)) for entry in scores if row in entry.rows]
    column = []
    for entry in scores:
        others = [other.clip for other in scores if unrelated(entry.clip, other.clip)]
        for pair, other in zip(entry.shuffled, others, strict=True):
            column.append((pair, (groups[entry.clip.clip_id], groups[other.clip_id])))
    return column
