"""The front end of CNN14 and CLAP against librosa, NumPy's FFT and the formula of the published tensors."""

import librosa
import numpy as np
import pytest
import scipy.signal
import torch

from pace.evaluation.embedders import logmel


@pytest.mark.parametrize("rate", [32000, 48000])
def test_mel_matrix_is_librosas(rate):
    expected = librosa.filters.mel(sr=rate, n_fft=1024, n_mels=64, fmin=50, fmax=14000).T
    assert np.abs(logmel.slaney_mels(rate, 1024, 64, 50, 14000) - expected).max() < 1e-8
    assert expected.max() > 0.01


def test_mel_scale_below_and_above_the_knee():
    # The lowest filters start on the linear part of the scale, so their centres are evenly spaced in Hz.
    mels = logmel.slaney_mels(32000, 32768, 64, 50, 14000)
    peaks = mels.argmax(axis=0) * 32000 / 32768
    assert np.allclose(np.diff(peaks[:12]), np.diff(peaks[:12])[0], atol=2)
    assert np.allclose(peaks[-8:] / peaks[-9:-1], peaks[-1] / peaks[-2], rtol=2e-3)
    assert np.allclose(mels.sum(axis=0) * 32000 / 32768, 1, rtol=1e-3)  # unit area in Hz


def test_kernels_are_those_that_the_published_files_hold():
    """torchlibrosa raises the n-th root of unity to the powers k t and multiplies by SciPy's periodic Hann window."""
    powers = np.power(np.exp(-2j * np.pi / 1024), np.outer(np.arange(513), np.arange(1024)))
    expected = powers * scipy.signal.get_window("hann", 1024, fftbins=True)
    real, imaginary = logmel.fourier_kernels(1024)
    assert np.abs(real - expected.real).max() < 1e-7
    assert np.abs(imaginary - expected.imag).max() < 1e-7


def test_kernels_transform():
    frame = np.random.default_rng(0).normal(size=1024)
    real, imaginary = logmel.fourier_kernels(1024)
    expected = np.fft.rfft(frame * scipy.signal.get_window("hann", 1024))
    assert np.abs(real @ frame + 1j * (imaginary @ frame) - expected).max() < 1e-4


def test_names_and_shapes_of_the_published_tensors():
    shapes = {name: tuple(tensor.shape) for name, tensor in logmel.Spectrogram(320).state_dict().items()}
    assert shapes == {"stft.conv_real.weight": (513, 1, 1024), "stft.conv_imag.weight": (513, 1, 1024)}
    assert {name: tuple(t.shape) for name, t in logmel.LogMel(32000).state_dict().items()} == {"melW": (513, 64)}


@pytest.mark.parametrize(("rate", "hop", "frames"), [(32000, 320, 501), (48000, 480, 501)])
def test_log_mel_is_librosas(rate, hop, frames):
    generator = np.random.default_rng(1)
    wave = generator.normal(0, 0.1, 5 * rate) * np.linspace(0, 1, 5 * rate)
    expected = librosa.feature.melspectrogram(
        y=wave, sr=rate, n_fft=1024, hop_length=hop, n_mels=64, fmin=50, fmax=14000, pad_mode="reflect"
    )
    expected = librosa.power_to_db(expected, ref=1.0, amin=1e-10, top_db=None).T
    with torch.inference_mode():
        out = logmel.LogMel(rate)(logmel.Spectrogram(hop)(torch.from_numpy(wave.astype(np.float32))[None]))
    assert out.shape == (1, frames, 64)
    assert np.abs(out[0].numpy() - expected).max() < 1e-3  # dB


def test_silence_is_minus_100_db():
    with torch.inference_mode():
        out = logmel.LogMel(32000)(logmel.Spectrogram(320)(torch.zeros(1, 32000)))
    assert torch.equal(out, torch.full((1, 101, 64), -100.0))
