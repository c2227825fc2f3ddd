"""A system's music with its constant lateness removed, scored anew as a row of its own."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pace.evaluation.beat_trackers import LIBROSA, BeatTracker
from pace.evaluation.clips import TRUTH, ClipSounds
from pace.evaluation.metrics.rhythm import STRICT
from pace.evaluation.score_clips import ScoredClip, score_clips
from pace.media import sounds
from pace.media.sounds import Sound
from pace.scoring import lateness
from pace.scoring.file_clips import FileClip
from pace.scoring.lateness import Lateness


@dataclasses.dataclass(frozen=True)
class ShiftedClip:
    """The true music of a clip and systems' music without its lateness (a ClipFiles). late: row -> file, seconds."""

    files: FileClip
    late: dict[str, tuple[Path, float]]

    def read(self, rebuilt: Mapping[str, Sound] | None = None) -> ClipSounds:
        """The row `truth` and those of `late`, of files that were read before."""
        rows = {row: earlier(sounds.read(path), seconds) for row, (path, seconds) in self.late.items()}
        return ClipSounds({TRUTH: sounds.read(self.files.reference)} | rows)

    def failed(self, reason: str) -> dict[str, str]:
        """As `FileClip.failed`, for the rows of `late`."""
        return {row: f"{reason} (files: {self.files.reference}, {path})" for row, (path, _) in self.late.items()}

    def compared_lengths(self, protocol: str, truth: int, row: int) -> tuple[int, int]:
        """As `FileClip.compared_lengths`."""
        return self.files.compared_lengths(protocol, truth, row)


def earlier(sound: Sound, seconds: float) -> Sound:
    """The sound without its first `seconds`; for a negative number, with as much of its start before it, mirrored.

    The start of early music is lost. Silence in its place would be heard as an onset where the music begins.
    """
    samples = round(seconds * sound.sample_rate)
    wave = sound.wave[samples:] if samples > 0 else np.pad(sound.wave, (-samples, 0), mode="symmetric")
    return dataclasses.replace(sound, wave=wave)


def row_name(system: str, late: Lateness) -> str:
    """The row of a system's music without its lateness."""
    return f"{system}, {shift(late)}"


def shift(late: Lateness) -> str:
    """What removes a lateness, such as `46 ms earlier`."""
    return f"{abs(round(1000 * late.seconds))} ms {'earlier' if late.seconds > 0 else 'later'}"


def measure(scored: Sequence[ScoredClip], systems: Sequence[str]) -> dict[str, Lateness]:
    """The systems whose music is late or early by a constant."""
    latenesses = {}
    for system in systems:
        clips = [clip for clip in scored if system in clip.scores]
        onsets = [(clip.events[TRUTH].onsets[STRICT], clip.events[system].onsets[STRICT]) for clip in clips]
        if late := lateness.measure(onsets, [clip.source for clip in clips]):
            latenesses[system] = late
    return latenesses


def add_rows(
    scored: Sequence[ScoredClip],
    latenesses: Mapping[str, Lateness],
    protocols: tuple[str, ...],
    tracker: BeatTracker = LIBROSA,
) -> list[ScoredClip]:
    """The clips of `pace score` with the events and scores of the rows without lateness, of all clips of a system."""
    shifted = {}
    for i, one in enumerate(scored):
        files = one.clip.files
        if isinstance(files, FileClip) and (late := {*latenesses} & {*one.scores}):
            rows = {
                row_name(system, latenesses[system]): (files.generated[system], latenesses[system].seconds)
                for system in sorted(late)
            }
            shifted[i] = dataclasses.replace(one.clip, files=ShiftedClip(files, rows))
    whole = list(scored)
    if shifted:
        again = score_clips(list(shifted.values()), protocols, "score without lateness", tracker=tracker)
        for i, new in zip(shifted, again, strict=True):
            old = whole[i]
            whole[i] = dataclasses.replace(old, events=new.events | old.events, scores=new.scores | old.scores)
    return whole
