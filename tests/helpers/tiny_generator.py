"""A tiny generator that has learned nothing, random conditions for it, and three steps of sampling."""

import torch

from pace.conditioning.hsf_encoder import Conditions, EncoderParams
from pace.diffusion.generator import DataShape, DenoisingTask, Generator, LatentScale, build
from pace.diffusion.unet import UNetParams
from pace.sampling.sampling import SampleParams

SHAPE = DataShape(channels=2, visual_width=3, frames=150, fps=30.0)
SAMPLE = SampleParams(
    sampler="dpm++2m",
    steps=3,
    guidance=1.5,
    sigma_max=80.0,
    clip=0.0,
    seed=0,
    batch_size=2,
    split="test",
    precision="float32",
)


def generator(objective="v", shape=SHAPE):
    torch.manual_seed(0)
    encoder, unet = build(
        EncoderParams(8, 2, "both", "gate", "five", "mean", False, True, True, True, True, True, True, False),
        UNetParams((8, 8), (False, True), 1, 2, 4, 4, 1, 3, 2),
        shape,
    )
    task = DenoisingTask(objective, "cosine", min_snr=0.0, drop=0.1)
    scale = LatentScale(torch.tensor([5.0, 0]), torch.tensor([2.0, 1]))
    return Generator(encoder.eval(), unet.eval(), task, shape, scale)


def draw(batch):
    g = torch.Generator().manual_seed(1)
    return Conditions(
        torch.rand(batch, 150, 5, generator=g),
        torch.rand(batch, 150, 5, generator=g),
        torch.randn(batch, 150, 5, 512, generator=g),
        torch.randn(batch, 150, 3, generator=g),
    )
