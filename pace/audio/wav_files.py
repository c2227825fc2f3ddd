"""Reading the wav files that the stages `decode` and `sample` write."""

from pathlib import Path
from typing import Any

import numpy.typing as npt
import soundfile

from pace.clip import SAMPLE_RATE


def read_wave(path: Path) -> npt.NDArray[Any]:
    """Samples (S,) float32 of a mono wav at 22,050 Hz. Raises ValueError naming the file if it is anything else."""
    wave: npt.NDArray[Any]
    try:
        wave, rate = soundfile.read(path, dtype="float32")
    except soundfile.SoundFileError as error:
        raise ValueError(f"{path}: not a readable wav ({error}); rerun its stage") from None
    if rate != SAMPLE_RATE or wave.ndim != 1:
        raise ValueError(f"{path}: {rate} Hz, shape {wave.shape}; expected {SAMPLE_RATE} Hz mono: rerun its stage")
    return wave
