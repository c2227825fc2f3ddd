"""Sampling: latents of a batch of clips from their conditions, and decoding them."""

import dataclasses

import torch

from benchmarks import generator_networks as nets
from benchmarks.gpu.report import Run
from benchmarks.timing import once, per_call
from pace.autoencoder.vae import AutoencoderKL
from pace.diffusion.generator import Generator
from pace.diffusion.objectives import STEPS
from pace.sampling.sampling import sample_latents
from pace.training import accelerate

NAME = "sample"
DDPM_SECONDS, FEW_SECONDS, FEW = 8, 0.15, 25
DDPM = "DDPM"
DECODE = "decoding"
PATIENCE = 20  # seconds of a sampling that is measured whole


def measure(run: Run) -> None:
    """Seconds of the few steps of DPM-Solver++ and of the paper's 1,000 steps of DDPM, and of decoding."""
    for precision in ("bfloat16", "float32"):
        rows(run, precision, nets.random_generator(run.config, run.device, precision))
    _decode(run)


def rows(run: Run, name: str, generator: Generator) -> None:
    """Rows of one generator; `name` ends their names."""
    conditions = nets.draw_conditions(run.config, run.batch, run.device)
    clips = [f"clip{i}" for i in range(run.batch)]

    def seconds(sampler: str, steps: int) -> float:
        params = dataclasses.replace(run.config.sample, sampler=sampler, steps=steps)
        return once(lambda: sample_latents(generator, conditions, clips, params), run.device)

    few, many = (3, 4) if run.small else (FEW, STEPS)
    first = seconds("dpm++2m", few)
    note = f"{run.batch} clips, guidance {run.config.sample.guidance:g}"
    wanted = f"<= {FEW_SECONDS}" if run.gpu else ""
    taken = seconds("dpm++2m", few)
    run.report.row(
        NAME, f"DPM-Solver++, {few} steps, {name}", taken, "s", wanted, f"{note}, the first time {first:.1f} s"
    )
    tenth = seconds("ddpm", max(1, many // 10))
    long = 10 * tenth > PATIENCE
    taken = 10 * tenth if long else seconds("ddpm", many)
    wanted = f"<= {DDPM_SECONDS}" if run.gpu else ""
    note = f"{many} steps, {note}" + (", ten times a tenth of them" if long else "")
    run.report.row(NAME, f"{DDPM}, {name}", taken, "s", wanted, note)


@torch.no_grad()
def _decode(run: Run) -> None:
    vae = AutoencoderKL(run.config.vae).to(run.device).eval()
    accelerate.prepare(vae, run.device, compiled=False)
    batch = min(run.batch, 16)
    latents = nets.latents_of(run.config, batch, run.device)
    seconds = per_call(lambda: vae.decode(latents), run.device, run.seconds)
    run.report.row(NAME, DECODE, 1000 * seconds / batch, "ms/clip", note=f"batch {batch}, float32")
