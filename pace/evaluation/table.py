"""The rhythm table: the scores of every row, summed up over clips.

A row holds the scores of all clips that have it. A metric is summed up over those that have a value. The row
`shuffled` holds generated music against the true music of unrelated clips, one entry for each ordered pair of clips.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pace.evaluation.clips import TRUTH
from pace.evaluation.controls import AS_CLOCK, GENERATED, ROWS, SHUFFLED
from pace.evaluation.metrics.dynamics import DENSITY, DYNAMICS, LOUDNESS
from pace.evaluation.metrics.onsets import Events
from pace.evaluation.metrics.rhythm import STRICT, summarise
from pace.evaluation.score_clips import ScoredClip
from pace.evaluation.scores import Scores, score_events

# Protocol, metric -> heading: the metrics that short tables show.
MAIN = {
    (STRICT, "beat_f70"): "beat F",
    (STRICT, "onset_f70"): "onset F",
    (DYNAMICS, LOUDNESS): "loudness",
    (DYNAMICS, DENSITY): "density",
}

Summary = dict[str, dict[str, float]]  # protocol -> metric, as `rhythm.summarise` names it -> value


@dataclasses.dataclass(frozen=True)
class RowScore:
    """Scores of the music of `clip` against the true music of `reference`: the same clip, unless shuffled."""

    scores: Scores
    clip: ScoredClip
    reference: ScoredClip

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that the scores depend on: the clip's own, or both clips' of a shuffled pair."""
        if self.clip is self.reference:
            return (self.clip.source,)
        return self.clip.source, self.reference.source


Rows = dict[str, list[RowScore]]


def pipeline_rows(scored: Sequence[ScoredClip], protocols: tuple[str, ...]) -> Rows:
    """The rows of the pipeline's table in their order; a row that no clip has is left out."""
    rows = {
        row: shuffled_scores(scored, GENERATED, protocols) if row == SHUFFLED else own_scores(scored, row)
        for row in ROWS
    }
    return {row: scores for row, scores in rows.items() if scores}


def own_scores(scored: Sequence[ScoredClip], row: str) -> list[RowScore]:
    """A row's scores of every clip that has it, against the clip's own true music."""
    return [RowScore(clip.scores[row], clip, clip) for clip in scored if row in clip.scores]


def shuffled_scores(scored: Sequence[ScoredClip], row: str, protocols: tuple[str, ...]) -> list[RowScore]:
    """A row's music of each clip against the true music of every unrelated clip: all ordered pairs."""
    return [
        _shuffled_score(clip, reference, row, protocols)
        for clip in scored
        for reference in scored
        if clip.clip.unrelated(reference.clip)
    ]


def _shuffled_score(scored: ScoredClip, reference: ScoredClip, row: str, protocols: tuple[str, ...]) -> RowScore:
    truth, other = reference.events[TRUTH], scored.events[row]

    def pair(protocol: str) -> tuple[Events, Events]:
        if (
            protocol == DYNAMICS
        ):  # the music is not to blame for another clip's length: it is compared as far as it goes
            return dataclasses.replace(truth, power=truth.power[: len(other.power)]), other
        return truth, other

    scores = score_events(reference.clip.annotations, truth, pair, protocols)
    return RowScore(scores, scored, reference)


def summarise_row(scores: Sequence[Scores]) -> Summary:
    """Sum up a row. `alignment` is of the clips whose dance is known, and is left out where none is."""
    return {
        protocol: summarise([values[protocol] for values in scores if protocol in values])
        for protocol in dict.fromkeys(name for values in scores for name in values)
    }


def summary(rows: Rows) -> dict[str, Summary]:
    """Sum up every row."""
    return {row: summarise_row([entry.scores for entry in entries]) for row, entries in rows.items()}


def missing(scores: Sequence[Scores]) -> dict[str, dict[str, int]]:
    """Protocol -> metric -> how many of a row's scores lack it, if any do."""
    counts: dict[str, dict[str, int]] = {}
    for protocols in scores:
        for protocol, metrics in protocols.items():
            for metric in (name for name, value in metrics.items() if math.isnan(value)):
                of_protocol = counts.setdefault(protocol, {})
                of_protocol[metric] = of_protocol.get(metric, 0) + 1
    return counts


def per_clip(scored: Sequence[ScoredClip], rows: Rows) -> list[dict[str, object]]:
    """One record for each clip and row: clip_id, video_id, row and `{protocol}_{metric}`; shuffled: the clip's mean."""
    scores: dict[tuple[str, str], list[Scores]] = {}
    for row, entries in rows.items():
        for entry in entries:
            scores.setdefault((entry.clip.name, row), []).append(entry.scores)
    return [
        {"clip_id": clip.name, "video_id": clip.clip.video, "row": row, **_mean(scores[clip.name, row])}
        for clip in scored
        for row in rows
        if (clip.name, row) in scores
    ]


def _mean(scores: Sequence[Scores]) -> dict[str, float]:
    """The mean of each metric over the scores that have it; NaN where none does."""
    values: dict[str, list[float]] = {}
    for protocols in scores:
        for protocol, metrics in protocols.items():
            for metric, value in metrics.items():
                column = values.setdefault(f"{protocol}_{metric}", [])
                column += [] if math.isnan(value) else [value]
    return {name: float(np.mean(column)) if column else math.nan for name, column in values.items()}


def text(rows: Mapping[str, Summary], not_above_clock: Mapping[str, Sequence[str]] | None = None) -> str:
    """The table for the console: of each row F1 of every binned protocol in percent, and the strict metrics.

    not_above_clock: protocol -> metrics on which the generated music is marked, as no better than the row `clock`.
    """
    columns = {
        f"{protocol} {metric}": (protocol, metric)
        for protocol, metrics in next(iter(rows.values())).items()
        for metric in (("f1",) if "f1" in metrics else metrics)
    }
    lines = ["row".ljust(10) + "".join(name.rjust(len(name) + 2) for name in columns)]
    for row, scores in rows.items():
        values = (scores.get(protocol, {}).get(metric, np.nan) for protocol, metric in columns.values())
        cells = ["–" if math.isnan(value) else f"{value:.3f}" for value in values]
        if row == GENERATED:
            marks = not_above_clock or {}
            cells = [
                cell + (AS_CLOCK if metric in marks.get(protocol, ()) else "")
                for cell, (protocol, metric) in zip(cells, columns.values(), strict=True)
            ]
        lines.append(
            row.ljust(10) + "".join(cell.rjust(len(name) + 2) for name, cell in zip(columns, cells, strict=True))
        )
    return "\n".join(lines)


def differences_text(own_minus_shuffled: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """For the console: the main metrics of generated music minus those of its music shuffled, with their intervals."""
    parts = []
    for (protocol, metric), heading in MAIN.items():
        if found := own_minus_shuffled.get(protocol, {}).get(metric):
            low, high = found["interval"]
            parts.append(f"{heading} {found['difference']:+.3f} [{low:+.3f}, {high:+.3f}]")
    return f"generated minus shuffled: {', '.join(parts)}" if parts else ""
