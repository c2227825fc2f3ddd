"""Mel images: frame count, the decibel scale, timing, byte storage."""

import librosa
import numpy as np
import pytest

from pace.audio import mel
from pace.clip import CLIP_SAMPLES, HOP, N_FFT, SAMPLE_RATE

RNG = np.random.default_rng(0)
SECONDS = np.arange(CLIP_SAMPLES) / SAMPLE_RATE


def _decibels(image):
    return image * 80 - 45


@pytest.mark.long
def test_five_seconds_are_exactly_256_centred_frames():
    assert 1 + CLIP_SAMPLES // HOP == 256 and CLIP_SAMPLES == 5.0 * SAMPLE_RATE
    image = mel.mel_image(np.zeros(CLIP_SAMPLES))
    assert image.shape == (256, 256) and image.dtype == np.float32
    assert (image == 0).all()


def test_every_filter_has_weight_and_unit_area_in_hz():
    area = mel.filterbank().sum(1) * SAMPLE_RATE / N_FFT
    assert area.min() > 0
    assert area[128:] == pytest.approx(1, rel=0.05)  # the lowest filters are narrower than two bins


def test_agrees_with_librosas_mel_spectrogram():
    wave = 0.1 * RNG.standard_normal(CLIP_SAMPLES).astype(np.float32)
    power = librosa.feature.melspectrogram(y=wave, sr=22050, n_fft=2048, hop_length=431, n_mels=256, fmax=11025)
    expected = np.clip((librosa.power_to_db(power, ref=1.0, top_db=None) + 45) / 80, 0, 1)
    assert np.abs(mel.mel_image(wave) - expected).max() < 1e-5


def test_a_sine_has_its_closed_form_level_in_its_own_bin():
    bin_number, amplitude = 300, 0.02
    hz = bin_number * SAMPLE_RATE / N_FFT
    image = mel.mel_image(amplitude * np.sin(2 * np.pi * hz * SECONDS))
    # A Hann window sums to 1024: the line has amplitude a * 512, and half of it leaks into each neighbouring bin.
    lines = np.zeros(1025)
    lines[bin_number - 1 : bin_number + 2] = np.array([0.25, 1, 0.25]) * (amplitude * 512) ** 2
    expected = 10 * np.log10((mel.filterbank() @ lines).max())
    column = _decibels(image[:, 128])
    assert column.max() == pytest.approx(expected, abs=0.05)
    centre = librosa.mel_frequencies(n_mels=258, fmin=0, fmax=11025)[1:-1][column.argmax()]
    assert centre == pytest.approx(hz, rel=0.01)


def test_the_scale_keeps_the_level():
    wave = 0.05 * RNG.standard_normal(CLIP_SAMPLES)
    quiet, loud = mel.mel_image(wave), mel.mel_image(2 * wave)
    inside = (quiet > 0) & (loud < 1)
    assert inside.mean() > 0.99
    assert (_decibels(loud) - _decibels(quiet))[inside] == pytest.approx(20 * np.log10(2), abs=1e-3)
    assert mel.mel_image(1e4 * wave).max() == 1.0


def test_a_click_lies_in_the_frame_of_its_time():
    for frame in (3, 100, 252):
        wave = np.zeros(CLIP_SAMPLES)
        wave[frame * HOP] = 1.0
        assert mel.mel_image(wave)[200].argmax() == frame


def test_a_slightly_short_clip_is_completed_with_zeros():
    wave = 0.1 * RNG.standard_normal(CLIP_SAMPLES - mel.MISSING_SAMPLES)
    assert np.array_equal(mel.mel_image(wave), mel.mel_image(np.pad(wave, (0, mel.MISSING_SAMPLES))))


@pytest.mark.parametrize(
    "wave", [np.zeros(110250 - 2206), np.zeros(110251), np.zeros((110250, 2)), np.full(110250, np.nan)]
)
def test_other_clips_are_refused(wave):
    with pytest.raises(ValueError, match="clip"):
        mel.mel_image(wave)


def test_bytes_are_within_a_sixth_of_a_decibel():
    image = RNG.random((256, 256)).astype(np.float32)
    stored = mel.to_uint8(image)
    assert stored.dtype == np.uint8
    assert np.abs(_decibels(stored / np.float32(255)) - _decibels(image)).max() <= 80 / 255 / 2 + 1e-4
    assert mel.to_uint8(np.array([-0.1, 0.0, 1.0, 1.2])).tolist() == [0, 0, 255, 255]
