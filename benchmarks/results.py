"""The results of a benchmark: rows of one table, and the machine that they were measured on."""

import dataclasses
import os
import platform
from pathlib import Path

import numpy
import scipy
import torch

from pace.pipeline import workers


@dataclasses.dataclass(frozen=True)
class Scale:
    """How much to measure, and the sizes of the networks that are measured next to the default ones."""

    videos: int = 4
    seconds: float = 10.0  # length of a video
    fps: float = 30.0
    published_videos: int = 2
    motion: tuple[tuple[str, int], ...] = (("dim_feat", 256), ("mlp_ratio", 4))  # the lite DSTformer
    long_motion: tuple[tuple[str, int], ...] = (("dim_feat", 512), ("mlp_ratio", 2))  # the full one, for memory
    width: float = 1.0  # of I3D
    short_side: int = 256
    crop: int = 224
    minutes: float = 10.0  # length of the long video and of the track in memory
    published_seconds: float = 20.0  # length of the video for networks of the published sizes
    repeats: int = 5
    copies: int = 50  # of each video, for the stages that take milliseconds
    preset: str = "paper"  # sizes of the generator next to the default ones
    batch: int | None = None  # of the generator; None: the device's default
    compiled: bool = True  # measure the compiled generator too, if there is a compiler
    sampling_steps: int = 25
    scored_clips: int = 234  # clips scored by all protocols
    embedded_clips: int = 5  # clips embedded by each audio network
    audio_networks: str = "published"  # sizes of the audio networks: published | small


@dataclasses.dataclass(frozen=True)
class Row:
    """One measured number.

    what: the thing measured. target: the bound to meet; a minimum, or a maximum if `at_most`.
    """

    benchmark: str
    what: str
    value: float
    unit: str
    workers: int | None = None
    target: float | None = None
    at_most: bool = False
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None if there is none."""
        if self.target is None:
            return None
        return self.value <= self.target if self.at_most else self.value >= self.target


def machine() -> dict[str, str | int | float]:
    """The machine of the measurement: processor, cores that this process may use, load before it, versions."""
    return {
        "cpu": _processor(),
        "cores": workers.cores(),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def table(rows: list[Row]) -> str:
    """The rows as text in aligned columns."""
    cells = [("benchmark", "what", "workers", "value", "unit", "target", "note")]
    for row in rows:
        target = "" if row.target is None else f"{'<=' if row.at_most else '>='} {_short(row.target)}"
        target += {None: "", True: " met", False: " MISSED"}[row.met]
        workers = "" if row.workers is None else str(row.workers)
        cells.append((row.benchmark, row.what, workers, _short(row.value), row.unit, target, row.note))
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    right = (False, False, True, True, False, False, False)
    return "\n".join(
        "  ".join(
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in cells
    )


def _short(value: float) -> str:
    """Three significant digits, whole from 100 on."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
