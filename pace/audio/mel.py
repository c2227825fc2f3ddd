"""Log-mel images of five-second clips (paper 3) on a fixed decibel scale, and the filters that undo them.

An image keeps the loudness of its clip: 0 stands for `DB_LOW` and below, 1 for `DB_HIGH` and above, in every clip.
"""

import functools
from typing import Any

import librosa
import numpy as np
import numpy.typing as npt

from pace.clip import CLIP_SAMPLES, HOP, N_FFT, N_MELS, SAMPLE_RATE

DB_LOW, DB_HIGH = -45.0, 35.0
MISSING_SAMPLES = round(0.1 * SAMPLE_RATE)  # a clip may lack this much: some files end a video frame early


@functools.cache
def filterbank() -> npt.NDArray[Any]:
    """Slaney mel filters (256 mels, 1025 bins), 0 to 11,025 Hz, each of unit area in Hz. Do not modify the array."""
    filters: npt.NDArray[Any] = librosa.filters.mel(
        sr=SAMPLE_RATE, n_fft=N_FFT, n_mels=N_MELS, fmin=0.0, fmax=SAMPLE_RATE / 2
    )
    return filters


@functools.cache
def inverse_filterbank() -> npt.NDArray[Any]:
    """Pseudo-inverse (1025 bins, 256 mels) of `filterbank`: it gives the power spectrum of least norm."""
    return np.linalg.pinv(filterbank().astype(np.float64)).astype(np.float32)


def mel_image(wave: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Mel image of one clip (paper 3).

    wave: (S,) mono at 22,050 Hz, S = 110,250; a clip up to 0.1 s shorter is padded with zeros.
    Returns (256 mels, 256 frames) float32 in [0,1]; frame i is centred on i * 431 / 22,050 seconds.
    Raises ValueError for any other shape and for values that are not finite.
    """
    wave = np.asarray(wave, dtype=np.float32)
    if wave.ndim != 1 or not CLIP_SAMPLES - MISSING_SAMPLES <= len(wave) <= CLIP_SAMPLES:
        raise ValueError(
            f"a clip is {CLIP_SAMPLES} mono samples (at most {MISSING_SAMPLES} fewer); this one has shape {wave.shape}"
        )
    if not np.isfinite(wave).all():
        raise ValueError("the clip has samples that are not finite numbers; decode the audio again")
    wave = np.pad(wave, (0, CLIP_SAMPLES - len(wave)))
    spectrum = librosa.stft(wave, n_fft=N_FFT, hop_length=HOP, center=True, pad_mode="constant")
    decibels = 10 * np.log10(np.maximum(filterbank() @ np.abs(spectrum) ** 2, 1e-10))
    image: npt.NDArray[Any] = np.clip((decibels - DB_LOW) / (DB_HIGH - DB_LOW), 0, 1).astype(np.float32)
    return image


def to_uint8(images: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Images in [0,1] as bytes, in steps of 80 dB / 255 = 0.31 dB: the error is at most 0.16 dB."""
    levels: npt.NDArray[Any] = np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8)
    return levels
