"""Training of encoder and U-Net on stored latents (paper 4.3, equations 8 and 9).

Each step draws its random numbers from a generator seeded by that step. A resumed run therefore needs only weights,
averages and optimiser to end as an uninterrupted one does.
"""

import dataclasses
import math
import time
from collections.abc import Callable

import torch
from torch import nn

from pace.conditioning.hsf_encoder import Conditions, EncoderParams, HSFEncoder
from pace.diffusion import objectives
from pace.diffusion.generator import DataShape, DenoisingTask, build
from pace.diffusion.unet import UNet, UNetParams
from pace.diffusion_training.latents import LatentDataset, batch_index
from pace.pipeline.params import choice, limits
from pace.training import accelerate
from pace.training.distributed import ALONE, Processes
from pace.training.ema import Ema
from pace.training.learning_rate import DECAYS, learning_rate
from pace.training.resume import Resume

CHECK_EVERY = 25  # steps between checks of the loss: each check synchronises the GPU
VAL_REPEATS = 4  # time steps at which each validation clip is evaluated


@dataclasses.dataclass(frozen=True)
class DiffusionParams:
    """Section `train_diffusion` of params.yaml."""

    seed: int
    steps: int = limits(1)
    epochs: int = limits(0)
    batch_size: int = limits(1)
    lr: float = limits(0)
    warmup: int = limits(0)
    decay: str = choice(*DECAYS)
    weight_decay: float = limits(0)
    max_grad_norm: float = limits(0)
    ema: float = limits(0, 1)
    ema_warmup: float = limits(0)
    drop: float = limits(0, 1)
    mirror: float = limits(0, 1)
    objective: str = choice(*objectives.OBJECTIVES)
    schedule: str = choice(*objectives.SCHEDULES)
    min_snr: float = limits(0)
    precision: str = choice(*accelerate.PRECISIONS)
    eval_every: int = limits(1)
    save_every: int = limits(1)

    def learning_rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        return learning_rate(step, self.lr, self.warmup, self.steps, self.decay)

    def task(self) -> DenoisingTask:
        """The U-Net's training task, which sampling must know."""
        return DenoisingTask(self.objective, self.schedule, self.min_snr, self.drop)


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


def fresh_networks(encoder: EncoderParams, unet: UNetParams, shape: DataShape, seed: int) -> tuple[HSFEncoder, UNet]:
    """Encoder and U-Net with the initial weights that a seed gives."""
    torch.manual_seed(seed)
    return build(encoder, unet, shape)


def total_steps(params: DiffusionParams, clips: int) -> int:
    """Steps of a training on `clips` clips: as many as `epochs` passes take, or `steps` if `epochs` is 0.

    Batches may span two epochs, so only the last step may go past the end of the last epoch.
    """
    return math.ceil(params.epochs * clips / params.batch_size) if params.epochs else params.steps


def train(
    encoder: HSFEncoder,
    unet: UNet,
    data: LatentDataset,
    val: LatentDataset | None,
    params: DiffusionParams,
    resume: Resume | None = None,
    progress: Callable[[int, dict[str, float]], None] | None = None,
    processes: Processes = ALONE,
) -> list[dict[str, float]]:
    """Train encoder and U-Net in place; they end with the averaged weights, in evaluation mode.

    Returns the rows of the training curve: step, loss (mean since the last row), val_loss (of the averaged weights; nan
    without `val`) and lr. Calls `progress(steps done, {"loss", "samples_per_s"})` every few steps. `resume` saves and
    restores the state; the caller clears it once it has written the results. If several processes train together, each
    takes its share of every batch, all end with the same weights, and only the first one validates and saves.
    Raises FloatingPointError, with the step, the learning rate and the last saved state, if a loss or gradient is not
    finite, and ValueError if the processes restored different states.
    """
    model = Model(encoder, unet).to(data.mean.device).train()
    accelerate.prepare(model, data.mean.device)
    optimiser = torch.optim.AdamW(model.parameters(), lr=params.lr, weight_decay=params.weight_decay, fused=True)
    ema = Ema(model.parameters(), params.ema, params.ema_warmup)
    curve: list[dict[str, float]] = []
    curve_losses: list[float] = []  # since the last row of the curve
    start = 0
    state = resume.load() if resume else None
    if resume and state:
        start, curve, curve_losses = state["step"], state["curve"], state["curve_losses"]
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        ema.load(state["ema"])
        if processes.first:
            print(f"train_diffusion continues from step {start}, saved in {resume.path}", flush=True)
    if not processes.agree(start):
        raise ValueError(
            "the processes of `train.launcher` have different saved states: .resume must be on a disk that they share"
        )
    network = processes.wrap(model)
    process = params.task().process().to(data.mean.device)
    pending: list[torch.Tensor] = []  # loss and gradient norm of the steps since the last check
    last_save = f"step {start}, in {resume.path}" if resume and start else "none"
    clock = time.perf_counter()
    for step in range(start, params.steps):
        for group in optimiser.param_groups:
            group["lr"] = params.learning_rate(step)
        optimiser.zero_grad()
        loss = _step_loss(network, data, params, process, step, processes)
        torch.autograd.backward(loss)
        norm = nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None], foreach=True)
        if params.max_grad_norm:
            nn.utils.clip_grads_with_norm_(model.parameters(), params.max_grad_norm, norm, foreach=True)
        optimiser.step()
        ema.update(step)
        pending.append(torch.stack([loss.detach(), norm]))
        done = step + 1
        evaluate = done % params.eval_every == 0 or done == params.steps
        save = resume is not None and done % params.save_every == 0
        if not (evaluate or save or done % CHECK_EVERY == 0):
            continue
        losses, norms = processes.mean(torch.stack(pending)).T.tolist()
        pending = []
        _check_finite(losses, norms, done - len(losses), params, last_save)
        if progress:
            speed = len(losses) * params.batch_size / (time.perf_counter() - clock)
            progress(done, {"loss": sum(losses) / len(losses), "samples_per_s": speed})
        curve_losses += losses
        if evaluate:
            ema.swap()
            val_loss = validate(model, val, params, process) if val and processes.first else math.nan
            ema.swap()
            row = {"step": done, "loss": sum(curve_losses) / len(curve_losses), "val_loss": val_loss}
            curve.append(row | {"lr": params.learning_rate(step)})
            curve_losses = []
        if resume and save:
            if processes.first:
                states = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "ema": ema.state()}
                resume.save({"step": done, "curve": curve, "curve_losses": curve_losses, **states})
            last_save = f"step {done}, in {resume.path}"
        clock = time.perf_counter()
    ema.swap()
    model.eval()
    return curve


def _step_loss(
    model: nn.Module,
    data: LatentDataset,
    params: DiffusionParams,
    process: objectives.ForwardProcess,
    step: int,
    processes: Processes = ALONE,
) -> torch.Tensor:
    """Equation 8 for one step: the mean loss of this process's share of the batch.

    Random numbers are drawn for the whole batch, so that they do not depend on the number of processes.
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
    noisy = process.add_noise(z, noise, t)  # Z_t of equation 9
    with accelerate.autocast(device, params.precision):
        prediction = model(noisy, t, conditions, keep >= params.drop)
    return process.loss(prediction, z, noise, t).mean()


@torch.no_grad()
def validate(
    model: nn.Module, data: LatentDataset, params: DiffusionParams, process: objectives.ForwardProcess
) -> float:
    """Mean loss over the clips. Every call uses the same few time steps and the same noise for each clip.

    The latents are the means of their posteriors; training draws from the posteriors.
    """
    device, count = data.mean.device, len(data.mean)
    generator = torch.Generator(device).manual_seed(params.seed)
    total = 0.0
    for repeat in range(VAL_REPEATS):
        quantiles = (torch.arange(count, device=device) + (repeat + 0.5) / VAL_REPEATS) / count
        times = process.times(quantiles)[torch.randperm(count, generator=generator, device=device)]
        noises = torch.randn(data.mean.shape, generator=generator, device=device)
        for index in torch.split(torch.arange(count), params.batch_size):
            clips = index.to(device)
            z, noise, t = data.mean[clips], noises[clips], times[clips]
            with accelerate.autocast(device, params.precision):
                keep = torch.ones(len(index), device=device)
                prediction = model(process.add_noise(z, noise, t), t, data.conditions.batch(index, None, device), keep)
            total += float(process.loss(prediction, z, noise, t).sum())
    return total / (VAL_REPEATS * count)


def _check_finite(losses: list[float], norms: list[float], first: int, params: DiffusionParams, last_save: str) -> None:
    """Raise FloatingPointError for a loss or gradient norm that is not finite; the steps count from `first`."""
    for step, (loss, norm) in enumerate(zip(losses, norms, strict=True), first):
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise FloatingPointError(
                f"loss {loss}, gradient norm {norm} at step {step}, learning rate {params.learning_rate(step):.3g}; "
                "lower train_diffusion.lr or train_diffusion.max_grad_norm: training then restarts from step 0; "
                f"last good state: {last_save}"
            )
