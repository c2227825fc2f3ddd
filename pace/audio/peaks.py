"""Peaks of generated music, which knows no full scale."""

import numpy as np


def within_range(wave: np.ndarray) -> np.ndarray:
    """The wave (S,), turned down where its peak passes 1: cutting the peaks off would add sounds of its own."""
    return wave / max(1.0, float(np.abs(wave).max(initial=0.0)))
