"""The rows of the rhythm table: generated music and the controls that show what its scores are worth (FACTS 7).

The controls that need PyTorch, `mel` and `ceiling`, have a module of their own: nothing here needs PyTorch.
"""

from collections.abc import Sequence
from typing import TypeVar

import librosa
import numpy as np
import numpy.typing as npt

from pace.clip import CLIP_SAMPLES, SAMPLE_RATE

GENERATED, CLOCK, RETRIEVAL, SHUFFLED = "generated", "clock", "retrieval", "shuffled"
# truth: the true music. mel, ceiling: the true music through mel image and vocoder, without and with the VAE.
# generated: the model's music.
# clock: a click at each beat of the dance's clock. retrieval: the training music whose dance has the nearest clock.
# shuffled: generated music of other clips. random: training music. clicks: one click per second. clicks120: a click
# track of 120 BPM. delayed: the true music 250 ms late.
ROWS = (
    "truth",
    "mel",
    "ceiling",
    GENERATED,
    CLOCK,
    RETRIEVAL,
    SHUFFLED,
    "random",
    "clicks",
    "clicks120",
    "delayed",
)
AS_CLOCK = "‡"  # marks a figure that is not above that of the row `clock`
AS_SHUFFLED = "§"  # marks a figure that is not above that of the row `shuffled`
DELAY = 0.25  # seconds

Piece = TypeVar("Piece")


def cut(track: npt.NDArray[np.float32], start: float) -> npt.NDArray[np.float32]:
    """Five seconds (110250,) of a track (S,) at 22,050 Hz from `start` in seconds, zeros outside the track."""
    first = round(start * SAMPLE_RATE)
    clip = np.zeros(CLIP_SAMPLES, dtype=np.float32)
    inside = slice(max(first, 0), max(min(first + CLIP_SAMPLES, len(track)), 0))
    part = track[inside]
    clip[inside.start - first : inside.start - first + len(part)] = part
    return clip


def delayed(track: npt.NDArray[np.float32], start: float) -> npt.NDArray[np.float32]:
    """The clip with its music 250 ms late: what precedes the clip in the track comes first.

    A clip at the very start of its track begins with 250 ms of silence. Timing is all that tells the delayed music from
    the true music.
    """
    return cut(track, start - DELAY)


def random_music(training: Sequence[Piece], count: int, seed: int = 0) -> list[Piece | None]:
    """A piece of training music for each of `count` clips, drawn without repetition while they last; else None."""
    if not training:
        return [None] * count
    drawn = np.random.default_rng(seed).choice(len(training), count, replace=len(training) < count)
    return [training[i] for i in drawn]


def click_track(samples: int, sample_rate: int, bpm: float) -> npt.NDArray[np.float32]:
    """A wave (S,) with a click at every beat of `bpm`, the first after half a beat; silence where none fits."""
    return clicks_at(np.arange(30 / bpm, samples / sample_rate, 60 / bpm), samples, sample_rate)


def clicks_at(times: npt.NDArray[np.float64], samples: int, sample_rate: int) -> npt.NDArray[np.float32]:
    """A wave (S,) with a click at each of the times (n,) in seconds; silence where there is none."""
    if not len(times):
        return np.zeros(samples, np.float32)
    return librosa.clicks(times=times, sr=sample_rate, length=samples).astype(np.float32)


def clicks(bpm: float = 60.0) -> npt.NDArray[np.float32]:
    """Five seconds of clicks (110250,).

    60 BPM puts one onset in every one-second bin, 120 BPM puts two. 120 BPM is a common tempo of dance music and the
    one that beat trackers expect.
    """
    return click_track(CLIP_SAMPLES, SAMPLE_RATE, bpm)
