"""Training of encoder and U-Net on stored latents (paper 4.3, equations 8 and 9).

Each step draws its random numbers from a generator seeded by that step. A resumed run therefore needs only weights,
averages and optimiser to end as an uninterrupted one does.
"""

import math
import time
from collections.abc import Callable

import torch
from torch import nn

from pace.conditioning.hsf_encoder import EncoderParams, HSFEncoder
from pace.diffusion.generator import COMPILED, DataShape, build
from pace.diffusion.objectives import ForwardProcess
from pace.diffusion.unet import UNet, UNetParams
from pace.diffusion_training.latents import LatentDataset
from pace.diffusion_training.params import DiffusionParams
from pace.diffusion_training.step import Batch, Model, TrainingStep, batch_losses, draw_batch
from pace.training import accelerate
from pace.training.distributed import ALONE, Processes
from pace.training.optimiser import Optimiser
from pace.training.resume import Resume

CHECK_EVERY = 25  # steps between checks of the loss: each check synchronises the GPU
VAL_REPEATS = 4  # time steps at which each validation clip is evaluated


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
    device = data.mean.device
    model = Model(encoder, unet).to(device).train()
    accelerate.prepare(model, device, blocks=COMPILED)
    optimiser = Optimiser(
        model,
        lr=params.lr,
        weight_decay=params.weight_decay,
        max_grad_norm=params.max_grad_norm,
        ema=params.ema,
        ema_warmup=params.ema_warmup,
        dtype=accelerate.working_type(device, params.precision),
        processes=processes,
    )
    curve: list[dict[str, float]] = []
    curve_losses: list[float] = []  # since the last row of the curve
    start = 0
    state = resume.load() if resume else None
    if resume and state:
        start, curve, curve_losses = state["step"], state["curve"], state["curve_losses"]
        optimiser.load(state["optimiser"])
        if processes.first:
            print(f"train_diffusion continues from step {start}, saved in {resume.path}", flush=True)
    if not processes.agree(start):
        raise ValueError(
            "the processes of `train.launcher` have different saved states: .resume must be on a disk that they share"
        )
    process = params.task().process().to(device)
    take_step = TrainingStep(model, optimiser, process)
    pending: list[torch.Tensor] = []  # loss and gradient norm of the steps since the last check
    last_save = f"step {start}, in {resume.path}" if resume and start else "none"
    clock = time.perf_counter()
    for step in range(start, params.steps):
        optimiser.schedule(step, params.learning_rate(step))
        pending.append(take_step(draw_batch(data, params, process, step, processes)))
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
            optimiser.swap()
            val_loss = validate(model, val, params, process) if val and processes.first else math.nan
            optimiser.swap()
            row = {"step": done, "loss": sum(curve_losses) / len(curve_losses), "val_loss": val_loss}
            curve.append(row | {"lr": params.learning_rate(step)})
            curve_losses = []
        if resume and save:
            if processes.first:
                losses_so_far = {"curve": curve, "curve_losses": curve_losses}
                resume.save({"step": done, **losses_so_far, "optimiser": optimiser.state()})
            last_save = f"step {done}, in {resume.path}"
        clock = time.perf_counter()
    optimiser.swap()
    optimiser.release()
    model.eval()
    return curve


@torch.no_grad()
def validate(model: nn.Module, data: LatentDataset, params: DiffusionParams, process: ForwardProcess) -> float:
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
            keep = torch.ones(len(index), device=device)
            conditions = data.conditions.batch(index, None, device)
            batch = Batch(data.mean[clips], noises[clips], times[clips], keep, conditions)
            with accelerate.not_compiled():
                total += float(batch_losses(model, batch, process).sum())
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
