"""How long a training lasts."""

import math

from pace.generation.training import DiffusionParams


def total_steps(params: DiffusionParams, clips: int) -> int:
    """Steps of a training on `clips` clips: those of `epochs` passes over them where it is given, else `steps`.

    Batches run across the borders of epochs, so only the very last step may go past the end.
    """
    return math.ceil(params.epochs * clips / params.batch_size) if params.epochs else params.steps
