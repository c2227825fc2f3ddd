"""The energy stage on a long track: frames per second in memory, and the extra time for its files."""

import time
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks import inputs
from benchmarks.results import Row, Scale
from pace.motion import energy

NAME = "energy"
TARGET = 200_000  # frames/s in memory


def rows(scale: Scale, folder: Path) -> list[Row]:
    """Medians of several runs on a track of `scale.minutes`."""
    settings, fps = inputs.settings()["energy"], scale.fps
    pose = inputs.track(60 * scale.minutes, fps)
    source = folder / "pose3d.npz"
    np.savez(source, pose=pose, fps=np.float32(fps))
    energy.energy_video(settings, "video", (source,), folder)  # so that the imports for the file formats do not count
    memory, whole = [], []
    for _ in range(scale.repeats):
        start = time.perf_counter()
        energy.energies(pose, fps, settings)
        memory.append(time.perf_counter() - start)
        start = time.perf_counter()
        energy.energy_video(settings, "video", (source,), folder)
        whole.append(time.perf_counter() - start)
    seconds, note = median(memory), f"{scale.minutes:g} minutes at {fps:g} frames/s"
    rate = len(pose) / seconds
    return [
        Row(NAME, "in memory", rate, "frames/s", 1, TARGET, note=note),
        Row(NAME, "with its files", len(pose) / median(whole), "frames/s", 1, note=note),
        Row(NAME, "files alone", 1000 * (median(whole) - seconds), "ms", 1, note="the difference of the two"),
    ]
