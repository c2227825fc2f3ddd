"""Reading the wav files that decode and sample write."""

from pathlib import Path

import numpy as np
import soundfile

from pace.clip import SAMPLE_RATE


def read_wave(path: Path) -> np.ndarray:
    """Samples (S,) float32 of a mono wav at 22,050 Hz; ValueError names the file when it is anything else."""
    wave, rate = soundfile.read(path, dtype="float32")
    if rate != SAMPLE_RATE or wave.ndim != 1:
        raise ValueError(f"{path}: {rate} Hz, shape {wave.shape}; expected {SAMPLE_RATE} Hz mono: rerun its stage")
    return wave
