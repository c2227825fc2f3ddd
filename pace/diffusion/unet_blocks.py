"""Residual, down, middle and up blocks of the U-Net, with the parameter names of diffusers' blocks."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import nn

from pace.diffusion.attention import SpatialTransformer


class ResnetBlock(nn.Module):
    """Residual block. An addend per channel tells it the time step; one per column aligns it with the clip's frames."""

    def __init__(self, channels_in: int, channels: int, time_width: int, groups: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, channels_in, eps=1e-5)
        self.conv1 = nn.Conv2d(channels_in, channels, 3, padding=1)
        self.time_emb_proj = nn.Linear(time_width, channels)
        self.norm2 = nn.GroupNorm(groups, channels, eps=1e-5)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(channels_in, channels, 1) if channels_in != channels else None

    def forward(self, x: torch.Tensor, time: torch.Tensor, addend: torch.Tensor | None) -> torch.Tensor:
        """`x` (B,C,H,W), time embedding (B,E) after its SiLU, addend (B,C',1,W) or None -> (B,C',H,W)."""
        y = self.conv1(F.silu(self.norm1(x)))
        y = y + self.time_emb_proj(time)[:, :, None, None]
        if addend is not None:
            y = y + addend
        y = self.conv2(F.silu(self.norm2(y)))
        out: torch.Tensor = y + (x if self.conv_shortcut is None else self.conv_shortcut(x))
        return out


FUSED_UP = 256  # up to this many channels `doubled_convolution` is faster on the CPU (measured: docs/development.md)


def doubled_convolution(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """Double each pixel and convolve with the 3 x 3 `weight` in a single operation: (B,C,H,W) -> (B,D,2H,2W).

    Neighbouring taps that fall on copies of the same pixel are summed first. This gives a transposed convolution of
    stride 2, whose 4 x 4 kernel is the 3 x 3 one summed over windows of 2 x 2: 16 products instead of 36, and the same
    result but for rounding.
    """
    kernel = F.pad(weight.flip(2, 3).transpose(0, 1), (1, 1, 1, 1))
    kernel = kernel[:, :, 1:] + kernel[:, :, :-1]
    return F.conv_transpose2d(x, kernel[..., 1:] + kernel[..., :-1], bias, stride=2, padding=1)


class Resample(nn.Module):
    """Change of resolution: a convolution of stride 2 down, or a convolution after doubling each pixel up."""

    def __init__(self, channels: int, up: bool) -> None:
        super().__init__()
        self.up = up
        self.conv = nn.Conv2d(channels, channels, 3, stride=1 if up else 2, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`x` (B,C,H,W) -> (B,C,H/2,W/2), or (B,C,2H,2W) if `up`."""
        if self.up and x.device.type == "cpu" and x.shape[1] <= FUSED_UP:
            return doubled_convolution(x, self.conv.weight, self.conv.bias)
        out: torch.Tensor = self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest") if self.up else x)
        return out


def _attentions(channels: int, count: int, heads: int, groups: int, context_width: int) -> nn.ModuleList:
    return nn.ModuleList(SpatialTransformer(channels, heads, groups, context_width) for _ in range(count))


class DownBlock(nn.Module):
    """One level on the way down: diffusers' CrossAttnDownBlock2D if `attend`, else its DownBlock2D."""

    def __init__(
        self,
        channels_in: int,
        channels: int,
        layers: int,
        time_width: int,
        attend: bool,
        last: bool,
        heads: int,
        groups: int,
        context_width: int,
    ) -> None:
        super().__init__()
        widths = [channels_in] + [channels] * (layers - 1)
        self.resnets = nn.ModuleList(ResnetBlock(width, channels, time_width, groups) for width in widths)
        self.attentions = _attentions(channels, layers, heads, groups, context_width) if attend else None
        self.downsamplers = None if last else nn.ModuleList([Resample(channels, up=False)])

    def forward(
        self, x: torch.Tensor, time: torch.Tensor, context: torch.Tensor, addends: Iterator[torch.Tensor | None]
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """`x` (B,C,H,W) -> the output and the skips for the way up. Takes one of `addends` for each residual block."""
        skips = []
        for i, resnet in enumerate(self.resnets):
            x = resnet(x, time, next(addends))
            if self.attentions is not None:
                x = self.attentions[i](x, context)
            skips.append(x)
        if self.downsamplers is not None:
            x = self.downsamplers[0](x)
            skips.append(x)
        return x, skips


class MiddleBlock(nn.Module):
    """Residual block, attention, residual block at the coarsest level."""

    def __init__(self, channels: int, time_width: int, heads: int, groups: int, context_width: int) -> None:
        super().__init__()
        self.attentions = _attentions(channels, 1, heads, groups, context_width)
        self.resnets = nn.ModuleList(ResnetBlock(channels, channels, time_width, groups) for _ in range(2))

    def forward(
        self, x: torch.Tensor, time: torch.Tensor, context: torch.Tensor, addends: Iterator[torch.Tensor | None]
    ) -> torch.Tensor:
        """`x` (B,C,H,W) -> (B,C,H,W). Takes one of `addends` for each residual block."""
        x = self.resnets[0](x, time, next(addends))
        x = self.attentions[0](x, context)
        out: torch.Tensor = self.resnets[1](x, time, next(addends))
        return out


class UpBlock(nn.Module):
    """One level on the way up: one residual block more than on the way down, each with a skip as further input."""

    def __init__(
        self,
        channels_in: int,
        channels: int,
        skip_channels: list[int],
        time_width: int,
        attend: bool,
        last: bool,
        heads: int,
        groups: int,
        context_width: int,
    ) -> None:
        super().__init__()
        widths = [channels_in] + [channels] * (len(skip_channels) - 1)
        self.resnets = nn.ModuleList(
            ResnetBlock(width + skip, channels, time_width, groups)
            for width, skip in zip(widths, skip_channels, strict=True)
        )
        self.attentions = _attentions(channels, len(widths), heads, groups, context_width) if attend else None
        self.upsamplers = None if last else nn.ModuleList([Resample(channels, up=True)])

    def forward(
        self,
        x: torch.Tensor,
        skips: list[torch.Tensor],
        time: torch.Tensor,
        context: torch.Tensor,
        addends: Iterator[torch.Tensor | None],
    ) -> torch.Tensor:
        """`x` (B,C,H,W) -> the output. Each residual block removes the last of `skips` and takes one of `addends`."""
        for i, resnet in enumerate(self.resnets):
            x = resnet(torch.cat([x, skips.pop()], dim=1), time, next(addends))
            if self.attentions is not None:
                x = self.attentions[i](x, context)
        return x if self.upsamplers is None else self.upsamplers[0](x)
