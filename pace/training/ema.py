"""Exponential moving average of weights."""

from collections.abc import Iterable

import torch


class Ema:
    """Keeps averages of `parameters`.

    The decay grows to `decay`, so that the first steps do not linger: at step s it is at most
    (1 + s) / (1 + warmup + s), an average that reaches back over about 1/warmup of the steps so far. The decay is so
    reached at step warmup * decay / (1 - decay); a shorter run is averaged by its warm-up alone.
    """

    def __init__(self, parameters: Iterable[torch.nn.Parameter], decay: float, warmup: float) -> None:
        self.source = [p.detach() for p in parameters]
        self.averages = [p.clone() for p in self.source]
        self.decay, self.warmup = decay, warmup

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move the averages towards the weights after training step `step` (0, 1, ...)."""
        decay = min(self.decay, (1 + step) / (1 + self.warmup + step))
        torch._foreach_lerp_(self.averages, self.source, 1 - decay)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange averages and weights in place; a second call undoes it."""
        kept = [p.clone() for p in self.source]
        torch._foreach_copy_(self.source, self.averages)
        torch._foreach_copy_(self.averages, kept)

    def state(self) -> list[torch.Tensor]:
        return self.averages

    @torch.no_grad()
    def load(self, state: list[torch.Tensor]) -> None:
        torch._foreach_copy_(self.averages, [s.to(a.device) for s, a in zip(state, self.averages, strict=True)])
