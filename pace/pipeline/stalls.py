"""Telling that an item takes unusually long, while it runs."""

import math
import os
import sys
import threading
import time
from types import TracebackType

from tqdm import tqdm

STALL = 600.0  # seconds


def seconds_of(variable: str, default: float) -> float:
    """The positive number of seconds that an environment variable holds. Raises ValueError."""
    value = os.environ.get(variable, "")
    try:
        seconds = float(value) if value else default
    except ValueError:
        seconds = math.nan
    if not seconds > 0:
        raise ValueError(f"{variable} is {value!r}; set it to a number of seconds, such as {STALL:g}")
    return seconds


def span(seconds: float) -> str:
    """A time in seconds, or in minutes from two minutes on."""
    return f"{seconds:.3g} s" if seconds < 120 else f"{seconds / 60:.0f} min"


class Watch:
    """A context in which a thread tells, once for each item, that it has run for PACE_STALL seconds (600).

    A thread, so that it also speaks while the work runs in this process.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._limit = seconds_of("PACE_STALL", STALL)
        self._since: dict[str, float] = {}
        self._told: set[str] = set()
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stalls", daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._end.set()
        self._thread.join()

    def begin(self, name: str) -> None:
        """The work on an item begins."""
        with self._lock:
            self._since[name] = time.monotonic()

    def end(self, name: str) -> None:
        """The work on an item has ended, well or not."""
        with self._lock:
            self._since.pop(name, None)

    def _run(self) -> None:
        while not self._end.wait(min(self._limit / 4, 10)):
            now = time.monotonic()
            with self._lock:
                long = {name: now - since for name, since in self._since.items() if now - since >= self._limit}
            for name, seconds in long.items():
                if name not in self._told:
                    self._told.add(name)
                    tqdm.write(
                        f"{self._label}: still working on {name} after {span(seconds)}; Ctrl-C ends the run and keeps "
                        "what is finished, PACE_TIMEOUT=SECONDS gives up an item that takes longer",
                        file=sys.stderr,
                    )
