"""95 % intervals of the rhythm table, resampled by source: the dance or song that a clip comes from."""

from collections.abc import Sequence

import numpy as np

from pace.evaluation.metrics import bootstrap
from pace.evaluation.metrics.blocks import blocks
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
    """Intervals of the figures of `rhythm.summarise`, protocol by protocol, each over the scores that have it.

    sources: the source of each score, or those of a pair. Nothing where all are of one source.
    """
    limits: Limits = {}
    for protocol in dict.fromkeys(name for protocols in scores for name in protocols):
        members = [i for i, protocols in enumerate(scores) if protocol in protocols]
        for block in blocks([(scores[i][protocol],) for i in members]):
            own_sources = [sources[members[i]] for i in block.clips]
            bounds = bootstrap.interval(block.sides[0], own_sources, block.statistic, resamples=resamples)
            for name, (low, high) in zip(block.figures, bounds, strict=True):
                if np.isfinite(low) and np.isfinite(high):
                    limits.setdefault(protocol, {})[name] = (float(low), float(high))
    return limits
