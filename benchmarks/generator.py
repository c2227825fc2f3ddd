"""The generator: training steps against diffusers' U-Net of the same size, sampling and the autoencoder.

It runs on the GPU if there is one, otherwise on the CPU. Repeats of what is compared alternate, and the ratio is the
median of the ratios of neighbours, so that other load affects both alike. On the CPU the comparison runs in one thread
and counts processor time: several threads wait for each other as soon as anything else runs.
"""

import contextlib
import dataclasses
import importlib.util
import itertools
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch

from benchmarks import generator_networks as nets
from benchmarks import settings
from benchmarks.results import Row, Scale
from benchmarks.settings import Settings
from benchmarks.timing import alternate
from pace.autoencoder.vae import AutoencoderKL
from pace.clip import N_FRAMES, N_MELS
from pace.diffusion.flops import generator_size
from pace.pipeline.threads import one_thread
from pace.sampling import samplers
from pace.sampling.sampling import sample_latents
from pace.training import accelerate

NAME = "generator"
RATIO = 1.2  # of diffusers' samples/s on the CPU
GPU_RATE = 2000  # samples/s of a whole training step at the paper preset
BATCH = {"cpu": 4, "cuda": 64}


def rows(scale: Scale, folder: Path) -> list[Row]:
    """Rows of the paper preset (`scale.preset`) and of the default scale."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    paper, default = settings.read(scale.preset), settings.read()
    result = []
    for precision in precisions(device):
        result += comparison(paper, scale, device, precision)
    for name, config, batch in (
        (scale.preset, paper, scale.batch or BATCH[device.type]),
        ("default", default, scale.batch or default.training.batch_size),
    ):
        target = GPU_RATE if name == scale.preset and device.type == "cuda" else None
        result += training(name, config, batch, scale, device, target)
        result += decoding(name, config, scale, device)
    return result + sampling(default, scale, device)


def precisions(device: torch.device) -> list[str]:
    """The precisions worth measuring: float32 on a CPU, and bfloat16 if the device is fast at it."""
    names = ["float32"] if device.type == "cpu" else []
    return names + ["bfloat16"] * accelerate.bfloat16_is_fast(device)


def comparison(config: Settings, scale: Scale, device: torch.device, precision: str) -> list[Row]:
    """Samples/s of the U-Net alone: ours, diffusers' in the same step, and in the step of diffusers' scripts."""
    batch, cpu = scale.batch or BATCH[device.type], device.type == "cpu"
    ours = nets.unet_step(config, batch, device, precision)
    steps: dict[str, Callable[[], object]] = {"ours": ours}
    notes = {"ours": ours.how}
    if cpu and scale.compiled and accelerate.compiler(device):
        compiled = nets.unet_step(config, batch, device, precision, compiled=True)
        steps["ours, compiled"], notes["ours, compiled"] = compiled, compiled.how
    own = list(steps)
    if importlib.util.find_spec("diffusers"):
        steps["diffusers"], steps["diffusers' scripts"] = nets.diffusers_steps(config, batch, device, precision)
        notes["diffusers"] = "eager, fused AdamW and our averages"
        notes["diffusers' scripts"] = "eager, AdamW as PyTorch chooses, EMAModel"
    with one_thread() if cpu else contextlib.nullcontext():
        seconds = alternate(steps, scale.repeats, device, time.process_time if cpu else time.perf_counter)
    note = f"{scale.preset}, {precision}, batch {batch}, {'1 thread, processor time' if cpu else threads(device)}"
    result = [
        Row(NAME, f"U-Net step, {name}", batch / median(taken), "samples/s", note=f"{note}, {notes[name]}")
        for name, taken in seconds.items()
    ]
    for mine, theirs in itertools.product(own, list(steps)[len(own) :]):
        ratio = median(b / a for a, b in zip(seconds[mine], seconds[theirs], strict=True))
        target = RATIO if cpu else None
        result.append(Row(NAME, f"U-Net step, {mine} / {theirs}", ratio, "times", target=target, note=note))
    return result


def training(
    name: str, config: Settings, batch: int, scale: Scale, device: torch.device, target: float | None
) -> list[Row]:
    """Samples/s of encoder and U-Net, FLOP/s, and their share of the device's peak if it is known."""
    step = nets.generator_step(config, batch, device, "auto")
    rate = batch / median(alternate({"step": step}, scale.repeats, device)["step"])
    flops = rate * generator_size(config.encoder, config.unet, config.shape).training_flops
    dtype = str(accelerate.working_type(device)).removeprefix("torch.")
    note = f"{dtype}, batch {batch}, {threads(device)}, {step.how}"
    result = [
        Row(NAME, f"training step, {name}", rate, "samples/s", target=target, note=note),
        Row(NAME, f"training step, {name}", flops / 1e9, "GFLOP/s", note="as `python -m pace size` counts"),
    ]
    peak = accelerate.peak_flops(device)
    if peak:
        result.append(
            Row(NAME, f"training step, {name}", 100 * flops / peak, "% MFU", note=f"of {peak / 1e12:g} TFLOP/s")
        )
    return result


@torch.no_grad()
def decoding(name: str, config: Settings, scale: Scale, device: torch.device) -> list[Row]:
    """Milliseconds that the autoencoder takes to encode and to decode one clip."""
    batch = 1 if device.type == "cpu" else BATCH["cuda"]
    vae = AutoencoderKL(config.vae).to(device).eval()
    images, latents = torch.rand(batch, 1, N_MELS, N_FRAMES, device=device), nets.latents_of(config, batch, device)
    ways = {"encode": lambda: vae.encode(images), "decode": lambda: vae.decode(latents)}
    seconds = alternate(ways, scale.repeats, device)
    note = f"batch {batch}, float32"
    return [Row(NAME, f"VAE {way}, {name}", 1000 * median(seconds[way]) / batch, "ms/clip", note=note) for way in ways]


def sampling(config: Settings, scale: Scale, device: torch.device) -> list[Row]:
    """Milliseconds per clip of every sampler, without decoding, at the default sizes and guidance."""
    generator = nets.random_generator(config, device)
    batch = config.sample.batch_size if scale.batch is None else scale.batch
    conditions, names = nets.draw_conditions(config, batch, device), [f"clip{i}" for i in range(batch)]

    def draw(name: str) -> Callable[[], object]:
        chosen = dataclasses.replace(config.sample, sampler=name, steps=scale.sampling_steps)
        return lambda: sample_latents(generator, conditions, names, chosen)

    seconds = alternate({name: draw(name) for name in samplers.SAMPLERS}, min(2, scale.repeats), device)
    note = f"{scale.sampling_steps} steps, guidance {config.sample.guidance:g}, batch {batch}"
    return [
        Row(NAME, f"sampling, {name}", 1000 * median(t) / batch, "ms/clip", note=note) for name, t in seconds.items()
    ]


def threads(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
