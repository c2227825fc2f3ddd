"""A limiter for generated music, whose peaks may exceed full scale."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import minimum_filter1d
from scipy.signal import windows

from pace.clip import SAMPLE_RATE

REACH = 2 * round(0.005 * SAMPLE_RATE) + 1  # samples over which a peak is turned down, 10 ms


def within_range(wave: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The wave (S,) with every peak above 1 turned down to 1, smoothly from 5 ms before the peak to 5 ms after it.

    All other samples stay as they are. Clipping would add distortion; scaling the whole wave would change its level.
    """
    gain = 1 / np.maximum(1, np.abs(wave))
    if not wave.size or gain.min() == 1:
        return wave
    # Every minimum in a sample's weighted mean covers that sample, so the mean never exceeds the sample's own gain.
    lowest = minimum_filter1d(gain, REACH, mode="nearest")
    window = windows.hann(REACH + 2)[1:-1]
    padded = np.pad(lowest, REACH // 2, mode="edge")
    smooth_gain = np.convolve(padded, window / window.sum(), mode="valid").astype(wave.dtype)
    limited: npt.NDArray[Any] = wave * smooth_gain
    return limited
