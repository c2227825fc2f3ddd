"""The training loop of the spectrogram autoencoder (paper 3), its validation and its curve."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from pace.autoencoder.vae import AutoencoderKL, VaeParams, to_images
from pace.autoencoder_training.perceptual import Lpips
from pace.autoencoder_training.vae_trainer import TERMS, TrainVaeParams, VaeTrainer
from pace.training import accelerate
from pace.training.resume import Resume

COLUMNS = ("step", "lr", "loss", *TERMS, "adversarial_scale", "val_l1")
CURVE_CLIPS = 64  # validation clips behind each point of the curve
Progress = Callable[[int, dict[str, float]], None]


@dataclass(frozen=True)
class TrainedVae:
    """Weights (averaged ones if `ema` > 0), the training curve (rows of COLUMNS) and the validation scores."""

    state_dict: dict[str, Tensor]
    curve: list[dict[str, float]]
    metrics: dict[str, float]


@lru_cache(maxsize=2)
def _epoch_order(seed: int, epoch: int, count: int) -> Tensor:
    return torch.randperm(count, generator=torch.Generator().manual_seed((seed << 32) + epoch))


def batch_indices(seed: int, step: int, batch: int, count: int) -> Tensor:
    """Indices (batch,) of a step's clips: every clip once per epoch, in an order drawn from seed and epoch alone."""
    positions = range(step * batch, (step + 1) * batch)
    return torch.stack([_epoch_order(seed, p // count, count)[p % count] for p in positions])


@torch.no_grad()
def evaluate(vae: AutoencoderKL, mels: Tensor, batch: int, device: torch.device) -> dict[str, float]:
    """Errors of the reconstruction of mels (N,256,256) from their posterior means, clipped to [0,1].

    - `val_l1`: mean absolute error in image units;
    - `val_psnr`: in dB, of the mean squared error over all clips;
    - `latent_std`: standard deviation of all posterior means.

    {} if N is 0.
    """
    if not len(mels):
        return {}
    absolute, squared, means = [], [], []
    for chunk in torch.split(mels, batch):
        images = to_images(chunk.to(device))
        with accelerate.not_compiled():
            mean = vae.encode(images)[0].float()
            error = vae.decode(mean).float().clamp(0, 1) - images
        absolute.append(error.abs().mean(dim=(1, 2, 3)))
        squared.append((error**2).mean(dim=(1, 2, 3)))
        means.append(mean)
    psnr = -10 * torch.cat(squared).mean().clamp_min(1e-12).log10()
    return {
        "val_l1": torch.cat(absolute).mean().item(),
        "val_psnr": psnr.item(),
        "latent_std": torch.cat(means).std().item(),
    }


def train(
    mels: npt.NDArray[Any],
    val_mels: npt.NDArray[Any],
    vae: VaeParams,
    params: TrainVaeParams,
    lpips: Lpips | None = None,
    resume: Resume | None = None,
    progress: Progress | None = None,
    device: torch.device | str = "cpu",
) -> TrainedVae:
    """Train an autoencoder on mels (N,256,256), uint8 or floating in [0,1], which are kept on `device`.

    val_mels (M,256,256), M may be 0. Calls `progress(steps done, row of the curve)` after every row of the curve.
    With `resume` the state is saved every `save_every` steps, and an interrupted run continues from there; on the CPU
    it ends with the same bits as an uninterrupted one. The caller clears the state once it has written the results.
    Raises ValueError if there are no clips or the discriminator would never start, and FloatingPointError, with the
    step, the learning rate and the last saved state, if a loss or gradient is not finite.
    """
    if not len(mels):
        raise ValueError("there are no training clips: the mel images of the training split are empty")
    device = torch.device(device)
    trainer = VaeTrainer(vae, params, lpips, device)
    data, validation = torch.from_numpy(mels).to(device), torch.from_numpy(val_mels)
    done = 0
    curve: list[dict[str, float]] = []
    pending: list[dict[str, Tensor]] = []  # values of the steps since the last row of the curve
    saved_state = resume.load() if resume else None
    if resume and saved_state:
        trainer.restore(saved_state["trainer"])
        done, curve = saved_state["done"], saved_state["curve"]
        pending = [{key: value.to(device) for key, value in values.items()} for values in saved_state["pending"]]
        print(f"train_vae continues from step {done}, saved in {resume.path}", flush=True)
    last_save = f"step {done}, in {resume.path}" if resume and done else "none"
    for step in range(done, params.steps):
        indices = batch_indices(params.seed, step, params.batch_size, len(mels)).to(device, non_blocking=True)
        pending.append(trainer.step(to_images(data[indices]), step))
        done = step + 1
        log = done % params.eval_every == 0 or done == params.steps
        save = resume is not None and done % params.save_every == 0
        if log or save:
            _check_finite(pending, done, trainer, last_save)
        if log:
            trainer.swap()
            scores = evaluate(trainer.vae, validation[:CURVE_CLIPS], params.batch_size, device)
            trainer.swap()
            curve.append(_curve_row(pending, done, trainer.learning_rate(step, params.lr), scores))
            pending = []
            if progress:
                progress(done, curve[-1])
        if resume and save:
            resume.save({"trainer": trainer.state(), "done": done, "curve": curve, "pending": pending})
            last_save = f"step {done}, in {resume.path}"
    trainer.swap()
    trainer.release()
    state = {key: value.detach().cpu().clone() for key, value in trainer.vae.state_dict().items()}
    return TrainedVae(state, curve, evaluate(trainer.vae, validation, params.batch_size, device))


def _check_finite(pending: list[dict[str, Tensor]], done: int, trainer: VaeTrainer, last_save: str) -> None:
    """Check loss and gradient of the pending steps, before their results are saved."""
    if not pending:
        return
    losses_and_norms = torch.stack([torch.stack([values["loss"], values["gradient_norm"]]) for values in pending])
    for step, (loss, norm) in enumerate(losses_and_norms.tolist(), done - len(pending)):
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise FloatingPointError(
                f"loss {loss}, gradient norm {norm} at step {step}, learning rate "
                f"{trainer.learning_rate(step, trainer.params.lr):.3g}; lower train_vae.lr or "
                "train_vae.discriminator_lr, or raise train_vae.warmup: training then restarts from step 0; "
                f"last good state: {last_save}"
            )


def _curve_row(pending: list[dict[str, Tensor]], done: int, lr: float, scores: dict[str, float]) -> dict[str, float]:
    """One row of the curve: each term's mean over the steps in which it was active, or 0 if it never was."""
    row = {"step": done, "lr": lr}
    for key in ("loss", *TERMS, "adversarial_scale"):
        active = [values[key] for values in pending if key in values]
        row[key] = torch.stack(active).mean().item() if active else 0.0
    return {**row, **({"val_l1": scores["val_l1"]} if scores else {})}
