"""Train the conditioning encoder and the latent diffusion (paper 4.2, 4.3)."""

import argparse
import dataclasses
from pathlib import Path

import pandas as pd
import torch

from pace.conditioning.hsf_encoder import EncoderParams
from pace.diffusion.flops import GeneratorSize, generator_lines, generator_size
from pace.diffusion.generator import DataShape, Generator, save_generator
from pace.diffusion.unet import UNetParams
from pace.diffusion_training.latent_files import DataFolders, load_data
from pace.diffusion_training.params import DiffusionParams
from pace.diffusion_training.training import fresh_networks, total_steps, train
from pace.pipeline import closure, params, stage
from pace.training import accelerate, distributed
from pace.training.progress import TrainingProgress
from pace.training.resume import Resume, fingerprint

PARAMS = {
    "encoder": EncoderParams,
    "unet": UNetParams,
    "train_diffusion": DiffusionParams,
    "train": distributed.LauncherParams,
}
DATA = DataFolders(
    latents=Path("data/latents"),
    clips=Path("data/index/clips.parquet"),
    energy=Path("data/energy"),
    motion=Path("data/motion"),
    visual=Path("data/visual"),
)
OUT, CURVE = Path("models/diffusion"), Path("reports/curves/diffusion.csv")


def run() -> None:
    """Train in this process and those that the launcher started; the first one reports and writes the results."""
    p = params.load(PARAMS)
    encoder_params, unet_params, training = p["encoder"], p["unet"], p["train_diffusion"]
    processes = distributed.start(p["train"].launcher)
    processes.share(training.batch_size)  # an uneven batch is refused before any data is read

    def log(text: str) -> None:
        if processes.first:
            print(text)

    data, val, scale, data_key = load_data(DATA, processes.device, log)
    conditions = data.conditions
    training = dataclasses.replace(training, steps=total_steps(training, len(data.mean)))
    shape = DataShape(data.mean.shape[1], conditions.visual_width, conditions.frames, conditions.fps)
    encoder, unet = fresh_networks(encoder_params, unet_params, shape, training.seed)
    size = generator_size(encoder_params, unet_params, shape)
    log(", ".join([*generator_lines(size), f"on {processes.count} x {processes.device.type}"]))
    environment = [torch.__version__, processes.device.type, processes.count, closure.code_digest(train.__module__)]
    key = fingerprint(encoder_params, unet_params, training, data_key, environment)
    resume = Resume(stage.resume_folder("train_diffusion") / key)
    with TrainingProgress("train_diffusion", training.steps, training.eval_every, enabled=processes.first) as bar:

        def progress(step: int, values: dict[str, float]) -> None:
            bar(step, values | throughput(values["samples_per_s"], size, processes))

        curve = train(encoder, unet, data, val, training, resume, progress, processes)
    if not processes.first:
        return
    save_generator(OUT, Generator(encoder, unet, training.task(), shape, scale), dataclasses.asdict(training))
    CURVE.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(curve).to_csv(CURVE, index=False, float_format="%.6g")
    resume.clear()
    print(f"{OUT}: loss {curve[-1]['loss']:.4f}, validation {curve[-1]['val_loss']:.4f}; curve in {CURVE}")


def throughput(samples_per_s: float, size: GeneratorSize, processes: distributed.Processes) -> dict[str, float]:
    """TFLOP/s of all processes and, where the device's peak is known, the share of the peak (MFU)."""
    flops, peak = samples_per_s * size.training_flops, accelerate.peak_flops(processes.device)
    return {"TFLOP/s": flops / 1e12} | ({"MFU": flops / peak / processes.count} if peak else {})


def main(argv: list[str] | None = None) -> None:
    """Train. Leaves the group of processes even after an error."""
    argparse.ArgumentParser(prog="python -m stages.train_diffusion", description=__doc__).parse_args(argv)
    try:
        run()
    finally:
        distributed.finish()


if __name__ == "__main__":
    stage.run("train_diffusion", main)
