"""The training step of the autoencoder: losses alone, with LPIPS, and with the discriminator too."""

import dataclasses

import torch

from benchmarks.gpu.report import Run, peak_memory, reset_memory
from benchmarks.timing import once, per_call
from pace.autoencoder_training.perceptual import Lpips
from pace.autoencoder_training.vae_trainer import VaeTrainer
from pace.clip import N_FRAMES, N_MELS

NAME = "vae"
STEP_MS = 30
PLAIN, PERCEPTUAL, ADVERSARIAL = "step, L1 and KL", "step, with LPIPS", "step, with LPIPS and discriminator"
MEMORY = "memory"


def measure(run: Run) -> None:
    """Milliseconds of a step. LPIPS has random weights, which take as long as the published ones."""
    params = run.config.train_vae
    images = torch.rand(params.batch_size, 1, N_MELS, N_FRAMES, device=run.device)
    alone = dataclasses.replace(params, perceptual_weight=0.0, adversarial_weight=0.0)
    _row(run, PLAIN, VaeTrainer(run.config.vae, alone, None, run.device), images, 0)
    if run.small:  # VGG-16 has only one size; without LPIPS, features of the discriminator are compared
        params, lpips = dataclasses.replace(params, perceptual_weight=0.0), None
    else:
        lpips = Lpips()
    trainer = VaeTrainer(run.config.vae, params, lpips, run.device)
    if lpips is not None:
        _row(run, PERCEPTUAL, trainer, images, 0)
    _row(run, ADVERSARIAL, trainer, images, params.discriminator_start)


def _row(run: Run, what: str, trainer: VaeTrainer, images: torch.Tensor, index: int) -> None:
    reset_memory(run.device)
    first = once(lambda: trainer.step(images, index), run.device)
    seconds = per_call(lambda: trainer.step(images, index), run.device, run.seconds)
    wanted = f"<= {STEP_MS}" if run.gpu else ""
    note = f"{len(images)} clips, first step {first:.1f} s"
    run.report.row(NAME, what, 1000 * seconds, "ms", wanted, note)
    if run.gpu:
        run.report.row(NAME, f"{what}: {MEMORY}", peak_memory(run.device), "GB")
