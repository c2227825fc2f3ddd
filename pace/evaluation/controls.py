"""The rows of the rhythm table: generated music and the controls that show what its scores are worth (FACTS 7).

The control that needs a network, the ceiling, has a module of its own: nothing here needs PyTorch.
"""

import librosa
import numpy as np

from pace.clip import CLIP_SAMPLES, SAMPLE_RATE

# truth: the true music. ceiling: the true music through VAE and vocoder. generated: the model's music.
# shuffled: generated music of other clips. random: training music. clicks: one click per second. clicks120: a click
# track of 120 BPM. delayed: the true music 250 ms late.
ROWS = ("truth", "ceiling", "generated", "shuffled", "random", "clicks", "clicks120", "delayed")
DELAY = 0.25  # seconds


def cut(track: np.ndarray, start: float) -> np.ndarray:
    """Five seconds (110250,) of a track (S,) at 22,050 Hz from `start` in seconds, zeros outside the track."""
    first = round(start * SAMPLE_RATE)
    out = np.zeros(CLIP_SAMPLES, dtype=np.float32)
    inside = slice(max(first, 0), max(min(first + CLIP_SAMPLES, len(track)), 0))
    part = track[inside]
    out[inside.start - first : inside.start - first + len(part)] = part
    return out


def delayed(track: np.ndarray, start: float) -> np.ndarray:
    """The clip with its music 250 ms late: what precedes the clip in the track enters, silence before its start.

    A clip at the very start of its track so begins with 250 ms of silence. Nothing else tells the delayed music
    from the true one than its timing.
    """
    return cut(track, start - DELAY)


def random_music(train: list[dict], count: int, seed: int = 0) -> list[dict | None]:
    """A training clip for each of `count` clips, drawn without repetition while they last; None where there is none."""
    if not train:
        return [None] * count
    drawn = np.random.default_rng(seed).choice(len(train), count, replace=len(train) < count)
    return [train[i] for i in drawn]


def click_track(samples: int, sample_rate: int, bpm: float) -> np.ndarray:
    """A wave (S,) with a click at every beat of `bpm`, the first after half a beat; silence where none fits."""
    times = np.arange(30 / bpm, samples / sample_rate, 60 / bpm)
    if not len(times):
        return np.zeros(samples, np.float32)
    return librosa.clicks(times=times, sr=sample_rate, length=samples).astype(np.float32)


def clicks(bpm: float = 60.0) -> np.ndarray:
    """Five seconds of clicks (110250,).

    At 60 BPM one onset in every one-second bin, at 120 BPM two; 120 is the usual tempo of dance music and what beat
    trackers expect.
    """
    return click_track(CLIP_SAMPLES, SAMPLE_RATE, bpm)
