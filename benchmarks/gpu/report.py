"""What the benchmark runs on, and its table, printed row by row."""

import dataclasses
import gc
import json
from pathlib import Path

import torch

from benchmarks.settings import Settings

COLUMNS = (10, 58, 12, 11, 10)  # widths of part, what, value, unit, wanted


@dataclasses.dataclass(frozen=True)
class Row:
    """One measured number; `wanted` is the bound to meet, such as `>= 2000`."""

    part: str
    what: str
    value: float
    unit: str
    wanted: str = ""
    note: str = ""


@dataclasses.dataclass
class Report:
    """The rows so far. Each is printed at once, and written to `out` if there is one, so that none is ever lost."""

    out: Path | None = None
    rows: list[Row] = dataclasses.field(default_factory=list)

    def head(self) -> None:
        """Print the names of the columns."""
        self._line("part", "what", "value", "unit", "wanted", "note")

    def row(self, part: str, what: str, value: float, unit: str, wanted: str = "", note: str = "") -> None:
        """Add a row."""
        self.rows.append(Row(part, what, value, unit, wanted, note))
        self._line(part, what, short(value), unit, wanted, note)
        if self.out is not None:
            content = [dataclasses.asdict(row) for row in self.rows]
            self.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    def say(self, text: str) -> None:
        """Print a line that is no row."""
        print(text, flush=True)

    def value(self, part: str, what: str) -> float | None:
        """The number of a row, None if it was not measured."""
        return next((row.value for row in self.rows if (row.part, row.what) == (part, what)), None)

    def _line(self, part: str, what: str, value: str, unit: str, wanted: str, note: str) -> None:
        cells = (part, what, value.rjust(COLUMNS[2]), unit, wanted)
        self.say("  ".join([cell.ljust(width) for cell, width in zip(cells, COLUMNS, strict=True)] + [note]).rstrip())


@dataclasses.dataclass(frozen=True)
class Run:
    """What the parts of the benchmark share.

    config: the sizes. batch: clips of a training step and of a sampling. small: sizes for tests, everything short.
    seconds: how long each measurement may take, about.
    """

    config: Settings
    device: torch.device
    batch: int
    small: bool
    seconds: float
    report: Report

    @property
    def gpu(self) -> bool:
        """Whether it runs on a GPU."""
        return self.device.type == "cuda"


def short(value: float) -> str:
    """Three significant digits, whole from 100 on."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def peak_memory(device: torch.device) -> float:
    """Most memory that PyTorch has reserved on the GPU since `reset_memory`, in GB."""
    return torch.cuda.max_memory_reserved(device) / 1e9


def reset_memory(device: torch.device) -> None:
    """Give unused memory back to the GPU, and start to watch for the peak anew.

    Training steps and their CUDA graphs refer to each other, so only the garbage collector frees them.
    """
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
