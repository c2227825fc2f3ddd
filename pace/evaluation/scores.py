"""Scoring one clip: every row against the clip's true music, by every protocol."""

import functools
import math
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from pace.clip import SAMPLE_RATE
from pace.evaluation.beat_trackers import LIBROSA, BeatTracker
from pace.evaluation.clips import TRUTH, Annotations, Clip
from pace.evaluation.metrics import beat_alignment, dynamics
from pace.evaluation.metrics.beat_alignment import ALIGNMENT
from pace.evaluation.metrics.dynamics import DYNAMICS
from pace.evaluation.metrics.onsets import Events, events
from pace.evaluation.metrics.rhythm import STRICT, compare

Scores = dict[str, dict[str, float]]  # protocol -> metric -> value


def score_waves(
    clip: Clip,
    waves: Mapping[str, npt.NDArray[np.float32]],
    protocols: tuple[str, ...],
    tracker: BeatTracker = LIBROSA,
) -> tuple[dict[str, Events], dict[str, Scores]]:
    """Events and scores of each row of a clip.

    waves: row -> samples (S,) at 22,050 Hz, among them `truth`. `clip.files` decides how much
    of each wave a protocol compares; the events are those of the whole waves. tracker: hears the beats of all rows.
    """

    @functools.cache
    def events_of(row: str, samples: int) -> Events:
        return events(waves[row][:samples], SAMPLE_RATE, tracker)

    def pair(row: str, protocol: str) -> tuple[Events, Events]:
        truth_length, row_length = clip.files.compared_lengths(protocol, len(waves[TRUTH]), len(waves[row]))
        return events_of(TRUTH, truth_length), events_of(row, row_length)

    whole = {row: events_of(row, len(wave)) for row, wave in waves.items()}
    scores = {
        row: score_events(clip.annotations, whole[TRUTH], functools.partial(pair, row), protocols) for row in waves
    }
    return whole, scores


def score_events(
    annotations: Annotations, truth: Events, pair: Callable[[str], tuple[Events, Events]], protocols: tuple[str, ...]
) -> Scores:
    """Scores of music against a clip, with `strict` also `dynamics`, and with its motion beats also `alignment`.

    Missing ones are NaN, in all rows alike, but for the dynamics of music that does not change.

    truth: the events of the clip's whole true music. pair: protocol -> the events of that part of it which the
    protocol compares, and those of the music that is scored. `alignment` is missing where the tracker hears no beats
    in the true music, which would score 0 itself.
    """
    scores = {
        protocol: compare(*pair(protocol), protocol, annotations.beats, annotations.bpm, truth)
        for protocol in protocols
    }
    if STRICT in protocols:
        scores[DYNAMICS] = dynamics.compare(*pair(DYNAMICS))
    if annotations.motion_beats is not None:
        _, generated = pair(ALIGNMENT)
        values = beat_alignment.compare(annotations.motion_beats, generated.beats)
        scores[ALIGNMENT] = values if truth.beats.size else dict.fromkeys(values, math.nan)
    return scores
