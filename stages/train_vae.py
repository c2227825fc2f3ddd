"""Train the spectrogram autoencoder: L1, KL, perceptual and patch-adversarial loss (paper 3)."""

import argparse
import csv
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from pace.autoencoder.vae import VaeParams
from pace.autoencoder_training import vae_training
from pace.autoencoder_training.perceptual import load_lpips
from pace.autoencoder_training.vae_trainer import TrainVaeParams
from pace.pipeline import closure, params, stage
from pace.training import checkpoint
from pace.training.progress import TrainingProgress
from pace.training.resume import Resume, fingerprint

PARAMS = {"vae": VaeParams, "train_vae": TrainVaeParams}
MELS, OUT = Path("data/mel"), Path("models/vae")
CURVE, METRICS = Path("reports/curves/vae.csv"), Path("models/vae_metrics.json")


def read_mels(split: str) -> npt.NDArray[Any]:
    """Mel images (clips,256,256) of one split; the split may be empty."""
    with np.load(MELS / f"{split}.npz", allow_pickle=False) as file:
        mels: npt.NDArray[Any] = file["mel"]
    return mels


def main(argv: list[str] | None = None) -> None:
    """Train, and write weights, config.json, curve and validation scores."""
    argparse.ArgumentParser(prog="python -m stages.train_vae", description=__doc__).parse_args(argv)
    loaded = params.load(PARAMS)
    vae, training = loaded["vae"], loaded["train_vae"]
    train_mels, val_mels = read_mels("train"), read_mels("val")
    if not len(train_mels):
        raise ValueError(f"{MELS / 'train.npz'}: no clips; see {MELS / 'failures.json'} and the splits in data/index")
    lpips = load_lpips(training.lpips_weights)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    lpips_weights = [] if lpips is None else [tensor.numpy() for tensor in lpips.state_dict().values()]
    versions = (torch.__version__, device.type, closure.code_digest(vae_training.__name__))
    run_id = fingerprint(vae, training, train_mels, val_mels, *versions, len(lpips_weights), *lpips_weights)
    resume = Resume(stage.resume_folder("train_vae") / run_id)
    print(f"train_vae: {len(train_mels)} clips, {device}, perceptual: {'LPIPS' if lpips else 'feature matching'}")
    with TrainingProgress("train_vae", training.steps, line_every=1) as bar:

        def progress(step: int, row: dict[str, float]) -> None:
            bar(step, {"loss": row["loss"], "l1": row["l1"]})

        result = vae_training.train(train_mels, val_mels, vae, training, lpips, resume, progress, device)
    checkpoint.save_model(OUT / "vae.safetensors", result.state_dict)
    checkpoint.write_config(OUT, {"vae": dataclasses.asdict(vae)})
    write_curve(result.curve)
    metrics = {"vae": {key: round(value, 5) for key, value in result.metrics.items()}}
    METRICS.write_text(json.dumps(metrics, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    resume.clear()
    print(f"train_vae: weights in {OUT}, {json.dumps(metrics)}")


def write_curve(rows: list[dict[str, float]]) -> None:
    """Write the training curve; `val_l1` is empty if there are no validation clips."""
    CURVE.parent.mkdir(parents=True, exist_ok=True)
    with CURVE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, vae_training.COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: f"{value:.6g}" for key, value in row.items()} for row in rows)


if __name__ == "__main__":
    stage.run("train_vae", main)
