"""Exponential moving averages of weights, with a warm-up of the decay."""

from collections.abc import Iterable

import torch


class Ema:
    """Averages of `parameters`.

    The decay grows to `decay`, so that the averages forget the first steps: at step s it is at most
    (1 + s) / (1 + warmup + s), which averages over about the last 1/warmup of the steps so far. It reaches `decay` at
    step warmup * decay / (1 - decay); in a shorter run, the warm-up alone decides the averages.
    """

    def __init__(self, parameters: Iterable[torch.nn.Parameter], decay: float, warmup: float) -> None:
        self.source = [p.detach() for p in parameters]
        self.averages = [p.clone() for p in self.source]
        self.decay, self.warmup = decay, warmup
        # On a GPU a tensor, which a CUDA graph reads anew at each replay.
        self.rate = torch.zeros((), device=self.source[0].device)

    def schedule(self, step: int) -> None:
        """Set the decay for `update` after training step `step` (0, 1, ...)."""
        self.rate.fill_(1 - min(self.decay, (1 + step) / (1 + self.warmup + step)))

    @torch.no_grad()
    def update(self) -> None:
        """Move the averages towards the weights, by the decay of the last `schedule`."""
        for average, source in zip(self.averages, self.source, strict=True):
            average.lerp_(source, self.rate)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange averages and weights in place; a second call undoes it."""
        kept = [p.clone() for p in self.source]
        torch._foreach_copy_(self.source, self.averages)
        torch._foreach_copy_(self.averages, kept)

    def state(self) -> list[torch.Tensor]:
        """The averages, for a saved state."""
        return self.averages

    @torch.no_grad()
    def load(self, state: list[torch.Tensor]) -> None:
        """Take over the averages of a saved state."""
        torch._foreach_copy_(self.averages, [s.to(a.device) for s, a in zip(state, self.averages, strict=True)])
