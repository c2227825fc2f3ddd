"""Training data in memory: latents, their scale, their conditions, and the order in which the steps take them."""

import functools
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from pace.conditioning.conditions import ConditionStore, VideoConditions
from pace.diffusion.generator import LatentScale


def measure_scale(mean: npt.NDArray[Any], log_variance: npt.NDArray[Any]) -> LatentScale:
    """Scale of samples from posteriors (clips,C,32,32): their variance is that of the means plus the mean variance."""
    axes = (0, 2, 3)
    mean = mean.astype(np.float64)
    variance = mean.var(axis=axes) + np.exp(log_variance.astype(np.float64)).mean(axis=axes)
    return LatentScale(torch.tensor(mean.mean(axis=axes)).float(), torch.tensor(np.sqrt(variance)).float())


class LatentDataset(NamedTuple):
    """The n clips of one split: posteriors of their normalised latents, on the device, and their conditions."""

    mean: torch.Tensor  # (n,C,32,32)
    deviation: torch.Tensor  # standard deviation (n,C,32,32)
    conditions: ConditionStore  # conditions of the same clips, in the same order


def make_dataset(
    mean: npt.NDArray[Any],
    log_variance: npt.NDArray[Any],
    scale: LatentScale,
    conditions: ConditionStore,
    device: torch.device | str | None = None,
) -> LatentDataset:
    """Normalise the latents of the clips of `conditions`, and put them on `device` (default: that of `conditions`).

    Raises ValueError if there are more or fewer latents than clips with conditions.
    """
    if len(mean) != len(conditions):
        raise ValueError(f"{len(mean)} latents but {len(conditions)} clips with conditions")
    device = conditions.slow.device if device is None else device
    normal = scale.normalise(torch.from_numpy(mean.astype(np.float32)).to(device))
    deviation = torch.from_numpy(np.exp(0.5 * log_variance.astype(np.float32))).to(device)
    return LatentDataset(normal, deviation / scale.std[:, None, None].to(device), conditions)


def conditions_device(videos: Iterable[VideoConditions], device: torch.device) -> torch.device:
    """Where to keep the conditions of `videos`: on `device` if they take at most half of its free memory."""
    if device.type != "cuda":
        return device
    size = sum(array.nbytes for video in videos for array in video if isinstance(array, np.ndarray))
    return device if 2 * size <= torch.cuda.mem_get_info(device)[0] else torch.device("cpu")


@functools.lru_cache(maxsize=4)
def _epoch_order(count: int, seed: int, epoch: int) -> torch.Tensor:
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch))


def batch_index(step: int, size: int, count: int, seed: int) -> torch.Tensor:
    """Indices (size,) of a step's clips: each epoch is a new order of all clips; batches may span two epochs."""
    pieces, position, end = [], step * size, (step + 1) * size
    while position < end:
        epoch, first = divmod(position, count)
        pieces.append(_epoch_order(count, seed, epoch)[first : first + end - position])
        position += len(pieces[-1])
    return torch.cat(pieces)
