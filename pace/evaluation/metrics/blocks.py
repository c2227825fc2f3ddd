"""Scores as tables without gaps: metrics grouped by the clips that have them, for bootstrap and paired differences."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from pace.evaluation.metrics import bootstrap


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
            figures = list(bootstrap.SUMMARY) if binned else [metrics[column] for column in columns]
            result.append(Block(clips.tolist(), sides, figures, bootstrap.beat_summary if binned else bootstrap.mean))
    return result
