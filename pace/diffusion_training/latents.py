"""Training data in memory: latents, their scale, their conditions, and the order in which steps take them."""

import functools
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch

from pace.conditioning.conditions import ConditionStore, VideoConditions
from pace.diffusion.generator import LatentScale


def measure_scale(mean: np.ndarray, log_variance: np.ndarray) -> LatentScale:
    """LatentScale of samples from the posteriors (clips,C,32,32): the spread of the means and the mean variance."""
    axes = (0, 2, 3)
    mean = mean.astype(np.float64)
    variance = mean.var(axis=axes) + np.exp(log_variance.astype(np.float64)).mean(axis=axes)
    return LatentScale(torch.tensor(mean.mean(axis=axes)).float(), torch.tensor(np.sqrt(variance)).float())


class LatentDataset(NamedTuple):
    """Clips of one split: posterior of the normalised latents (n,C,32,32) on the device, and their conditions."""

    mean: torch.Tensor
    deviation: torch.Tensor
    conditions: ConditionStore


def make_dataset(
    mean: np.ndarray,
    log_variance: np.ndarray,
    scale: LatentScale,
    conditions: ConditionStore,
    device: torch.device | str | None = None,
) -> LatentDataset:
    """Put latents on `device` (default: that of `conditions`, whose clips are the same in the same order)."""
    if len(mean) != len(conditions):
        raise ValueError(f"{len(mean)} latents but {len(conditions)} clips with conditions")
    device = conditions.slow.device if device is None else device
    normal = scale.normalise(torch.from_numpy(mean.astype(np.float32)).to(device))
    deviation = torch.from_numpy(np.exp(0.5 * log_variance.astype(np.float32))).to(device)
    return LatentDataset(normal, deviation / scale.std[:, None, None].to(device), conditions)


def placement(videos: Iterable[VideoConditions], device: torch.device) -> torch.device:
    """Where to keep the conditions of `videos`: on the device if they take at most half of its free memory."""
    if device.type != "cuda":
        return device
    size = sum(array.nbytes for video in videos for array in video if isinstance(array, np.ndarray))
    return device if 2 * size <= torch.cuda.mem_get_info(device)[0] else torch.device("cpu")


@functools.lru_cache(maxsize=4)
def _order(count: int, seed: int, epoch: int) -> torch.Tensor:
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch))


def batch_index(step: int, size: int, count: int, seed: int) -> torch.Tensor:
    """The clips (size,) of a step: each epoch is a new order of all clips, batches run across its borders."""
    pieces, place, end = [], step * size, (step + 1) * size
    while place < end:
        epoch, first = divmod(place, count)
        pieces.append(_order(count, seed, epoch)[first : first + end - place])
        place += len(pieces[-1])
    return torch.cat(pieces)
