"""A folder as `train_vae` leaves it, with a tiny autoencoder that has learned nothing."""

from pathlib import Path

import torch

from pace.autoencoder.vae import AutoencoderKL, VaeParams
from pace.training.checkpoint import save_model, write_config

STRUCTURE = {"patch": 4, "channels": [8, 8], "layers": 1, "latent_channels": 2, "groups": 4, "mid_attention": False}


def save(folder: Path | str) -> None:
    torch.manual_seed(0)
    save_model(Path(folder) / "vae.safetensors", AutoencoderKL(VaeParams(**STRUCTURE)).state_dict())
    write_config(folder, {"vae": STRUCTURE})
