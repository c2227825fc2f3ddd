"""Onsets, beats, tempo and power of one wave, the basis of every rhythm metric (FACTS 7)."""

import dataclasses
import math
from typing import Any

import librosa
import numpy as np

from pace.audio.silence import is_silent
from pace.clip import SAMPLE_RATE
from pace.evaluation.beat_trackers import LIBROSA, BeatTracker

SHORTEST = 2048  # samples: one analysis window; a shorter wave has no events
BLOCK = SAMPLE_RATE // 50  # samples: 20 ms, of which the power is kept

# Arguments of librosa.onset.onset_detect for each way of picking onsets; `strict` has librosa's defaults.
PICKING: dict[str, dict[str, Any]] = {
    "d2mgan": {"wait": 1, "delta": 0.2, "pre_avg": 1, "post_avg": 1, "post_max": 1},
    "loris": {"wait": 1, "delta": 0.2, "pre_avg": 3, "post_avg": 3, "pre_max": 3, "post_max": 3},
    "strict": {},
}


@dataclasses.dataclass(frozen=True)
class Events:
    """The events in one wave: times in seconds from its start, and the tempo in BPM (NaN without beats).

    power: mean square of each whole block of 20 ms; of a wave without events it is empty.
    """

    duration: float  # seconds
    onsets: dict[str, np.ndarray]  # way of picking -> (n,) seconds
    beats: np.ndarray  # (m,) seconds
    tempo: float
    power: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0))  # (b,)


def events(wave: np.ndarray, sample_rate: int, tracker: BeatTracker = LIBROSA) -> Events:
    """Detect the onsets, beats and tempo of a mono wave (S,), and measure its power.

    The constants of FACTS 7 are for 22,050 Hz; a wave at another rate is resampled first. Beats come from `tracker`,
    with its constant lateness taken off; the tempo is the tracker's own estimate or that of its beats' median interval.
    A silent wave (`is_silent`), or one shorter than an analysis window, has no events.
    Raises ValueError for a wave that is not mono or contains NaN or infinity.
    """
    wave = np.asarray(wave, dtype=np.float32)
    if wave.ndim != 1:
        raise ValueError(f"the wave has shape {wave.shape}; expected mono samples (S,)")
    if not np.isfinite(wave).all():
        raise ValueError(f"the wave holds {np.count_nonzero(~np.isfinite(wave))} samples that are NaN or infinite")
    duration = wave.size / sample_rate
    if sample_rate != SAMPLE_RATE and wave.size:
        wave = librosa.resample(wave, orig_sr=sample_rate, target_sr=SAMPLE_RATE)
    if wave.size < SHORTEST or is_silent(wave):
        return Events(duration, {name: np.zeros(0) for name in PICKING}, np.zeros(0), math.nan)
    strength = librosa.onset.onset_strength(y=wave, sr=SAMPLE_RATE)
    onsets = {
        name: librosa.onset.onset_detect(onset_envelope=strength, sr=SAMPLE_RATE, units="time", **arguments)
        for name, arguments in PICKING.items()
    }
    beats, tempo = tracker.track(wave)
    if tempo is None:
        tempo = tempo_of(beats)
    return Events(duration, onsets, beats, tempo if len(beats) else math.nan, block_power(wave))


def block_power(wave: np.ndarray) -> np.ndarray:
    """Mean square (b,) of each whole block of 20 ms of a wave (S,) at 22,050 Hz, without its constant offset."""
    blocks = wave[: len(wave) // BLOCK * BLOCK].reshape(-1, BLOCK).astype(np.float64)
    power: np.ndarray = ((blocks - blocks.mean()) ** 2).mean(axis=1)
    return power


def tempo_of(beats: np.ndarray) -> float:
    """Tempo in BPM from the median interval of beat times (B,) in seconds; NaN without an interval above 0."""
    interval = float(np.median(np.diff(beats))) if len(beats) > 1 else 0.0
    return 60 / interval if interval > 0 else math.nan
