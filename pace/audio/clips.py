"""The mel images of one wav file's clips."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from pace.audio.mel import mel_image, to_uint8
from pace.audio.wav_files import read_wave
from pace.clip import CLIP_SAMPLES, N_FRAMES, N_MELS, SAMPLE_RATE


def clip_images(path: Path, starts_s: Iterable[float]) -> tuple[np.ndarray, dict[int, str]]:
    """Mel images (n,256 mels,256 frames) uint8 of the five-second clips that start at `starts_s` in a wav.

    Also returns the reasons (place in `starts_s` -> text) of clips that could not be made, whose images are zeros.
    Raises ValueError where the file is not mono at 22,050 Hz.
    """
    starts = [round(start * SAMPLE_RATE) for start in starts_s]
    wave = read_wave(path)
    images, reasons = np.zeros((len(starts), N_MELS, N_FRAMES), np.uint8), {}
    for i, start in enumerate(starts):
        try:
            images[i] = to_uint8(mel_image(wave[start : start + CLIP_SAMPLES]))
        except ValueError as error:
            reasons[i] = f"{path} from {start / SAMPLE_RATE:.3f} s: {error}"
    return images, reasons
