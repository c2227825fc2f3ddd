"""95 % intervals of the rhythm table, resampled by source: the dance or song that a clip comes from."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from pace.evaluation.metrics import bootstrap
from pace.evaluation.metrics.rhythm import summarise
from pace.evaluation.scores import Scores
from pace.evaluation.table import Rows, RowScore

PAIR_RESAMPLES = 2_000  # of a shuffled row, which has hundreds of entries for each clip

Limits = dict[str, dict[str, tuple[float, float]]]  # protocol -> metric -> (low, high)


def intervals(rows: Rows) -> dict[str, Limits]:
    """The interval of each figure of `table.summary`, by row. Rows of a single source have none and are left out."""
    limits = {row: row_intervals(entries) for row, entries in rows.items()}
    return {row: protocols for row, protocols in limits.items() if protocols}


def row_intervals(entries: Sequence[RowScore]) -> Limits:
    """Intervals of one row. A shuffled pair belongs to the sources of both its clips."""
    sources = [entry.sources for entry in entries]
    resamples = PAIR_RESAMPLES if sources and len(sources[0]) > 1 else bootstrap.RESAMPLES
    return score_intervals([entry.scores for entry in entries], sources, resamples)


def score_intervals(
    scores: Sequence[Scores], sources: Sequence[str | tuple[str, ...]], resamples: int = bootstrap.RESAMPLES
) -> Limits:
    """Intervals of the figures of `rhythm.summarise`, protocol by protocol, over the scores that have it.

    sources: the source of each score, or those of a pair. Nothing where all are of one source.
    """
    limits = {}
    for protocol in dict.fromkeys(name for protocols in scores for name in protocols):
        members = [i for i, protocols in enumerate(scores) if protocol in protocols]
        values, names, statistic = protocol_values([scores[i][protocol] for i in members])
        bounds = bootstrap.interval(values, [sources[i] for i in members], statistic, resamples=resamples)
        if np.isfinite(bounds).all():
            pairs = ((float(low), float(high)) for low, high in bounds)
            limits[protocol] = dict(zip(names, pairs, strict=True))
    return limits


def protocol_values(
    scores: Sequence[Mapping[str, float]],
) -> tuple[npt.NDArray[np.float64], list[str], bootstrap.Statistic]:
    """Values (n,K) of one protocol's scores, names of the summary figures, and the function that computes them."""
    metrics = list(scores[0])
    values = np.array([[clip[metric] for metric in metrics] for clip in scores])
    return values, list(summarise([dict(clip) for clip in scores])), protocol_statistic(metrics)


def protocol_statistic(metrics: list[str]) -> bootstrap.Statistic:
    """The function for the figures of `rhythm.summarise`: five figures of bcs and bhs, means of other metrics."""
    return bootstrap.beat_summary if metrics == ["bcs", "bhs"] else bootstrap.mean
