"""The rhythm table: every row scored against the true music by every protocol."""

import dataclasses

import numpy as np

from pace.evaluation.controls import ROWS
from pace.evaluation.distances import EXTRACTORS
from pace.evaluation.metrics import beat_alignment
from pace.evaluation.metrics.beat_alignment import ALIGNMENT
from pace.evaluation.metrics.onsets import Events
from pace.evaluation.metrics.rhythm import PROTOCOLS, compare, summarise
from pace.pipeline.params import choice


@dataclasses.dataclass(frozen=True)
class EvaluateParams:
    """Section `evaluate` of params.yaml."""

    protocols: tuple[str, ...] = choice(*PROTOCOLS)
    fad: tuple[str, ...] = choice(*EXTRACTORS)
    vggish_weights: str
    cnn14_weights: str
    clap_weights: str


@dataclasses.dataclass(frozen=True)
class ScoredParams:
    """What evaluate reads of section `sample`: the split whose clips have generated music."""

    split: str = choice("test", "val")


@dataclasses.dataclass(frozen=True)
class Clip:
    """What is heard in one scored clip's rows.

    The dataset's true `beats` (B,) in seconds and tempo `bpm`, and the dance's own `motion_beats` (M,) in seconds, are
    None where they are not known.
    """

    clip_id: str
    video_id: str
    music_id: str
    beats: np.ndarray | None
    heard: dict[str, Events]  # row -> events; all rows but shuffled
    bpm: float | None = None
    motion_beats: np.ndarray | None = None


Scores = dict[str, dict[str, float]]  # protocol -> metric -> value


@dataclasses.dataclass(frozen=True)
class ClipScores:
    """Scores of one clip's rows against its own music, and of its generated music against that of other clips."""

    clip: Clip
    rows: dict[str, Scores]
    shuffled: list[Scores]


def score_clip(clip: Clip, clips: list[Clip], protocols: tuple[str, ...]) -> ClipScores:
    """Score the rows of `clip`, and its generated music against each of `clips` of another video and other music."""
    rows = {row: _scores(clip, heard, protocols) for row, heard in clip.heard.items()}
    others = [other for other in clips if unrelated(clip, other)]
    return ClipScores(clip, rows, [_scores(other, clip.heard["generated"], protocols) for other in others])


def unrelated(one: Clip, other: Clip) -> bool:
    """Whether two clips come from different videos with different music."""
    return one.video_id != other.video_id and one.music_id != other.music_id


def summary(scores: list[ClipScores], protocols: tuple[str, ...]) -> dict[str, dict[str, dict[str, float]]]:
    """Metrics by row, protocol and metric. The row shuffled sums up all ordered pairs of unrelated clips.

    A row that no clip has is left out: shuffled, where all clips share their video or music. `alignment` is the mean
    over the clips whose dance is known, and is left out where none is.
    """
    columns = {row: [entry.rows[row] for entry in scores if row in entry.rows] for row in ROWS}
    columns["shuffled"] = [pair for entry in scores for pair in entry.shuffled]
    return {
        row: {
            name: summarise(known)
            for name in (*protocols, ALIGNMENT)
            if (known := [values[name] for values in column if name in values])
        }
        for row, column in columns.items()
        if column
    }


def per_clip(scores: list[ClipScores]) -> list[dict[str, object]]:
    """One record per clip and row: clip_id, video_id, row and `{protocol}_{metric}`; shuffled is the clip's mean."""
    records = []
    for entry in scores:
        for row in ROWS:
            column = entry.shuffled if row == "shuffled" else [entry.rows[row]] if row in entry.rows else []
            if column:
                keys = {"clip_id": entry.clip.clip_id, "video_id": entry.clip.video_id, "row": row}
                records.append(keys | _mean(column))
    return records


def text(rows: dict[str, dict[str, dict[str, float]]]) -> str:
    """The table for the console: per row, F1 of each binned protocol in percent and the strict metrics."""
    columns = {
        f"{protocol} {metric}": (protocol, metric)
        for protocol, metrics in next(iter(rows.values())).items()
        for metric in (("f1",) if "f1" in metrics else metrics)
    }
    lines = ["row".ljust(10) + "".join(name.rjust(len(name) + 2) for name in columns)]
    for row, scores in rows.items():
        values = (scores.get(protocol, {}).get(metric, np.nan) for protocol, metric in columns.values())
        cells = (f"{value:{len(name) + 2}.3f}" for name, value in zip(columns, values, strict=True))
        lines.append(row.ljust(10) + "".join(cells))
    return "\n".join(lines)


def _scores(reference: Clip, heard: Events, protocols: tuple[str, ...]) -> Scores:
    scores = {
        protocol: compare(reference.heard["truth"], heard, protocol, reference.beats, reference.bpm)
        for protocol in protocols
    }
    if reference.motion_beats is not None:
        scores[ALIGNMENT] = beat_alignment.compare(reference.motion_beats, heard.beats)
    return scores


def _mean(column: list[Scores]) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    for scores in column:
        for protocol, metrics in scores.items():
            for metric, value in metrics.items():
                values.setdefault(f"{protocol}_{metric}", []).append(value)
    return {name: float(np.mean(found)) for name, found in values.items()}
