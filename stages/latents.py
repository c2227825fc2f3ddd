"""Encode the mel images of all splits into posterior means and log-variances, which every training then reads."""

import argparse
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from pace.autoencoder.inference import encode_mels, load_vae
from pace.clip import SPLITS
from pace.finite import check_finite
from pace.pipeline import stage
from pace.training import accelerate

MELS, VAE, OUT = Path("data/mel"), Path("models/vae"), Path("data/latents")


def main(argv: list[str] | None = None) -> None:
    """Write the latents of every split, under the ids of their clips."""
    argparse.ArgumentParser(prog="python -m stages.latents", description=__doc__).parse_args(argv)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    vae = load_vae(VAE).to(device)
    accelerate.prepare(vae, device, compiled=False)
    OUT.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        with np.load(MELS / f"{split}.npz", allow_pickle=False) as file:
            mels, clip_id = file["mel"], file["clip_id"]
        with tqdm(total=len(mels), desc=f"latents {split}", unit="clip", disable=None) as bar:
            mean, log_variance = encode_mels(vae, mels, device, bar.update)
        for values in (mean, log_variance):
            check_finite(values, f"{VAE}: clips of {MELS / split}.npz that it encodes", "train it again (stage vae)")
        np.savez(OUT / f"{split}.npz", mean=mean, log_variance=log_variance, clip_id=clip_id)
        print(f"{OUT / split}.npz: {len(mels)} clips, latents {mean.shape[1:]}")


if __name__ == "__main__":
    stage.run("latents", main)
