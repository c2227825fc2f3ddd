"""Waves keep their shape and level on the way to a file."""

import numpy as np

from pace.audio.limiter import WINDOW, limit_peaks


def test_peaks_are_turned_down_and_the_rest_is_untouched():
    wave = (0.9 * np.sin(np.linspace(0, 800, 22_050))).astype(np.float32)
    wave[5000], wave[15_000] = 2.0, -1.5
    limited = limit_peaks(wave)
    assert np.abs(limited).max() <= 1 + 1e-6
    np.testing.assert_allclose(limited[[5000, 15_000]], [1, -1], rtol=0.01)
    far = np.ones(wave.size, bool)
    for peak in (5000, 15_000):
        far[peak - WINDOW : peak + WINDOW + 1] = False
    np.testing.assert_allclose(limited[far], wave[far], rtol=1e-6)
    gain = limited[1:] / wave[1:]
    assert np.abs(np.diff(gain)).max() < 0.02, "no jump, which would be heard as a click"


def test_quiet_and_empty_waves_stay_as_they_are():
    wave = np.linspace(-1, 1, 500).astype(np.float32)
    assert limit_peaks(wave) is wave
    assert limit_peaks(np.zeros(0, np.float32)).shape == (0,)
