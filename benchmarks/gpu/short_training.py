"""A short training to the end: validation, a saved state, an interruption, a resumed run, and music from the result."""

import dataclasses
import math
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.gpu.data import dataset
from benchmarks.gpu.report import Run, reset_memory
from benchmarks.timing import wait
from pace.autoencoder.vae import AutoencoderKL
from pace.conditioning.hsf_encoder import HSFEncoder
from pace.diffusion.generator import Generator, LatentScale
from pace.diffusion.unet import UNet
from pace.diffusion_training.latents import LatentDataset
from pace.diffusion_training.params import DiffusionParams
from pace.diffusion_training.training import fresh_networks, train
from pace.sampling.sampling import sample_latents
from pace.training.resume import Resume

NAME = "train"
TOLERANCE = 0.02  # of the loss, between a resumed and an uninterrupted run: a GPU adds up in any order
CLIPS = 4  # to make music for


class InterruptedRunError(Exception):
    """The interruption that this benchmark makes itself."""


def measure(run: Run) -> None:
    """Train, interrupt, resume, compare with an uninterrupted run, and sample. Raises AssertionError for a failure."""
    steps = 9 if run.small else 60
    params = dataclasses.replace(
        run.config.training, steps=steps, epochs=0, batch_size=run.batch, warmup=steps // 6,
        lr=1e-3 if run.small else 2e-4, eval_every=steps // 3, save_every=2 * steps // 3,
    )  # fmt: skip
    data = dataset(run.config, 2 if run.small else 32, run.device)
    val = dataset(run.config, 1 if run.small else 11, run.device, seed=1)  # the last batch is smaller
    with tempfile.TemporaryDirectory(prefix="pace-") as folder:
        resume = Resume(Path(folder) / "resume" / "run")
        start = time.perf_counter()
        _interrupted(run, data, val, params, resume)
        wait(run.device)
        taken = time.perf_counter() - start
        run.report.row(NAME, "until the interruption", taken, "s", note=f"state saved at step {params.save_every}")
        saved = resume.path.stat().st_size / 1e9
        reset_memory(run.device)
        start = time.perf_counter()
        encoder, unet = _networks(run)
        resumed = train(encoder, unet, data, val, params, resume)
        run.report.row(
            NAME, "resumed, to the end", time.perf_counter() - start, "s", note=f"saved state {saved:.2f} GB"
        )
    reset_memory(run.device)
    start = time.perf_counter()
    whole = train(*_networks(run), data, val, params)
    run.report.row(NAME, "uninterrupted", time.perf_counter() - start, "s", note=f"{steps} steps, 3 validations")
    losses = [(row["loss"], row["val_loss"]) for row in whole]
    run.report.row(NAME, "loss of the first third", losses[0][0], "", note=f"validation {losses[0][1]:.4g}")
    run.report.row(NAME, "loss of the last third", losses[-1][0], "", note=f"validation {losses[-1][1]:.4g}")
    _check(all(math.isfinite(value) for row in losses for value in row), "a loss is not finite")
    _check(losses[-1][0] < losses[0][0], "the loss does not fall")
    gap = max(abs(a["loss"] / b["loss"] - 1) for a, b in zip(resumed, whole, strict=True))
    run.report.row(NAME, "resumed / uninterrupted - 1, largest", gap, "", f"<= {TOLERANCE if run.gpu else 0}")
    _check(gap <= (TOLERANCE if run.gpu else 0), "the resumed run differs from the uninterrupted one")
    generator = Generator(*_networks(run), params.task(), run.config.shape, _unit_scale(run))
    generator.encoder.load_state_dict(encoder.state_dict())  # new networks, as if they were read from files
    generator.unet.load_state_dict(unet.state_dict())
    generator.place(run.device, "auto", 0)
    _music(run, generator, val)


def _networks(run: Run) -> tuple[HSFEncoder, UNet]:
    return fresh_networks(run.config.encoder, run.config.unet, run.config.shape, seed=0)


def _interrupted(run: Run, data: LatentDataset, val: LatentDataset, params: DiffusionParams, resume: Resume) -> None:
    """Train until a state is saved, and a little further."""

    def stop(done: int, values: dict[str, float]) -> None:
        if resume.path.exists():
            raise InterruptedRunError

    try:
        train(*_networks(run), data, val, params, resume, stop)
    except InterruptedRunError:
        return
    raise AssertionError("the training was not interrupted")


@torch.no_grad()
def _music(run: Run, generator: Generator, val: LatentDataset) -> None:
    """Sample mel images of the first clips, decoded by an autoencoder with random weights."""
    params = dataclasses.replace(run.config.sample, sampler="dpm++2m", steps=3 if run.small else 25)
    names = [f"clip{i}" for i in range(CLIPS)]
    start = time.perf_counter()
    latents = sample_latents(generator, val.conditions.batch(torch.arange(CLIPS)), names, params)
    images = AutoencoderKL(run.config.vae).to(run.device).eval().decode(latents.float())
    _check(images.shape == (CLIPS, 1, 256, 256) and bool(images.isfinite().all()), "the mel images are not finite")
    run.report.row(NAME, "music", time.perf_counter() - start, "s", note=f"{CLIPS} mel images, all finite")


def _unit_scale(run: Run) -> LatentScale:
    ones = torch.ones(run.config.shape.channels)
    return LatentScale(0 * ones, ones)


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise AssertionError(message)
