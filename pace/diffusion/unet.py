"""The U-Net epsilon_theta(Z_t, t, C) of paper 4.3, with the parameter names of diffusers' `UNet2DConditionModel`."""

import dataclasses
import math
from collections.abc import Iterator
from itertools import repeat

import torch
import torch.nn.functional as F
from torch import nn

from pace.clip import LATENT_SIZE
from pace.conditioning.alignment import Alignment
from pace.diffusion.unet_blocks import DownBlock, MiddleBlock, UpBlock
from pace.pipeline.params import choice, limits


@dataclasses.dataclass(frozen=True)
class UNetParams:
    """Section `unet` of params.yaml."""

    widths: tuple[int, ...] = limits(1)
    attention: tuple[bool, ...] = choice(True, False)
    layers: int = limits(1)
    heads: int = limits(1)
    groups: int = limits(1)
    align_width: int = limits(1)
    align_layers: int = limits(1)
    align_kernel: int = limits(1)
    align_bins: int = limits(1)


@dataclasses.dataclass(frozen=True)
class FrameShape:
    """The frame sequence of a clip that the U-Net gets with `encoder.align`: width, number of frames, frames/s."""

    width: int
    count: int
    fps: float


def time_code(t: torch.Tensor, width: int) -> torch.Tensor:
    """Sinusoidal code (B,width) of time steps t (B,), cosines first; t need not be a whole step."""
    half = width // 2
    rates = torch.exp(-math.log(10_000) * torch.arange(half, device=t.device, dtype=torch.float32) / half)
    angles = t.float()[:, None] * rates
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class TimeEmbedding(nn.Module):
    """Two linear layers over the time code."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(width, out)
        self.linear_2 = nn.Linear(out, out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`x` (B,width) -> (B,out)."""
        out: torch.Tensor = self.linear_2(F.silu(self.linear_1(x)))
        return out


class UNet(nn.Module):
    """Predicts the noise or velocity in latents (B,channels,32,32), whose last axes are mel and time.

    `context_width` is the width of the cross-attention's tokens. `frames` describes the aligned frame sequence and is
    None for the paper's model. Only `align` has weights for it; all other weights load into diffusers' class.
    Raises ValueError for parameters that contradict each other.
    """

    def __init__(self, params: UNetParams, channels: int, context_width: int, frames: FrameShape | None) -> None:
        super().__init__()
        _check(params)
        self.params = params
        widths, levels = params.widths, len(params.widths)
        time_width = 4 * widths[0]
        shared = {
            "time_width": time_width,
            "heads": params.heads,
            "groups": params.groups,
            "context_width": context_width,
        }
        self.conv_in = nn.Conv2d(channels, widths[0], 3, padding=1)
        self.time_embedding = TimeEmbedding(widths[0], time_width)
        self.down_blocks = nn.ModuleList()
        skip_channels = [widths[0]]
        for i, width in enumerate(widths):
            last = i == levels - 1
            self.down_blocks.append(
                DownBlock(widths[max(i - 1, 0)], width, params.layers, attend=params.attention[i], last=last, **shared)
            )
            skip_channels += [width] * (params.layers + (not last))
        self.mid_block = MiddleBlock(widths[-1], **shared)
        self.up_blocks = nn.ModuleList()
        below = widths[-1]
        for i in reversed(range(levels)):
            joined = [skip_channels.pop() for _ in range(params.layers + 1)]
            attend = params.attention[i]
            self.up_blocks.append(UpBlock(below, widths[i], joined, attend=attend, last=i == 0, **shared))
            below = widths[i]
        self.conv_norm_out = nn.GroupNorm(params.groups, widths[0], eps=1e-5)
        self.conv_out = nn.Conv2d(widths[0], channels, 3, padding=1)
        self.align = None if frames is None else self._alignment(params, frames)

    def forward(
        self, z: torch.Tensor, t: torch.Tensor, context: torch.Tensor, frames: torch.Tensor | None = None
    ) -> torch.Tensor:
        """`z` (B,C,32,32), t (B,) time steps, context (B,T,K), frames (B,N,F) with `align` -> (B,C,32,32).

        Computes in the type of the weights, which the prediction has too.
        """
        dtype = self.conv_in.weight.dtype
        context, frames = context.to(dtype), None if frames is None else frames.to(dtype)
        time = F.silu(self.time_embedding(time_code(t, self.params.widths[0]).to(dtype)))
        addends: Iterator[torch.Tensor | None] = repeat(None) if self.align is None else iter(self.align(frames))
        x = self.conv_in(z.to(dtype))
        skips = [x]
        for down in self.down_blocks:
            x, new_skips = down(x, time, context, addends)
            skips += new_skips
        x = self.mid_block(x, time, context, addends)
        for up in self.up_blocks:
            x = up(x, skips, time, context, addends)
        prediction: torch.Tensor = self.conv_out(F.silu(self.conv_norm_out(x)))
        return prediction

    @staticmethod
    def _alignment(params: UNetParams, frames: FrameShape) -> Alignment:
        """The module that makes an addend for every residual block, in the order in which `forward` runs the blocks."""
        sizes = [(LATENT_SIZE >> i, width) for i, width in enumerate(params.widths)]
        down = [size for size in sizes for _ in range(params.layers)]
        up = [size for size in reversed(sizes) for _ in range(params.layers + 1)]
        return Alignment(
            frames.width,
            [*down, sizes[-1], sizes[-1], *up],
            params.align_width,
            params.align_layers,
            params.align_kernel,
            params.align_bins,
            frames.count,
            frames.fps,
        )


def _check(params: UNetParams) -> None:
    """Raise ValueError for parameters that contradict each other."""
    if len(params.attention) != len(params.widths):
        raise ValueError(
            f"`unet.attention` has {len(params.attention)} entries and `unet.widths` {len(params.widths)}: "
            "give one entry for each level"
        )
    if len(params.widths) > 6:
        raise ValueError(f"`unet.widths` has {len(params.widths)} levels; latents of 32 columns allow at most 6")
    if params.align_kernel % 2 == 0:
        raise ValueError(f"`unet.align_kernel` {params.align_kernel} must be odd")
    for i, width in enumerate(params.widths):
        if width % params.groups:
            raise ValueError(f"`unet.groups` {params.groups} does not divide `unet.widths[{i}]` {width}")
        attends = params.attention[i] or i == len(params.widths) - 1
        if attends and width % params.heads:
            raise ValueError(f"`unet.heads` {params.heads} does not divide `unet.widths[{i}]` {width}")
