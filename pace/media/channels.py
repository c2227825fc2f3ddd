"""Many channels made one: their mean, or the loudest alone where they cancel each other.

Opposite phases (one channel wired the wrong way round, or a microphone's two poles recorded as two channels) leave
nothing of the music in the mean.
"""

import dataclasses
import math
from typing import Any

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

CANCELLED = 0.1  # power of the channels' sum over the sum of their powers; unrelated channels have 1, equal ones C
FULL_SCALE = 0.999
PIECE = 1 << 18  # samples measured at a time


def finite(samples: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Samples with zeros for NaN and infinity."""
    return np.where(np.isfinite(samples), samples, np.float32(0))


@dataclasses.dataclass
class _Powers:
    """Sums over the samples of C channels, of the channels (C,) and of their sum."""

    count: int = 0
    total: Any = 0.0
    total_square: Any = 0.0
    sum_square: float = 0.0

    def variances(self) -> tuple[float, npt.NDArray[np.float64]]:
        """Power without the constant part: of the channels' sum, and of each channel (C,)."""
        mean = self.total / self.count
        of_sum = self.sum_square / self.count - float(mean.sum()) ** 2
        return of_sum, np.asarray(self.total_square / self.count - mean**2)


class Levels:
    """What a recording's channels have in common, measured block by block in bounded memory.

    The number of channels may change midway; each number has its own mix.
    """

    def __init__(self) -> None:
        self.not_finite = 0  # samples at which a channel is NaN or infinite
        self._values = self._full_scale = 0
        self._powers: dict[int, _Powers] = {}

    def add(self, block: Samples) -> None:
        """Measure samples (S,C)."""
        for first in range(0, len(block), PIECE):
            self._add(block[first : first + PIECE])

    def _add(self, block: Samples) -> None:
        clean = finite(block)
        self.not_finite += int(np.count_nonzero(~np.isfinite(block).all(axis=1)))
        self._values += block.size
        self._full_scale += int(np.count_nonzero(np.abs(clean) >= FULL_SCALE))
        if block.shape[1] == 1:
            return
        powers = self._powers.setdefault(block.shape[1], _Powers())
        exact = clean.astype(np.float64)
        powers.count += len(block)
        powers.total = powers.total + exact.sum(axis=0)
        powers.total_square = powers.total_square + np.square(exact).sum(axis=0)
        powers.sum_square += float(np.square(exact.sum(axis=1)).sum())

    @property
    def full_scale_share(self) -> float:
        """Share of all values, of all channels, that are at full scale."""
        return self._full_scale / self._values if self._values else 0.0

    def loudest(self, channels: int) -> int | None:
        """The loudest of `channels` channels if they cancel each other, else None."""
        powers = self._powers.get(channels)
        if powers is None:
            return None
        of_sum, each = powers.variances()
        return int(each.argmax()) if of_sum < CANCELLED * each.sum() else None

    def mix(self, block: Samples) -> Samples:
        """One channel (S,) of samples (S,C): their mean, or the loudest channel alone if they cancel each other."""
        channel = self.loudest(block.shape[1])
        clean = finite(block)
        return mean(clean) if channel is None else clean[:, channel]

    def remarks(self) -> tuple[str, ...]:
        """A line for each number of channels that cancel each other."""
        lines = []
        for channels, powers in self._powers.items():
            if (channel := self.loudest(channels)) is not None:
                of_sum, each = powers.variances()
                share = max(of_sum, 0.0) / float(each.sum())
                left = f"{-10 * math.log10(share):.0f} dB weaker" if share > 1e-9 else "silent"
                lines.append(
                    f"{channels} channels cancel each other (their sum is {left}): took channel {channel + 1} alone"
                )
        return tuple(lines)


def mean(block: Samples) -> Samples:
    """The mean (S,) of the channels of finite samples (S,C), each with the same weight."""
    return np.asarray(block.mean(axis=1, dtype=np.float32))
