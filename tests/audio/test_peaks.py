"""Waves keep their shape on the way to a file."""

import numpy as np

from pace.audio.peaks import within_range


def test_a_loud_wave_is_turned_down_not_cut():
    wave = np.sin(np.linspace(0, 20, 1000)).astype(np.float32)
    loud = within_range(1.25 * wave)
    assert np.abs(loud).max() == 1.0
    np.testing.assert_allclose(loud, wave / np.abs(wave).max(), atol=1e-6)
    assert np.array_equal(within_range(0.9 * wave), 0.9 * wave)
    assert within_range(np.zeros(0, np.float32)).shape == (0,)
