"""Sizes of encoder and U-Net: parameters and FLOPs, known from params.yaml alone.

A FLOP is one addition or multiplication of a matrix product, a convolution or an attention; norms, activations and
sums are not counted. The networks are built and run on PyTorch's `meta` device, which allocates no memory.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pace.clip import LATENT_SIZE
from pace.conditioning.hsf_encoder import SEMANTIC_WIDTH, Conditions, EncoderParams
from pace.diffusion.generator import DataShape, build
from pace.diffusion.unet import UNetParams
from pace.pose.skeleton import PARTS


@dataclass(frozen=True)
class GeneratorSize:
    """Parameters of encoder and U-Net, and FLOPs of each one's forward pass for one clip."""

    encoder: int
    unet: int
    encoder_flops: int
    unet_flops: int

    @property
    def training_flops(self) -> int:
        """FLOPs of one training sample, forward and backward: a backward pass has two products for each forward one."""
        return 3 * (self.encoder_flops + self.unet_flops)


def generator_size(encoder: EncoderParams, unet: UNetParams, shape: DataShape) -> GeneratorSize:
    """Size of encoder and U-Net for data of `shape`. Raises ValueError for parameters that contradict each other."""
    with torch.device("meta"), torch.no_grad():
        encoder_net, unet_net = build(encoder, unet, shape)
        energy = torch.empty(1, shape.frames, len(PARTS))
        semantic = torch.empty(1, shape.frames, len(PARTS), SEMANTIC_WIDTH)
        visual = torch.empty(1, shape.frames, shape.visual_width)
        latent = torch.empty(1, shape.channels, LATENT_SIZE, LATENT_SIZE)
        with FlopCounterMode(display=False) as encoding_count:
            encoding = encoder_net(Conditions(energy, energy, semantic, visual))
        with FlopCounterMode(display=False) as unet_count:
            unet_net(latent, torch.empty(1), encoding.tokens, encoding.frames)
    counts = (encoding_count.get_total_flops(), unet_count.get_total_flops())
    return GeneratorSize(parameter_count(encoder_net), parameter_count(unet_net), *counts)


def generator_lines(size: GeneratorSize) -> list[str]:
    """A line each: parameters of encoder, of U-Net and of both in millions, and FLOPs of a training sample."""
    return [
        f"encoder {size.encoder / 1e6:.2f} M",
        f"U-Net {size.unet / 1e6:.2f} M",
        f"encoder + U-Net {(size.encoder + size.unet) / 1e6:.2f} M",
        f"FLOPs per training sample {size.training_flops / 1e9:.2f} G",
    ]


def parameter_count(module: nn.Module) -> int:
    """Number of trained values of a network."""
    return sum(weights.numel() for weights in module.parameters())
