"""Clips whose events are made by hand, scored as `score_clip` would score them."""

import numpy as np

from pace.evaluation.clips import TRUTH, Annotations, Clip
from pace.evaluation.metrics.onsets import PICKING, Events
from pace.evaluation.score_clips import ScoredClip
from pace.evaluation.scores import score_events


def events_at(times, tempo=0.0):
    """Five seconds with onsets and beats at these times."""
    times = np.asarray(times, dtype=float)
    return Events(5.0, {name: times for name in PICKING}, times, tempo, power_at(times))


def power_at(times, seconds=5.0):
    """The power of blocks of 20 ms of strokes that fade out over a quiet tone; without a stroke, of silence."""
    since = (np.arange(round(seconds / 0.02)) + 1) * 0.02 - np.asarray(times, dtype=float)[:, None]
    return np.where(since > 0, np.exp(-10 * since.clip(0)), 0).sum(axis=0) + 1e-3 * bool(len(times))


def clip_of(name, video=None, music=None, source=None, annotations=None):
    """A clip without files. video, music, source: by default its name, the video, the video."""
    video = video or name
    return Clip(name, video, music or video, source or video, None, annotations or Annotations())


def scored_clip(clip, events, protocols):
    """A scored clip. events: row -> its events."""
    scores = {
        row: score_events(clip.annotations, events[TRUTH], lambda _, other=other: (events[TRUTH], other), protocols)
        for row, other in events.items()
    }
    return ScoredClip(clip, events, scores)
