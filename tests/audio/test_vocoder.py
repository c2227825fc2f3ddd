"""Vocoder: level, pitch and onsets survive the round trip; the result depends on image and seed alone."""

import librosa
import mir_eval
import numpy as np
import pytest
import torch

from pace.audio import mel
from pace.audio.vocoder import VocoderParams, invert, magnitude
from pace.clip import CLIP_SAMPLES, SAMPLE_RATE
from pace.synthetic.clock import Clock
from pace.synthetic.music import compose
from pace.synthetic.styles import STYLES, bpm_range

PARAMS = VocoderParams(iterations=16, momentum=0.99)


def _music(style: str, number: int) -> np.ndarray:
    rng = np.random.default_rng((3, STYLES.index(style), number))
    return compose(style, Clock(rng.uniform(*bpm_range(style)), rng.uniform(0, 2)), 5.0, rng).sound()


def _onsets(wave: np.ndarray) -> np.ndarray:
    return librosa.onset.onset_detect(y=wave, sr=SAMPLE_RATE, units="time")


@pytest.mark.long
def test_round_trip_keeps_the_onsets_of_music():
    waves = [_music(style, number) for style in STYLES for number in range(2)]
    images = np.stack([mel.to_uint8(mel.mel_image(wave)) for wave in waves]) / np.float32(255)
    back = invert(images, PARAMS)
    scores = [
        mir_eval.onset.f_measure(_onsets(wave), _onsets(copy), window=0.05)[0]
        for wave, copy in zip(waves, back, strict=True)
    ]
    print(f"onset F at 50 ms through mel image and vocoder: {np.mean(scores):.3f}")
    assert len(scores) == 20
    assert np.mean(scores) >= 0.9
    assert min(scores) >= 0.7
    errors = [np.abs(mel.mel_image(copy) - image).mean() * 80 for copy, image in zip(back, images, strict=True)]
    assert np.mean(errors) < 2.5  # decibels


def test_magnitude_undoes_the_filterbank_for_smooth_spectra():
    power = np.exp(-np.linspace(0, 3, 1025))[:, None] * np.ones((1, 256))
    image = (10 * np.log10(mel.filterbank() @ power) + 45) / 80
    power = magnitude(torch.as_tensor(image[None], dtype=torch.float32))[0].numpy() ** 2
    again = mel.filterbank() @ power
    assert again == pytest.approx(mel.filterbank() @ power, rel=0.02)


def test_level_and_pitch_of_a_sine_come_back():
    seconds = np.arange(CLIP_SAMPLES) / SAMPLE_RATE
    wave = 0.1 * np.sin(2 * np.pi * 440 * seconds)
    back = invert(mel.mel_image(wave)[None], VocoderParams(32, 0.99))[0][10000:-10000]
    spectrum = np.abs(np.fft.rfft(back * np.hanning(len(back))))
    assert spectrum.argmax() * SAMPLE_RATE / len(back) == pytest.approx(440, abs=6)
    assert 20 * np.log10(np.std(back) / np.std(wave)) == pytest.approx(0, abs=1.5)


def test_silence_stays_silent():
    back = invert(np.zeros((1, 256, 256)), PARAMS)
    assert back.shape == (1, 110250) and back.dtype == np.float32
    assert np.abs(back).max() == 0


def test_a_clip_does_not_depend_on_its_batch_and_follows_its_seed():
    images = np.stack([mel.mel_image(_music(style, 9)) for style in ("house", "krump", "pop")])
    together = invert(images, PARAMS, seed=5)
    alone = invert(torch.as_tensor(images[1:2]), PARAMS, seed=5)
    assert np.abs(together[1] - alone[0]).max() < 1e-3
    assert np.array_equal(alone, invert(images[1:2], PARAMS, seed=5))
    assert np.abs(alone - invert(images[1:2], PARAMS, seed=6)).max() > 0.01


def test_more_iterations_come_closer():
    image = mel.mel_image(_music("waack", 1))

    def error(iterations: int) -> float:
        return np.abs(mel.mel_image(invert(image[None], VocoderParams(iterations, 0.99))[0]) - image).mean()

    assert error(16) < 0.95 * error(4) < 0.95 * error(1)


def test_wrong_images_are_refused():
    assert invert(np.zeros((0, 256, 256)), PARAMS).shape == (0, 110250)
    with pytest.raises(ValueError, match=r"\(B,256,256\)"):
        invert(np.zeros((256, 256)), PARAMS)
    with pytest.raises(ValueError, match="finite"):
        invert(np.full((1, 256, 256), np.nan), PARAMS)
