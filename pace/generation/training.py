"""Training of encoder and U-Net over cached latents (paper 4.3, equation 8).

Everything random at a step is drawn from a generator seeded by that step, so that a resumed run needs no more than
weights, averages and optimiser to end as an uninterrupted one does.
"""

import dataclasses
import functools
import math
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from pace.generation import objectives
from pace.generation.conditions import ConditionStore
from pace.generation.ema import Ema
from pace.generation.encoder import Conditions, Encoder
from pace.generation.resume import Resume
from pace.generation.unet import UNet
from pace.params import choice, limits

CHECK_EVERY = 25  # steps between two looks at the loss; a look makes the GPU wait
VAL_REPEATS = 4  # time steps at which each validation clip is tried


@dataclasses.dataclass(frozen=True)
class DiffusionParams:
    """Section `train_diffusion` of params.yaml."""

    seed: int
    steps: int = limits(1)
    epochs: int = limits(0)
    batch_size: int = limits(1)
    lr: float = limits(0)
    warmup: int = limits(0)
    decay: str = choice("linear", "cosine", "constant")
    weight_decay: float = limits(0)
    clip: float = limits(0)
    ema: float = limits(0, 1)
    drop: float = limits(0, 1)
    mirror: float = limits(0, 1)
    objective: str = choice(*objectives.OBJECTIVES)
    schedule: str = choice(*objectives.SCHEDULES)
    min_snr: float = limits(0)
    eval_every: int = limits(1)
    save_every: int = limits(1)


class Scale(NamedTuple):
    """Mean and standard deviation of each latent channel (C,), measured on the training latents."""

    mean: torch.Tensor
    std: torch.Tensor

    def normalise(self, latents: torch.Tensor) -> torch.Tensor:
        return (latents - self.mean[:, None, None].to(latents)) / self.std[:, None, None].to(latents)

    def restore(self, latents: torch.Tensor) -> torch.Tensor:
        return latents * self.std[:, None, None].to(latents) + self.mean[:, None, None].to(latents)


def measure_scale(mean: np.ndarray, log_variance: np.ndarray) -> Scale:
    """Scale of samples from the posteriors (clips,C,32,32): the spread of the means and the mean variance."""
    axes = (0, 2, 3)
    mean = mean.astype(np.float64)
    variance = mean.var(axis=axes) + np.exp(log_variance.astype(np.float64)).mean(axis=axes)
    return Scale(torch.tensor(mean.mean(axis=axes)).float(), torch.tensor(np.sqrt(variance)).float())


class Data(NamedTuple):
    """Clips of one split: posterior of the normalised latents (n,C,32,32) on the device, and their conditions."""

    mean: torch.Tensor
    deviation: torch.Tensor
    conditions: ConditionStore


def make_data(mean: np.ndarray, log_variance: np.ndarray, scale: Scale, conditions: ConditionStore) -> Data:
    """Put latents on the device of `conditions`, whose clips are the same in the same order."""
    if len(mean) != len(conditions):
        raise ValueError(f"{len(mean)} latents but {len(conditions)} clips with conditions")
    device = conditions.slow.device
    normal = scale.normalise(torch.from_numpy(mean.astype(np.float32)).to(device))
    deviation = torch.from_numpy(np.exp(0.5 * log_variance.astype(np.float32))).to(device)
    return Data(normal, deviation / scale.std[:, None, None].to(device), conditions)


class Model(nn.Module):
    """Encoder and U-Net as one: noisy latents, time steps and conditions to a prediction."""

    def __init__(self, encoder: Encoder, unet: UNet) -> None:
        super().__init__()
        self.encoder = encoder
        self.unet = unet

    def forward(self, z: torch.Tensor, t: torch.Tensor, conditions: Conditions, keep: torch.Tensor) -> torch.Tensor:
        encoding = self.encoder(conditions).masked(keep)
        return self.unet(z, t, encoding.tokens, encoding.frames)


def learning_rate(step: int, params: DiffusionParams) -> float:
    """Linear warm-up over `warmup` steps, then the decay to zero at the last step."""
    if step < params.warmup:
        return params.lr * (step + 1) / params.warmup
    done = (step - params.warmup) / max(params.steps - params.warmup, 1)
    shape = {"linear": 1 - done, "cosine": (1 + math.cos(math.pi * done)) / 2, "constant": 1.0}
    return params.lr * shape[params.decay]


@functools.lru_cache(maxsize=4)
def _order(count: int, seed: int, epoch: int) -> torch.Tensor:
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch))


def batch_index(step: int, size: int, count: int, seed: int) -> torch.Tensor:
    """The clips of a step: each epoch is a new order of all clips, batches run across its borders."""
    places = range(step * size, (step + 1) * size)
    return torch.stack([_order(count, seed, place // count)[place % count] for place in places])


def train(
    encoder: Encoder,
    unet: UNet,
    data: Data,
    val: Data | None,
    params: DiffusionParams,
    resume: Resume | None = None,
    progress: Callable[[int, dict[str, float]], None] | None = None,
) -> list[dict[str, float]]:
    """Train encoder and U-Net in place; they end with the averaged weights, in evaluation mode.

    Returns the rows of the training curve: step, loss (mean since the last row), val_loss (averaged weights), lr.
    `progress(step, {"loss", "samples_per_s"})` is called every few steps. `resume` stores and restores the state;
    the caller clears it once the results are written.
    Raises FloatingPointError with step and learning rate when the loss is not finite.
    """
    device = data.mean.device
    model = Model(encoder, unet).to(device).train()
    signal = objectives.signal_levels(params.schedule).float().to(device)
    optimiser = torch.optim.AdamW(model.parameters(), lr=params.lr, weight_decay=params.weight_decay, fused=True)
    ema = Ema(model.parameters(), params.ema)
    curve: list[dict[str, float]] = []
    seen: list[float] = []
    start = 0
    state = resume.load() if resume else None
    if state:
        start, curve, seen = state["step"], state["curve"], state["seen"]
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        ema.load(state["ema"])
    pending: list[torch.Tensor] = []
    clock = time.perf_counter()
    for step in range(start, params.steps):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, params)
        optimiser.zero_grad()
        loss = _step_loss(model, data, params, signal, step)
        loss.backward()
        if params.clip:
            nn.utils.clip_grad_norm_(model.parameters(), params.clip, foreach=True)
        optimiser.step()
        ema.update(step)
        pending.append(loss.detach())
        done = step + 1
        evaluate = done % params.eval_every == 0 or done == params.steps
        save = resume is not None and done % params.save_every == 0
        if not (evaluate or save or done % CHECK_EVERY == 0):
            continue
        losses = torch.stack(pending).tolist()
        _check_finite(losses, done - len(losses), params)
        if progress:
            speed = len(losses) * params.batch_size / (time.perf_counter() - clock)
            progress(done, {"loss": sum(losses) / len(losses), "samples_per_s": speed})
        seen += losses
        pending = []
        if evaluate:
            ema.swap()
            val_loss = validate(model, val, params, signal) if val else math.nan
            ema.swap()
            row = {"step": done, "loss": sum(seen) / len(seen), "val_loss": val_loss}
            curve.append(row | {"lr": learning_rate(step, params)})
            seen = []
        if save:
            resume.save(
                {
                    "step": done,
                    "curve": curve,
                    "seen": seen,
                    "model": model.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "ema": ema.state(),
                }
            )
        clock = time.perf_counter()
    ema.swap()
    model.eval()
    return curve


def _autocast(device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")


def _step_loss(model: nn.Module, data: Data, params: DiffusionParams, signal: torch.Tensor, step: int) -> torch.Tensor:
    device, size = data.mean.device, params.batch_size
    generator = torch.Generator(device).manual_seed(params.seed * 1_000_003 + step)
    index = batch_index(step, size, len(data.mean), params.seed).to(device)
    mean = data.mean[index]
    # Evenly spread time steps lower the variance of the loss; the clips come in random order.
    spread = torch.rand(1, generator=generator, device=device) + torch.arange(size, device=device) / size
    t = (spread % 1 * objectives.STEPS).long().clamp(max=objectives.STEPS - 1)
    keep, mirror = torch.rand(2, size, generator=generator, device=device)
    posterior, noise = torch.randn(2, *mean.shape, generator=generator, device=device)
    z = mean + data.deviation[index] * posterior
    conditions = data.conditions.batch(index, mirror < params.mirror if params.mirror else None)
    noisy = objectives.add_noise(z, noise, signal[t])
    with _autocast(device):
        prediction = model(noisy, t, conditions, keep >= params.drop)
    return objectives.loss(params.objective, prediction, z, noise, signal[t], params.min_snr).mean()


@torch.no_grad()
def validate(model: nn.Module, data: Data, params: DiffusionParams, signal: torch.Tensor) -> float:
    """Mean loss of the clips, each at the same few time steps and noises every time."""
    device, count = data.mean.device, len(data.mean)
    generator = torch.Generator(device).manual_seed(params.seed)
    total = 0.0
    for repeat in range(VAL_REPEATS):
        place = (torch.arange(count, device=device) + (repeat + 0.5) / VAL_REPEATS) / count
        steps = (place * objectives.STEPS).long()
        steps = steps[torch.randperm(count, generator=generator, device=device)]
        noises = torch.randn(data.mean.shape, generator=generator, device=device)
        for index in torch.arange(count, device=device).split(params.batch_size):
            z, noise, t = data.mean[index], noises[index], steps[index]
            noisy = objectives.add_noise(z, noise, signal[t])
            with _autocast(device):
                keep = torch.ones(len(index), device=device)
                prediction = model(noisy, t, data.conditions.batch(index), keep)
            loss = objectives.loss(params.objective, prediction, z, noise, signal[t], params.min_snr)
            total += float(loss.sum())
    return total / (VAL_REPEATS * count)


def _check_finite(losses: list[float], first: int, params: DiffusionParams) -> None:
    for step, loss in enumerate(losses, first):
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"loss is {loss} at step {step}, learning rate {learning_rate(step, params):.3g}; "
                "lower train_diffusion.lr or train_diffusion.clip"
            )
