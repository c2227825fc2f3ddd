"""The mel images of one wav file's clips."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pace.audio.mel import mel_image, to_uint8
from pace.audio.wav_files import read_wave
from pace.clip import CLIP_SAMPLES, N_FRAMES, N_MELS, SAMPLE_RATE


def clip_images(path: Path, starts_s: Iterable[float]) -> tuple[npt.NDArray[Any], dict[int, str]]:
    """Mel images (n,256 mels,256 frames) uint8 of the five-second clips that start at `starts_s` in a wav file.

    Also returns {index in `starts_s`: reason} for the clips that have no mel image; their images are zeros.
    Raises ValueError for a file that is not mono at 22,050 Hz.
    """
    starts = [round(start * SAMPLE_RATE) for start in starts_s]
    wave = read_wave(path)
    images = np.zeros((len(starts), N_MELS, N_FRAMES), np.uint8)
    failures = {}
    for i, start in enumerate(starts):
        try:
            images[i] = to_uint8(mel_image(wave[start : start + CLIP_SAMPLES]))
        except ValueError as error:
            failures[i] = f"{path} from {start / SAMPLE_RATE:.3f} s: {error}"
    return images, failures
