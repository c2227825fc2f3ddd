"""An mp4 or mov file to write into, and when each picture is shown in it."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from pace.output_files import written

ENDINGS = (".mp4", ".m4v", ".mov")


@contextlib.contextmanager
def open_output(path: Path) -> Iterator[av.container.OutputContainer]:
    """A container in a file of one of `ENDINGS`. Python writes the file: FFmpeg does not report every full disk."""
    kind = "mov" if path.suffix.lower() == ".mov" else "mp4"
    with written(path) as file, av.open(file, "w", format=kind) as container:
        yield container


@dataclasses.dataclass(frozen=True)
class Clock:
    """When pictures are shown, in whole ticks of 1/rate seconds. starts and lengths: (N,) int64."""

    rate: int
    starts: np.ndarray
    lengths: np.ndarray

    @classmethod
    def of(cls, times: np.ndarray, duration: float, rate: int) -> "Clock":
        """Take it from the times (N,) in seconds of N pictures, at least a tick apart, and the end of the last one."""
        steps = np.arange(len(times))
        starts = np.maximum.accumulate(np.round(times * rate).astype(np.int64) - steps) + steps
        end = max(round(duration * rate), int(starts[-1]) + 1)
        return cls(rate, starts, np.diff(starts, append=end))
