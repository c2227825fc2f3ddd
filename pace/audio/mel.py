"""Log-mel images of five-second clips on a fixed decibel scale, and back to linear magnitude.

The image keeps the level: 0 is `DB_LOW` and below, 1 is `DB_HIGH` and above, whatever the clip.
"""

import functools

import librosa
import numpy as np

from pace.clip import CLIP_SAMPLES, HOP, N_FFT, N_MELS, SAMPLE_RATE

DB_LOW, DB_HIGH = -45.0, 35.0
MISSING_SAMPLES = round(0.1 * SAMPLE_RATE)  # a clip may be this much too short: files end a frame early


@functools.cache
def filterbank() -> np.ndarray:
    """Slaney mel filters (256 mels, 1025 bins), 0 to 11,025 Hz, each of unit area in Hz. Treat it as read-only."""
    return librosa.filters.mel(sr=SAMPLE_RATE, n_fft=N_FFT, n_mels=N_MELS, fmin=0.0, fmax=SAMPLE_RATE / 2)


@functools.cache
def inverse_filterbank() -> np.ndarray:
    """Pseudo-inverse (1025 bins, 256 mels) of `filterbank`: power spectrum of least norm with given mel powers."""
    return np.linalg.pinv(filterbank().astype(np.float64)).astype(np.float32)


def mel_image(wave: np.ndarray) -> np.ndarray:
    """Mel image of one clip.

    wave: (S,) mono at 22,050 Hz, S = 110,250; up to 0.1 s fewer are made up with zeros.
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
    return np.clip((decibels - DB_LOW) / (DB_HIGH - DB_LOW), 0, 1).astype(np.float32)


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Images in [0,1] as bytes: steps of 80 dB / 255 = 0.31 dB, so an error of at most 0.16 dB."""
    return np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8)
