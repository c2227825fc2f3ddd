"""95 % intervals of the rhythm table, resampled by source: the dance or song that a clip comes from."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from pace.evaluation.metrics import bootstrap
from pace.evaluation.metrics.rhythm import SUMMARY
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


@dataclasses.dataclass(frozen=True)
class Block:
    """Metrics of one protocol that the same clips have, and the values of those clips.

    clips: their positions. sides: the values (n,K) of each row that is compared. figures: the names of the M figures
    that the statistic computes of each side.
    """

    clips: list[int]
    sides: tuple[npt.NDArray[np.float64], ...]
    figures: list[str]
    statistic: bootstrap.Statistic


def blocks(scores: Sequence[tuple[Mapping[str, float], ...]]) -> list[Block]:
    """Metrics grouped by the clips in which all sides have a value; metrics that no clip has are left out.

    scores: of each clip the metrics of one protocol, of one row or of several that are compared. The statistic is that
    of `rhythm.summarise`: five figures of bcs and bhs, means of other metrics.
    """
    if not scores:
        return []
    metrics = list(scores[0][0])
    values = np.array([[[side[metric] for metric in metrics] for side in sides] for sides in scores])  # (n,sides,K)
    binned = metrics == ["bcs", "bhs"]
    has_value = np.isfinite(values).all(axis=1)
    groups: dict[bytes, list[int]] = {}
    for column in range(len(metrics)):
        groups.setdefault(b"" if binned else has_value[:, column].tobytes(), []).append(column)
    result = []
    for columns in groups.values():
        clips = np.flatnonzero(has_value[:, columns].all(axis=1))
        if len(clips):
            sides = tuple(np.ascontiguousarray(values[clips, side][:, columns]) for side in range(values.shape[1]))
            figures = list(SUMMARY) if binned else [metrics[column] for column in columns]
            result.append(Block(clips.tolist(), sides, figures, bootstrap.beat_summary if binned else bootstrap.mean))
    return result
