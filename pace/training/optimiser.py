"""AdamW over all weights of a network at once, with clipped gradients, averaged weights and a bfloat16 working copy."""

from typing import Any

import torch
from torch import nn

from pace.training.distributed import ALONE, Processes
from pace.training.ema import Ema

ALIGNMENT = 32  # elements; every weight starts at a multiple, as fast kernels ask


class Optimiser:
    """The trained weights of `network`, float32, in one flat tensor, with their gradients, averages and AdamW.

    With `dtype` bfloat16 the network computes with a copy of the weights in bfloat16, which `update` refreshes; with
    float32 its parameters are views of the flat tensor. One tensor instead of hundreds makes the update a few
    operations. `collect` and `update` use fixed tensors, so a CUDA graph can record them. A parameter without a
    gradient counts as one with the gradient 0. Buffers stay as they are.

    AdamW is PyTorch's `fused` one. On the CPU that is faster, and rounds differently than the plain one.
    The weights may be in channels_last; they keep their layout. Move the network to its device first, and call
    `release` after the last step: the network then owns float32 parameters again.
    """

    def __init__(
        self,
        network: nn.Module,
        lr: float,
        weight_decay: float,
        max_grad_norm: float,
        ema: float,
        ema_warmup: float,
        betas: tuple[float, float] = (0.9, 0.999),
        dtype: torch.dtype = torch.float32,
        processes: Processes = ALONE,
        fused: bool = True,
    ) -> None:
        self.max_grad_norm, self.processes = max_grad_norm, processes
        self.working = [p for p in network.parameters() if p.requires_grad]
        first = self.working[0]
        self.device = first.device
        starts, size = [], 0
        for parameter in self.working:
            starts.append(size)
            size += -(-parameter.numel() // ALIGNMENT) * ALIGNMENT
        self.weights = nn.Parameter(torch.zeros(size, device=self.device))
        self.gradient = torch.zeros_like(self.weights.detach())
        self.weights.grad = self.gradient
        self.masters = [_view(self.weights.detach(), at, p) for at, p in zip(starts, self.working, strict=True)]
        self.gradients = [_view(self.gradient, at, p) for at, p in zip(starts, self.working, strict=True)]
        torch._foreach_copy_(self.masters, [p.detach() for p in self.working])
        processes.broadcast(self.weights.detach())
        self.dtype = dtype
        for parameter, master in zip(self.working, self.masters, strict=True):
            parameter.data = master.to(dtype)  # a view of the flat tensor in float32, a copy otherwise
        gpu = self.device.type == "cuda"
        self.adamw = torch.optim.AdamW(
            [self.weights],
            lr=torch.tensor(lr, device=self.device) if gpu else lr,
            betas=betas,
            weight_decay=weight_decay,
            fused=fused,
            capturable=gpu,
        )
        self.adamw._warned_capturable_if_run_uncaptured = True  # it comes first
        self.ema = Ema([self.weights], ema, ema_warmup)
        self.publish()

    def schedule(self, step: int, lr: float) -> None:
        """Set the learning rate and the decay of the averages for `step` (0, 1, ...)."""
        group = self.adamw.param_groups[0]
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(lr)
        else:
            group["lr"] = lr
        self.ema.schedule(step)

    @torch.no_grad()
    def collect(self) -> None:
        """Take over the gradients that `backward` has left in the network, and clear them there."""
        found = [(g, p.grad) for g, p in zip(self.gradients, self.working, strict=True) if p.grad is not None]
        if len(found) < len(self.working):
            torch._foreach_zero_([g for g, p in zip(self.gradients, self.working, strict=True) if p.grad is None])
        torch._foreach_copy_([flat for flat, _ in found], [gradient for _, gradient in found])
        self.forget()

    def forget(self) -> None:
        """Clear the gradients in the network, which a broken-off `backward` may have left there."""
        for parameter in self.working:
            parameter.grad = None

    def average_gradients(self) -> None:
        """Replace the gradients by their mean over the processes that train together."""
        self.processes.average(self.gradient)

    @torch.no_grad()
    def update(self) -> torch.Tensor:
        """Clip the gradients, update weights and averages, refresh the working copy. Returns the norm before clipping.

        The learning rate and the decay are those of the last `schedule`.
        """
        norm = nn.utils.get_total_norm(self.gradients, foreach=True)
        if self.max_grad_norm:
            self.gradient.mul_((self.max_grad_norm / (norm + 1e-6)).clamp(max=1.0))
        self.adamw.step()
        self.ema.update()
        self.publish()
        return norm

    @torch.no_grad()
    def publish(self) -> None:
        """Copy the weights into the network's working copy; nothing to do where they are the same."""
        if self.dtype != torch.float32:
            torch._foreach_copy_([p.detach() for p in self.working], self.masters)

    def swap(self) -> None:
        """Exchange weights and averages, in the network too; a second call undoes it."""
        self.ema.swap()
        self.publish()

    def release(self) -> None:
        """End the training: the network gets float32 parameters of its own, with the weights' values."""
        for parameter, master in zip(self.working, self.masters, strict=True):
            parameter.data = master.clone()

    def state(self) -> dict[str, Any]:
        """Weights, averages and AdamW, for a saved state. They fit the same network on the same kind of device."""
        return {"weights": self.weights.detach(), "averages": self.ema.state(), "adamw": self.adamw.state_dict()}

    @torch.no_grad()
    def load(self, state: dict[str, Any]) -> None:
        """Take over the `state()` of the same network."""
        self.weights.copy_(state["weights"])
        self.ema.load(state["averages"])
        lr = self.adamw.param_groups[0]["lr"]
        self.adamw.load_state_dict(state["adamw"])
        self.adamw.param_groups[0]["lr"] = lr
        self.publish()


def _view(flat: torch.Tensor, start: int, like: torch.Tensor) -> torch.Tensor:
    """The part of a flat tensor that holds a parameter, in the parameter's shape and memory layout.

    The same strides, also where there is one channel and channels_last looks like the usual layout: they tell a
    convolution the layout of its result.
    """
    return flat.as_strided(like.shape, like.stride(), start)
