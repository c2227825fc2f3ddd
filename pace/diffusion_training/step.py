"""One training step of encoder and U-Net (paper 4.3, equations 8 and 9): what it draws, its loss and its update."""

from typing import NamedTuple

import torch
from torch import nn

from pace.conditioning.hsf_encoder import Conditions, HSFEncoder
from pace.diffusion.objectives import ForwardProcess
from pace.diffusion.unet import UNet
from pace.diffusion_training.latents import LatentDataset, batch_index
from pace.diffusion_training.params import DiffusionParams
from pace.training.distributed import ALONE, Processes
from pace.training.graphs import Recorded
from pace.training.optimiser import Optimiser


class Model(nn.Module):
    """Encoder and U-Net as one network, epsilon_theta(Z_t, t, C) of equation 8."""

    def __init__(self, encoder: HSFEncoder, unet: UNet) -> None:
        super().__init__()
        self.encoder = encoder
        self.unet = unet

    def forward(self, z: torch.Tensor, t: torch.Tensor, conditions: Conditions, keep: torch.Tensor) -> torch.Tensor:
        """Prediction (B,C,32,32) from noisy latents z (B,C,32,32) at times t (B,); no condition where `keep` is 0."""
        encoding = self.encoder(conditions).masked(keep)
        prediction: torch.Tensor = self.unet(z, t, encoding.tokens, encoding.frames)
        return prediction


class Batch(NamedTuple):
    """What one step trains on: B clips."""

    z: torch.Tensor  # latents Z_0, drawn from their posteriors (B,C,32,32)
    noise: torch.Tensor  # (B,C,32,32)
    t: torch.Tensor  # times (B,)
    keep: torch.Tensor  # 0 where the condition is dropped, else 1 (B,)
    conditions: Conditions

    def tensors(self) -> list[torch.Tensor]:
        """All tensors of the batch."""
        return [self.z, self.noise, self.t, self.keep, *self.conditions]

    def copy(self) -> "Batch":
        """The same batch in tensors of its own."""
        conditions = Conditions(*(x.clone() for x in self.conditions))
        return Batch(self.z.clone(), self.noise.clone(), self.t.clone(), self.keep.clone(), conditions)


def draw_batch(
    data: LatentDataset, params: DiffusionParams, process: ForwardProcess, step: int, processes: Processes = ALONE
) -> Batch:
    """The part of a step's batch that belongs to this process.

    Random numbers come from a generator seeded by the step. They are drawn for the whole batch, so that they do not
    depend on the number of processes.
    """
    device, size = data.mean.device, params.batch_size
    share = processes.share(size)
    generator = torch.Generator(device).manual_seed(params.seed * 1_000_003 + step)
    index = batch_index(step, size, len(data.mean), params.seed)
    # Evenly spread time steps lower the variance of the loss; the clips come in random order.
    spread = torch.rand(1, generator=generator, device=device) + torch.arange(size, device=device) / size
    keep, mirror = torch.rand(2, size, generator=generator, device=device)[:, share]
    posterior, noise = torch.randn(2, size, *data.mean.shape[1:], generator=generator, device=device)[:, share]
    t = process.times(spread % 1)[share]
    clips = index[share].to(device, non_blocking=True)
    z = data.mean[clips] + data.deviation[clips] * posterior
    conditions = data.conditions.batch(index[share], mirror < params.mirror if params.mirror else None, device)
    return Batch(z, noise, t, (keep >= params.drop).float(), conditions)


def batch_losses(model: nn.Module, batch: Batch, process: ForwardProcess) -> torch.Tensor:
    """Equation 8 for each clip of a batch (B,)."""
    noisy = process.add_noise(batch.z, batch.noise, batch.t)  # Z_t of equation 9
    prediction = model(noisy, batch.t, batch.conditions, batch.keep)
    return process.loss(prediction, batch.z, batch.noise, batch.t)


class TrainingStep:
    """Loss, gradients and update of `model` on one batch after the other.

    On a GPU both halves of a step are recorded as CUDA graphs: they read the batch from fixed tensors, into which each
    call copies the next one. Between them the gradients are averaged over the processes.
    """

    def __init__(self, model: nn.Module, optimiser: Optimiser, process: ForwardProcess) -> None:
        self.model, self.optimiser, self.process = model, optimiser, process
        self.batch: Batch | None = None
        self._gradients = Recorded(self._compute_gradients, optimiser.device)
        self._update = Recorded(optimiser.update, optimiser.device)

    def __call__(self, batch: Batch) -> torch.Tensor:
        """One step; the caller has set the schedule of the optimiser. Returns loss and gradient norm (2,)."""
        if self.optimiser.device.type == "cpu":
            self.batch = batch
        elif self.batch is None:
            self.batch = batch.copy()
        else:
            torch._foreach_copy_(self.batch.tensors(), batch.tensors())
        loss = self._gradients()
        self.optimiser.average_gradients()
        return torch.stack([loss, self._update()])

    def _compute_gradients(self) -> torch.Tensor:
        assert self.batch is not None
        self.optimiser.forget()
        loss = batch_losses(self.model, self.batch, self.process).mean()
        torch.autograd.backward(loss)
        self.optimiser.collect()
        return loss.detach()
