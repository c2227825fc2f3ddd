"""The trained autoencoder: load it, and encode stored mel images (paper 3)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from pace.autoencoder.vae import AutoencoderKL, VaeParams, to_images
from pace.clip import LATENT_SIZE, N_FRAMES, N_MELS
from pace.pipeline.params import ParamsError, section
from pace.training.checkpoint import load_weights, read_config

ENCODE_BATCH = 16


def load_vae(folder: Path | str) -> AutoencoderKL:
    """The trained autoencoder of a folder (vae.safetensors, config.json), in evaluation mode on the CPU.

    Raises FileNotFoundError or ValueError naming the file and the remedy.
    """
    try:
        params = section(read_config(folder), "vae", VaeParams)
    except ParamsError as error:
        raise ValueError(f"{Path(folder) / 'config.json'}: {error}; train the autoencoder again") from None
    return load_weights(AutoencoderKL(params), Path(folder) / "vae.safetensors")


@torch.no_grad()
def encode_mels(
    vae: AutoencoderKL, mels: npt.NDArray[Any], device: torch.device, progress: Callable[[int], object]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Posterior mean and log-variance (N,C,32,32) float16 of stored mels (N,256,256); N may be 0.

    Calls `progress(n)` after every batch of n clips. Raises ValueError for images of another size.
    """
    if mels.shape[1:] != (N_MELS, N_FRAMES):
        raise ValueError(f"mel images have shape (clips,{N_MELS},{N_FRAMES}), these have {mels.shape}: rerun mel")
    shape = (2, len(mels), vae.params.latent_channels, LATENT_SIZE, LATENT_SIZE)
    moments = np.zeros(shape, np.float16)
    for start in range(0, len(mels), ENCODE_BATCH):
        chunk = torch.from_numpy(mels[start : start + ENCODE_BATCH])
        for k, moment in enumerate(vae.encode(to_images(chunk.to(device)))):
            moments[k, start : start + len(chunk)] = moment.cpu().numpy()
        progress(len(chunk))
    return moments[0], moments[1]
