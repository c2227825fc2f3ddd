"""Resampling against sines known at both rates, exact lengths, and what is refused."""

import numpy as np
import pytest

from pace.media.resampling import mono_at


def sine(hz: float, rate: int, seconds: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate)


@pytest.mark.parametrize("hz", [50, 440, 3000, 7000])
@pytest.mark.parametrize(("rate", "target"), [(22050, 16000), (44100, 16000), (22050, 32000), (22050, 48000)])
def test_a_sine_stays_a_sine(hz, rate, target):
    out = mono_at(sine(hz, rate), rate, target)
    middle = slice(target // 10, -target // 10)
    assert np.abs(out - sine(hz, target))[middle].max() < 1e-3  # SciPy's resample_poly: 0.03 at 7 kHz


def test_what_the_lower_rate_cannot_hold_is_gone():
    assert np.abs(mono_at(sine(9000, 22050), 22050, 16000)[1600:-1600]).max() < 1e-4


@pytest.mark.parametrize(
    ("samples", "rate", "target", "expected"),
    [
        (110250, 22050, 48000, 240000),  # five seconds: exactly half of CLAP's ten
        (110250, 22050, 32000, 160000),
        (110250, 22050, 16000, 80000),
        (110251, 22050, 48000, 240003),
        (7, 44100, 16000, 3),
        (1, 8000, 48000, 6),
    ],
)
def test_length_is_rounded_up_in_whole_numbers(samples, rate, target, expected):
    assert mono_at(np.ones(samples), rate, target).shape == (expected,)


def test_the_right_rate_passes_unchanged_and_channels_are_averaged():
    wave = np.random.default_rng(0).uniform(-1, 1, (2, 1000))
    assert np.array_equal(mono_at(wave[0], 16000, 16000), wave[0].astype(np.float32))
    assert np.allclose(mono_at(wave, 16000, 16000), (wave[0] + wave[1]) / 2, atol=1e-7)
    assert mono_at(wave, 16000, 16000).dtype == np.float32


@pytest.mark.parametrize(
    ("wave", "rate", "message"),
    [
        (np.zeros(0), 16000, r"shape \(0,\)"),
        (np.zeros((1, 2, 3)), 16000, r"shape \(1, 2, 3\)"),
        (np.zeros((100, 2)), 16000, "transpose"),
        (np.zeros(100, dtype=np.int16), 16000, "holds int16"),
        (np.array([0.0, np.nan, np.inf]), 16000, "2 samples that are NaN or infinite"),
        (np.zeros(100), 0, "sample rate 0"),
        (np.zeros(100), 22050.5, "sample rate 22050.5"),
    ],
)
def test_refused(wave, rate, message):
    with pytest.raises(ValueError, match=message):
        mono_at(wave, rate, 16000)
