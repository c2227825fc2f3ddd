"""What cannot be scored and why: clips, and metrics of a clip, that are left out of all rows alike."""

import math
from collections.abc import Sequence

from pace.clip import SAMPLE_RATE
from pace.evaluation.clips import TRUTH
from pace.evaluation.metrics.beat_alignment import ALIGNMENT
from pace.evaluation.metrics.dynamics import DYNAMICS
from pace.evaluation.metrics.onsets import SHORTEST
from pace.evaluation.score_clips import ScoredClip

REFERENCE, POSE = "reference", "pose"


def reasons(scored: Sequence[ScoredClip]) -> dict[str, str]:
    """Clip -> why it, or some metrics of it, is in no row; clips of which everything is scored are left out."""
    return {clip.name: "; ".join(texts.values()) for clip in scored if (texts := of_clip(clip))}


def of_clip(scored: ScoredClip) -> dict[str, str]:
    """Why a clip, or some metrics of it, is in no row: texts for `reference`, its true music, and `pose`."""
    if TRUTH in scored.unreadable:
        return {REFERENCE: f"left out of every row: its true music cannot be read: {scored.unreadable[TRUTH]}"}
    if scored.silent:
        return {REFERENCE: "left out of every row: its true music is silent"}
    lacking = {
        protocol: [metric for metric, value in metrics.items() if math.isnan(value)]
        for protocol, metrics in scored.scores.get(TRUTH, {}).items()
        if protocol != DYNAMICS  # music may be steady: that is counted, and nothing to mend
    }
    lacking = {protocol: metrics for protocol, metrics in lacking.items() if metrics}
    motion_beats, unusable = scored.clip.annotations.motion_beats, scored.clip.annotations.pose_unusable
    if motion_beats is not None and not len(motion_beats):
        lacking.pop(ALIGNMENT, None)
        unusable = "its dance has no beats: nothing in it slows down and speeds up again"
    texts = {}
    if lacking:
        named = [f"{protocol} ({', '.join(metrics)})" for protocol, metrics in lacking.items()]
        texts[REFERENCE] = f"left out of {', '.join(named)} in every row: {', '.join(_causes(scored, lacking))}"
    if unusable:
        texts[POSE] = f"left out of {ALIGNMENT} in every row: {unusable}"
    return texts


def _causes(scored: ScoredClip, lacking: dict[str, list[str]]) -> list[str]:
    """What the true music or its annotations lack."""
    truth, annotations = scored.events[TRUTH], scored.clip.annotations
    causes = []
    if truth.duration * SAMPLE_RATE < SHORTEST:
        causes.append(f"its true music is only {truth.duration:.3f} s long")
    elif {"bcs", "onset_f70"} & {metric for metrics in lacking.values() for metric in metrics}:
        causes.append("no onset is heard in its true music")
    if len(truth.beats) < 2:
        causes.append(f"{'only one beat' if len(truth.beats) else 'no beat'} is heard in its true music")
    if annotations.beats is not None and len(annotations.beats) < 2:
        causes.append(f"it has {'only one true beat' if len(annotations.beats) else 'no true beats'}")
    return causes
