"""The learning-rate schedule of every training loop."""

import math

DECAYS = ("linear", "cosine", "constant")


def learning_rate(step: int, peak: float, warmup: int, steps: int, decay: str = "linear") -> float:
    """Learning rate of a step: linear warm-up to `peak` over `warmup` steps, then decay to 0 at `steps`.

    Steps count from 0. `decay` is one of DECAYS; `constant` stays at `peak`.
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    done = (step - warmup) / max(steps - warmup, 1)
    shape = {"linear": 1 - done, "cosine": (1 + math.cos(math.pi * done)) / 2, "constant": 1.0}
    return peak * shape[decay]
