"""A clip to score: its names, its annotations, and where its sounds come from."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pace.media.sounds import Sound

TRUTH = "truth"  # the row of the true music, which every other row is scored against
MEL, CEILING = "mel", "ceiling"  # rows of the true music through mel image and vocoder, without and with the VAE


@dataclasses.dataclass(frozen=True)
class Annotations:
    """Annotations of a clip: true beats, tempo, motion beats, strength of the dance; None where unknown.

    beats: true beats (B,) in seconds. bpm: true tempo. motion_beats: beats (M,) of the dance in seconds.
    pose_unusable: why there are no motion beats although there is a pose. pose_filled: its frames in which missing
    positions are interpolated. strength: 0 (weakest dance) to 1.
    """

    beats: npt.NDArray[np.float64] | None = None
    bpm: float | None = None
    motion_beats: npt.NDArray[np.float64] | None = None
    pose_unusable: str = ""
    pose_filled: int = 0
    strength: float | None = None

    def until(self, end: float) -> "Annotations":
        """The same without the beats at or after `end` seconds."""
        beats, motion = (None if times is None else times[times < end] for times in (self.beats, self.motion_beats))
        return dataclasses.replace(self, beats=beats, motion_beats=motion)


@dataclasses.dataclass(frozen=True)
class ClipSounds:
    """The sounds of one clip's rows.

    rows: row -> sound, among them `truth`; no row at all where the true music cannot be read.
    faults: what is wrong with the files that were read, by row. unreadable: why a row's file cannot be read.
    mel_error: mean absolute error of the ceiling's mel image, of the scale [0,1]; NaN where it was not measured.
    """

    rows: dict[str, Sound]
    faults: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    unreadable: dict[str, str] = dataclasses.field(default_factory=dict)
    mel_error: float = math.nan


class ClipFiles(Protocol):
    """The files of one clip. This is all that differs between the pipeline's clips and those of `pace score`."""

    def read(self, rebuilt: Mapping[str, Sound] | None = None) -> ClipSounds:
        """Read or make the sounds of all rows.

        rebuilt: the rows `mel` and `ceiling`, if they were made before; else they are made here, which takes long.
        """

    def failed(self, reason: str) -> dict[str, str]:
        """Row -> why it is not scored, where the work on the whole clip failed."""

    def compared_lengths(self, protocol: str, truth: int, row: int) -> tuple[int, int]:
        """Numbers of samples of the true music and of the row that `protocol` compares.

        truth, row: the numbers available.
        """


@dataclasses.dataclass(frozen=True)
class Clip:
    """A clip whose rows are scored against its true music.

    name: unique among the clips. video, music: what it was cut from; clips that differ in both are unrelated, and the
    music of one is chance for the other. source: the dance or song that it comes from; the clips of one source are
    alike, so that intervals resample whole sources.
    """

    name: str
    video: str
    music: str
    source: str
    files: ClipFiles
    annotations: Annotations = dataclasses.field(default_factory=Annotations)

    def unrelated(self, other: "Clip") -> bool:
        """Whether two clips come from different videos with different music."""
        return self.video != other.video and self.music != other.music
