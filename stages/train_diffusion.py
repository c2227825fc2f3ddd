"""Train the conditioning encoder and the latent diffusion (paper 4.2, 4.3)."""

import argparse
import dataclasses
import os
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from pace import params, size
from pace.generation.condition_files import read_clips, read_videos
from pace.generation.conditions import ConditionStore
from pace.generation.encoder import EncoderParams
from pace.generation.resume import Resume, fingerprint
from pace.generation.sampling import Generator, Shape, build, save_generator
from pace.generation.schedule import total_steps
from pace.generation.training import Data, DiffusionParams, Scale, make_data, measure_scale, train
from pace.generation.unet import UNetParams

PARAMS = {"encoder": EncoderParams, "unet": UNetParams, "train_diffusion": DiffusionParams}
LATENTS, CLIPS = Path("data/latents"), Path("data/index/clips.parquet")
ENERGY, MOTION, VISUAL = Path("data/energy"), Path("data/motion"), Path("data/visual")
OUT, CURVE = Path("models/diffusion"), Path("reports/curves/diffusion.csv")


def read_split(split: str, device: str) -> tuple[np.ndarray, np.ndarray, ConditionStore | None, list[str]]:
    """Latent means and log-variances of the clips that have conditions, these, and the clips' ids."""
    path = LATENTS / f"{split}.npz"
    with np.load(path, allow_pickle=False) as file:
        mean, log_variance, clip_ids = file["mean"], file["log_variance"], file["clip_id"]
    clips = read_clips(CLIPS)
    videos, missing = read_videos([clips[clip][0] for clip in clip_ids], ENERGY, MOTION, VISUAL)
    for video_id, reason in missing.items():
        print(f"{split}: video {video_id} is left out: {reason}")
    kept = [i for i, clip in enumerate(clip_ids) if clips[clip][0] in videos]
    ids = [str(clip_ids[i]) for i in kept]
    print(f"{split}: {len(kept)} clips, {len(clip_ids) - len(kept)} left out for missing conditions")
    if not kept:
        return mean[:0], log_variance[:0], None, []
    places = [(clips[clip][0], clips[clip][2]) for clip in ids]
    return mean[kept], log_variance[kept], ConditionStore(videos, places, device), ids


def load_data(device: str) -> tuple[Data, Data | None, Scale, str]:
    """Training and validation data, the scale of the latents, and a fingerprint of all of it."""
    mean, log_variance, conditions, ids = read_split("train", device)
    if conditions is None:
        raise ValueError("no training clip has latents and conditions; see the failures.json files in data/")
    scale = measure_scale(mean, log_variance)
    data = make_data(mean, log_variance, scale, conditions)
    val_mean, val_log_variance, val_conditions, val_ids = read_split("val", device)
    val = make_data(val_mean, val_log_variance, scale, val_conditions) if val_conditions else None
    arrays = (x.cpu().numpy() for x in (conditions.slow, conditions.fast, conditions.semantic, conditions.visual))
    return data, val, scale, fingerprint(mean, log_variance, ids, val_mean, val_ids, *arrays)


def main(argv: list[str] | None = None) -> None:
    argparse.ArgumentParser(prog="python -m stages.train_diffusion", description=__doc__).parse_args(argv)
    p = params.load(PARAMS)
    encoder_params, unet_params, training = p["encoder"], p["unet"], p["train_diffusion"]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    data, val, scale, data_key = load_data(device)
    conditions = data.conditions
    training = dataclasses.replace(training, steps=total_steps(training, len(data.mean)))
    shape = Shape(data.mean.shape[1], conditions.visual_width, conditions.frames, conditions.fps)
    torch.manual_seed(training.seed)
    encoder, unet = build(encoder_params, unet_params, shape)
    print(", ".join([*size.generator_lines(size.generator_size(encoder_params, unet_params, shape)), f"on {device}"]))

    key = fingerprint(encoder_params, unet_params, training, data_key)
    resume = Resume(Path(os.environ.get("DVC_ROOT", ".")) / ".resume" / "train_diffusion" / key)
    with tqdm(total=training.steps, desc="train_diffusion", unit="step", disable=None) as bar:

        def progress(step: int, values: dict[str, float]) -> None:
            bar.set_postfix({name: f"{value:.3g}" for name, value in values.items()})
            bar.update(step - bar.n)

        curve = train(encoder, unet, data, val, training, resume, progress)
    generator = Generator(encoder, unet, training, shape, scale)
    save_generator(OUT, generator)
    CURVE.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(curve).to_csv(CURVE, index=False, float_format="%.6g")
    resume.clear()
    print(f"{OUT}: loss {curve[-1]['loss']:.4f}, validation {curve[-1]['val_loss']:.4f}; curve in {CURVE}")


if __name__ == "__main__":
    main()
