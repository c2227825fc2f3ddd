"""Train the conditioning encoder and the latent diffusion (paper 4.2, 4.3)."""

import argparse
import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from pace.conditioning.condition_files import read_clips, read_videos
from pace.conditioning.conditions import ConditionStore
from pace.conditioning.hsf_encoder import EncoderParams
from pace.diffusion.flops import generator_lines, generator_size
from pace.diffusion.generator import Generator, LatentScale, DataShape, save_generator
from pace.diffusion.unet import UNetParams
from pace.diffusion_training.latents import LatentDataset, make_dataset, measure_scale, placement
from pace.diffusion_training.training import DiffusionParams, fresh_networks, total_steps, train
from pace.pipeline import closure, params, stage
from pace.training import accelerate, distributed
from pace.training.resume import Resume, fingerprint

PARAMS = {
    "encoder": EncoderParams,
    "unet": UNetParams,
    "train_diffusion": DiffusionParams,
    "train": distributed.LauncherParams,
}
LATENTS, CLIPS = Path("data/latents"), Path("data/index/clips.parquet")
ENERGY, MOTION, VISUAL = Path("data/energy"), Path("data/motion"), Path("data/visual")
OUT, CURVE = Path("models/diffusion"), Path("reports/curves/diffusion.csv")


def read_split(split: str, say: Callable[[str], None]) -> tuple[np.ndarray, np.ndarray, list[str], dict]:
    """Latent means and log-variances of the clips that have conditions, the clips' ids, and the conditions by video."""
    with np.load(LATENTS / f"{split}.npz", allow_pickle=False) as file:
        mean, log_variance, clip_ids = file["mean"], file["log_variance"], file["clip_id"]
    clips = read_clips(CLIPS)
    videos, missing = read_videos([clips[clip][0] for clip in clip_ids], ENERGY, MOTION, VISUAL)
    for video_id, reason in missing.items():
        say(f"{split}: video {video_id} is left out: {reason}")
    kept = [i for i, clip in enumerate(clip_ids) if clips[clip][0] in videos]
    ids = [str(clip_ids[i]) for i in kept]
    say(f"{split}: {len(kept)} clips, {len(clip_ids) - len(kept)} left out for missing conditions")
    return mean[kept], log_variance[kept], ids, videos


def load_data(device: torch.device, say: Callable[[str], None]) -> tuple[LatentDataset, LatentDataset | None, LatentScale, str]:
    """Training and validation data, the scale of the latents, and a fingerprint of all of it."""
    found, scale, keys, clips = [], None, [], read_clips(CLIPS)
    for split in ("train", "val"):
        mean, log_variance, ids, videos = read_split(split, say)
        if not ids and split == "train":
            raise ValueError("no training clip has latents and conditions; see the failures.json files in data/")
        if not ids:
            found.append(None)
            continue
        scale = scale or measure_scale(mean, log_variance)
        home = placement(videos.values(), device)
        conditions = ConditionStore(videos, [(clips[clip][0], clips[clip][2]) for clip in ids], home)
        del videos  # the store has them
        found.append(make_dataset(mean, log_variance, scale, conditions, device))
        tracks = (conditions.slow, conditions.fast, conditions.semantic, conditions.visual)
        keys.append(fingerprint(mean, log_variance, ids, *[fingerprint(x.cpu().numpy()) for x in tracks]))
    return *found, scale, fingerprint(keys)


def run() -> None:
    p = params.load(PARAMS)
    encoder_params, unet_params, training = p["encoder"], p["unet"], p["train_diffusion"]
    processes = distributed.start(p["train"].launcher)
    processes.share(training.batch_size)  # refuses before anything is read
    say = print if processes.first else lambda text: None
    data, val, scale, data_key = load_data(processes.device, say)
    conditions = data.conditions
    training = dataclasses.replace(training, steps=total_steps(training, len(data.mean)))
    shape = DataShape(data.mean.shape[1], conditions.visual_width, conditions.frames, conditions.fps)
    encoder, unet = fresh_networks(encoder_params, unet_params, shape, training.seed)
    sizes = generator_size(encoder_params, unet_params, shape)
    say(", ".join([*generator_lines(sizes), f"on {processes.count} x {processes.device.type}"]))
    peak = accelerate.peak_flops(processes.device)
    code = closure.code_digest(train.__module__)
    kind = [torch.__version__, processes.device.type, processes.count]
    key = fingerprint(encoder_params, unet_params, training, data_key, kind, code)
    resume = Resume(stage.resume_folder("train_diffusion") / key)
    with tqdm(
        total=training.steps, desc="train_diffusion", unit="step", disable=None if processes.first else True
    ) as bar:

        def progress(step: int, values: dict[str, float]) -> None:
            flops = values["samples_per_s"] * sizes.training_flops
            values = values | {"TFLOP/s": flops / 1e12} | ({"MFU": flops / peak / processes.count} if peak else {})
            shown = {name: f"{value:.3g}" for name, value in values.items()}
            bar.set_postfix(shown)
            bar.update(step - bar.n)
            if processes.first and bar.disable and step % training.eval_every == 0:  # no terminal: a line now and then
                print(f"step {step}: {', '.join(f'{name} {text}' for name, text in shown.items())}", flush=True)

        curve = train(encoder, unet, data, val, training, resume, progress, processes)
    if not processes.first:
        return
    save_generator(OUT, Generator(encoder, unet, training.task(), shape, scale), dataclasses.asdict(training))
    CURVE.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(curve).to_csv(CURVE, index=False, float_format="%.6g")
    resume.clear()
    print(f"{OUT}: loss {curve[-1]['loss']:.4f}, validation {curve[-1]['val_loss']:.4f}; curve in {CURVE}")


def main(argv: list[str] | None = None) -> None:
    argparse.ArgumentParser(prog="python -m stages.train_diffusion", description=__doc__).parse_args(argv)
    try:
        run()
    finally:
        distributed.finish()


if __name__ == "__main__":
    stage.run("train_diffusion", main)
