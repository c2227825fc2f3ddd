"""Train the spectrogram autoencoder: L1, KL, perceptual and patch-adversarial loss (paper 3)."""

import argparse
import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from pace.autoencoder.vae import VaeParams
from pace.autoencoder_training import vae_training
from pace.autoencoder_training.perceptual import load_lpips
from pace.pipeline import closure, params, stage
from pace.training import checkpoint
from pace.training.resume import Resume, fingerprint

PARAMS = {"vae": VaeParams, "train_vae": vae_training.TrainVaeParams}
MELS, OUT = Path("data/mel"), Path("models/vae")
CURVE, METRICS = Path("reports/curves/vae.csv"), Path("models/vae_metrics.json")


def read_mels(split: str) -> np.ndarray:
    """Mel images (clips,256,256) of one split; the split may have none."""
    with np.load(MELS / f"{split}.npz", allow_pickle=False) as file:
        return file["mel"]


def main(argv: list[str] | None = None) -> None:
    argparse.ArgumentParser(prog="python -m stages.train_vae", description=__doc__).parse_args(argv)
    loaded = params.load(PARAMS)
    vae, p = loaded["vae"], loaded["train_vae"]
    train, val = read_mels("train"), read_mels("val")
    if not len(train):
        raise ValueError(f"{MELS / 'train.npz'}: no clips; see {MELS / 'failures.json'} and the splits in data/index")
    lpips = load_lpips(p.lpips_weights)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    code = closure.code_digest(vae_training.__name__)
    heard = [] if lpips is None else [value.numpy() for value in lpips.state_dict().values()]
    run_id = fingerprint(vae, p, train, val, torch.__version__, device.type, len(heard), *heard, code)
    resume = Resume(stage.resume_folder("train_vae") / run_id)
    print(f"train_vae: {len(train)} clips, {device}, perceptual: {'LPIPS' if lpips else 'feature matching'}")

    with tqdm(total=p.steps, desc="train_vae", unit="step", disable=None) as bar:

        def progress(done: int, row: dict) -> None:
            bar.update(done - bar.n)
            bar.set_postfix(loss=f"{row['loss']:.4f}", l1=f"{row['l1']:.4f}")
            if bar.disable:  # no terminal
                print(f"step {done}: loss {row['loss']:.4f}, l1 {row['l1']:.4f}", flush=True)

        result = vae_training.train(train, val, vae, p, lpips, resume, progress, device)
    checkpoint.save_model(OUT / "vae.safetensors", result.state_dict)
    checkpoint.write_config(OUT, {"vae": dataclasses.asdict(vae)})
    write_curve(result.curve)
    metrics = {"vae": {key: round(value, 5) for key, value in result.metrics.items()}}
    METRICS.write_text(json.dumps(metrics, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    resume.clear()
    print(f"train_vae: weights in {OUT}, {json.dumps(metrics)}")


def write_curve(rows: list[dict]) -> None:
    """Write the training curve; val_l1 is empty where there are no validation clips."""
    CURVE.parent.mkdir(parents=True, exist_ok=True)
    with CURVE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, vae_training.COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: f"{value:.6g}" for key, value in row.items()} for row in rows)


if __name__ == "__main__":
    stage.run("train_vae", main)
