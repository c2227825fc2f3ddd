"""The rows of the table of `pace score`: systems, their shuffled rows, and controls.

A system's shuffled row compares its clips with the references of other sources: all ordered pairs, as in the pipeline.
Each pair takes about a millisecond, so of very many clips only `PAIRED` meet each other, spread evenly over the list
and so over the sources. It takes all pairs of fewer clips, not a few partners for every clip: the bootstrap draws the
sources of both sides, and is right where each drawn clip meets every other. Sparse pairs would triple the variance.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pace.evaluation import intervals, metric_validity
from pace.evaluation.distances import Distances
from pace.evaluation.metric_validity import CHANCE, Marks
from pace.evaluation.rounding import without_nan
from pace.evaluation.score_clips import ScoredClip
from pace.evaluation.table import Rows, RowScore, missing, own_scores, shuffled_scores, summarise_row
from pace.scoring.file_clips import CONTROLS

PAIRED = 120  # clips whose pairs a shuffled row holds at most


def score_rows(scored: Sequence[ScoredClip], systems: Sequence[str], protocols: tuple[str, ...]) -> Rows:
    """The scores of every row in the table's order: systems, their shuffled rows, controls.

    A system without any clip has an empty row. Other rows without a clip are left out, and so is a shuffled row where
    all clips are of one source.
    """
    rows = {system: own_scores(scored, system) for system in systems}
    others = {shuffled_name(system): shuffled(scored, system, protocols) for system in systems}
    others |= {row: own_scores(scored, row) for row in CONTROLS}
    return rows | {row: scores for row, scores in others.items() if scores}


def shuffled(scored: Sequence[ScoredClip], system: str, protocols: tuple[str, ...]) -> list[RowScore]:
    """A system's clips against the references of other sources: see the module."""
    clips = [clip for clip in scored if system in clip.events]
    chosen = np.linspace(0, len(clips) - 1, min(len(clips), PAIRED)).round().astype(int)
    return shuffled_scores([clips[i] for i in chosen], system, protocols)


def shuffled_name(system: str) -> str:
    """The row of a system's music against other references."""
    return f"{system} (shuffled)"


def entries(rows: Rows, distances: Distances) -> dict[str, dict[str, Any]]:
    """One entry per row: `clips` scored, `rhythm` (protocol -> metric), `interval` (protocol or extractor -> metric ->
    limits), `fad` (extractor -> figures), perhaps `warning` (extractor -> text) and `missing` (protocol -> metric ->
    how many clips or pairs lack it); of a shuffled row also its `pairs`. A figure that no clip has is None.

    A row's distance is to the references of its own clips.
    """
    table = {}
    for row, scores in rows.items():
        fad, fad_limits, warnings = distances.row_figures(row) if row in distances.rows else ({}, {}, {})
        rhythm = summarise_row([score.scores for score in scores])
        entry = {
            "clips": len(scores),
            "rhythm": without_nan(rhythm),
            "interval": intervals.row_intervals(scores) | fad_limits,
            "fad": fad,
        }
        if lacking := missing([score.scores for score in scores]):
            entry["missing"] = lacking
        if warnings:
            entry["warning"] = warnings
        if any(score.clip is not score.reference for score in scores):
            entry |= {"clips": len({score.clip.name for score in scores}), "pairs": len(scores)}
        table[row] = entry
    return table


def uninformative(rows: Rows, systems: Sequence[str], distances: Distances) -> Marks:
    """Protocol or extractor -> metric -> the controls, shuffled rows among them, not separated from the references."""
    chance = (*map(shuffled_name, systems), *CHANCE)
    return metric_validity.marks({row: rows[row] for row in chance if row in rows}, distances)
