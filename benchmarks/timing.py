"""Time of calls, on the CPU or on a GPU, which works on after a call has returned."""

import time
from collections.abc import Callable
from statistics import median

import torch

from pace.training.graphs import WARM_UP


def wait(device: torch.device) -> None:
    """Let the device finish its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def alternate(
    functions: dict[str, Callable[[], object]],
    repeats: int,
    device: torch.device,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds of each call, called in turns after a warm-up of two calls each (compilation, caches)."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(-2, repeats):
        for name, function in functions.items():
            taken = once(function, device, clock)
            if turn >= 0:
                seconds[name].append(taken)
    return seconds


def once(function: Callable[[], object], device: torch.device, clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds of one call."""
    wait(device)
    start = clock()
    function()
    wait(device)
    return clock() - start


def per_call(function: Callable[[], object], device: torch.device, seconds: float) -> float:
    """Seconds of a call among calls that follow each other without a wait, as in a training.

    The median over three groups of calls, as many as fit into `seconds`, after a warm-up: on a GPU long enough for the
    recording of a CUDA graph.
    """
    taken = min(once(function, device) for _ in range(WARM_UP + 2 if device.type == "cuda" else 1))
    count = max(1, min(50, int(seconds / 3 / max(taken, 1e-6))))

    def group() -> None:
        for _ in range(count):
            function()

    return median(once(group, device) / count for _ in range(3))
