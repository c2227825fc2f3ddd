"""Composed music for tests that need some with known beats."""

import numpy as np

from pace.synthetic.clock import Clock
from pace.synthetic.intensity import Intensity
from pace.synthetic.music import compose


def composed(style: str, bpm: float, first_beat: float, seconds: float, seed: int) -> np.ndarray:
    """Compose music at a steady tempo: samples (S,) float32 at 22,050 Hz."""
    return compose(style, Clock(bpm, first_beat), seconds, np.random.default_rng(seed)).sound()


def phrases(clock: Clock, seconds: float, rng: np.random.Generator, holds: bool) -> Intensity:
    """Draw the intensity of a dance that changes smoothly from phrase to phrase of four to eight beats.

    Slow and fast reach from 0 to 1 within the dance. holds: whether it has breaks of one or two beats.
    """
    beats = np.arange(clock.beats(seconds)[0] - 1, clock.beats(seconds)[-1] + 1).astype(int)
    curves = []
    for _ in range(2):
        turns = np.cumsum(np.concatenate([[0], rng.integers(4, 9, len(beats))]))
        curve = np.interp(np.arange(len(beats)), turns, rng.uniform(size=len(turns)))
        curves.append((curve - curve.min()) / (curve.max() - curve.min()))
    hold = np.zeros(len(beats), dtype=bool)
    for start in np.cumsum(rng.integers(10, 17, len(beats)))[: len(beats) // 16 + 1] - 5:
        hold[start : start + rng.integers(1, 3)] = holds
    return Intensity(int(beats[0]), *curves, hold)
