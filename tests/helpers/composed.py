"""Composed music for tests that need some with known beats."""

import numpy as np

from pace.synthetic.clock import Clock
from pace.synthetic.music import compose


def composed(style: str, bpm: float, first_beat: float, seconds: float, seed: int) -> np.ndarray:
    """Compose music at a steady tempo: samples (S,) float32 at 22,050 Hz."""
    return compose(style, Clock(bpm, first_beat), seconds, np.random.default_rng(seed)).sound()
