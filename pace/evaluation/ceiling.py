"""The best that a generator in a latent space can do: true music through VAE and vocoder."""

import numpy as np
import torch

from pace.audio.mel import mel_image
from pace.audio.peaks import within_range
from pace.audio.vocoder import VocoderParams, invert
from pace.generation.vae import AutoencoderKL


@torch.no_grad()
def ceiling(wave: np.ndarray, vae: AutoencoderKL, vocoder: VocoderParams) -> tuple[np.ndarray, float]:
    """A clip (110250,) through VAE and vocoder, and the mean absolute error of its mel image, of the scale [0,1].

    Decodes the mean of the posterior. Peaks are turned down as those of generated music are.
    """
    image = torch.from_numpy(mel_image(wave))[None, None]
    mean, _ = vae.encode(image)
    decoded = vae.decode(mean).clamp(0, 1)
    return within_range(invert(decoded[:, 0], vocoder)[0]), float((decoded - image).abs().mean())
