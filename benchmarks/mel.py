"""The mel stage: seconds of music turned into mel images per second of processor time."""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks import inputs
from benchmarks.results import Row, Scale
from pace.audio import clips, mel
from pace.clip import CLIP_SECONDS

NAME = "mel"
TARGET = 100  # times real time per core


def rows(scale: Scale, folder: Path) -> list[Row]:
    """Speed as a multiple of real time per core, in processor time: other load does not count."""
    seconds = CLIP_SECONDS * max(1, round(60 * scale.minutes / CLIP_SECONDS))
    path, starts = folder / "long.wav", np.arange(0, seconds, CLIP_SECONDS)
    inputs.make_noise(path, seconds)
    wave = inputs.noise(CLIP_SECONDS)
    mel.mel_image(wave)  # computes the filters
    alone = _cpu_seconds(lambda: mel.mel_image(wave), scale.repeats)
    whole = _cpu_seconds(lambda: clips.clip_images(path, starts), min(3, scale.repeats))
    return [
        Row(NAME, "one clip in memory", CLIP_SECONDS / alone, "x real time", 1, TARGET, note="per core"),
        Row(NAME, "clips of a long wav", seconds / whole, "x real time", 1, TARGET, note=f"{seconds / 60:.3g} minutes"),
    ]


def _cpu_seconds(function: Callable[[], object], repeats: int) -> float:
    """Median processor time of a call."""
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        seconds.append(time.process_time() - start)
    return median(seconds)
