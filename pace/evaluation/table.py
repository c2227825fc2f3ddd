"""The rhythm table: every row scored against the true music by every protocol."""

import dataclasses

import numpy as np

from pace.evaluation.controls import ROWS
from pace.evaluation.distances import EXTRACTORS
from pace.evaluation.onsets import Events
from pace.evaluation.rhythm import PROTOCOLS, compare, summarise
from pace.params import choice


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
    """What is heard in one scored clip's rows; `beats` (B,): the dataset's true beats in seconds, None without."""

    clip_id: str
    video_id: str
    music_id: str
    beats: np.ndarray | None
    heard: dict[str, Events]  # row -> events; all rows but shuffled


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

    A row that no clip has is left out: shuffled, where all clips share their video or music.
    """
    columns = {row: [entry.rows[row] for entry in scores if row in entry.rows] for row in ROWS}
    columns["shuffled"] = [pair for entry in scores for pair in entry.shuffled]
    return {
        row: {protocol: summarise([values[protocol] for values in column]) for protocol in protocols}
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
        values = (f"{scores[protocol][metric]:{len(name) + 2}.3f}" for name, (protocol, metric) in columns.items())
        lines.append(row.ljust(10) + "".join(values))
    return "\n".join(lines)


def _scores(reference: Clip, heard: Events, protocols: tuple[str, ...]) -> Scores:
    return {protocol: compare(reference.heard["truth"], heard, protocol, reference.beats) for protocol in protocols}


def _mean(column: list[Scores]) -> dict[str, float]:
    return {
        f"{protocol}_{metric}": float(np.mean([values[protocol][metric] for values in column]))
        for protocol, metrics in column[0].items()
        for metric in metrics
    }
