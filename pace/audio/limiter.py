"""A limiter for generated music, whose peaks may exceed full scale."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import minimum_filter1d
from scipy.signal import windows

from pace.clip import SAMPLE_RATE

WINDOW = 2 * round(0.005 * SAMPLE_RATE) + 1  # samples around a peak that are attenuated, 10 ms


def limit_peaks(wave: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The wave (S,) with every peak above 1 attenuated to 1, smoothly from 5 ms before the peak to 5 ms after it.

    All other samples stay as they are. Clipping would add distortion; scaling the whole wave would change its level.
    """
    gain = 1 / np.maximum(1, np.abs(wave))
    if not wave.size or gain.min() == 1:
        return wave
    # Each minimum is taken over a window that contains the sample, so their weighted mean is at most its own gain.
    lowest = minimum_filter1d(gain, WINDOW, mode="nearest")
    weights = windows.hann(WINDOW + 2)[1:-1]
    padded = np.pad(lowest, WINDOW // 2, mode="edge")
    smooth_gain = np.convolve(padded, weights / weights.sum(), mode="valid").astype(wave.dtype)
    limited: npt.NDArray[Any] = wave * smooth_gain
    return limited
