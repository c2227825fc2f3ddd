"""A small training of the autoencoder, for the tests."""

import torch

from pace.autoencoder.vae import VaeParams
from pace.autoencoder_training import perceptual
from pace.autoencoder_training.perceptual import Lpips
from pace.autoencoder_training.vae_trainer import TrainVaeParams

VAE = VaeParams(4, (8, 8), 1, 2, 4, False)
PARAMS = TrainVaeParams(
    steps=6,
    batch_size=2,
    lr=1e-3,
    warmup=2,
    weight_decay=0.01,
    max_grad_norm=1.0,
    ema=0.9,
    kl_weight=1e-3,
    flux_weight=2.0,
    perceptual_weight=0.5,
    lpips_weights="data/none",
    adversarial_weight=0.1,
    adaptive=True,
    discriminator_start=2,
    discriminator_width=8,
    discriminator_layers=2,
    discriminator_lr=1e-3,
    precision="float32",
    eval_every=2,
    save_every=3,
    seed=5,
)
CPU = torch.device("cpu")


def mels(count, seed=0, size=64):
    """Smooth random images (count,size,size) uint8."""
    coarse = torch.rand(count, 1, size // 16, size // 16, generator=torch.Generator().manual_seed(seed))
    return (torch.nn.functional.interpolate(coarse, size=size, mode="bilinear")[:, 0] * 255).byte().numpy()


def images(count=2):
    return torch.from_numpy(mels(count)).unsqueeze(1) / 255.0


def random_lpips():
    torch.manual_seed(3)
    lpips = Lpips()
    for head in lpips.heads:
        head.data.uniform_()
    return lpips


def narrow_lpips(monkeypatch):
    """LPIPS on a VGG of two resolutions and eight channels."""
    monkeypatch.setattr(perceptual, "VGG16", (((0, 3, 8), (2, 8, 8)), ((5, 8, 8),)))
    return random_lpips()
