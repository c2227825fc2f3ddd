"""Clips whose events are made by hand, scored as `score_clip` would score them."""

import numpy as np

from pace.evaluation.clips import TRUTH, Annotations, Clip
from pace.evaluation.metrics.onsets import PICKING, Events
from pace.evaluation.score_clips import ScoredClip
from pace.evaluation.scores import score_events


def events_at(times, tempo=0.0):
    """Five seconds with onsets and beats at these times."""
    times = np.asarray(times, dtype=float)
    return Events(5.0, {name: times for name in PICKING}, times, tempo)


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
