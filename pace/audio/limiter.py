"""Peaks of generated music, which knows no full scale."""

import numpy as np
from scipy.ndimage import minimum_filter1d
from scipy.signal import windows

from pace.clip import SAMPLE_RATE

REACH = 2 * round(0.005 * SAMPLE_RATE) + 1  # samples over which a peak is turned down, 10 ms


def within_range(wave: np.ndarray) -> np.ndarray:
    """The wave (S,) with every peak above 1 turned down to it, smoothly from 5 ms before to 5 ms after it.

    Elsewhere it is untouched: cutting peaks off would add sounds of its own, turning all down would change the level.
    """
    gain = 1 / np.maximum(1, np.abs(wave))
    if not wave.size or gain.min() == 1:
        return wave
    # Each weighted mean is over minima that all reach to its sample: it is at most that sample's own gain.
    lowest = minimum_filter1d(gain, REACH, mode="nearest")
    window = windows.hann(REACH + 2)[1:-1]
    padded = np.pad(lowest, REACH // 2, mode="edge")
    return wave * np.convolve(padded, window / window.sum(), mode="valid").astype(wave.dtype)
