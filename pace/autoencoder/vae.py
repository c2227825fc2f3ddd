"""The spectrogram autoencoder (paper 3, "Latent-Space Audio Modeling"): 256 x 256 mel image <-> 32 x 32 latent.

Structure and parameter names are those of diffusers' `AutoencoderKL`; with `patch: 1` the weights are
interchangeable. `patch: P` folds each P x P block of the input into channels (space to depth) and unfolds the output,
so no convolution works at full resolution (FACTS 10). The networks compute in the type of their weights.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pace.clip import LATENT_SIZE, N_MELS
from pace.pipeline.params import choice, limits

FACTOR = N_MELS // LATENT_SIZE  # image side / latent side
LOG_VARIANCE = (-30.0, 20.0)  # clamp, as in diffusers
FIRST_LOG_VARIANCE = -4.0  # before training


@dataclass(frozen=True)
class VaeParams:
    """Section `vae` of params.yaml: the structure of the autoencoder."""

    patch: int = choice(1, 2, 4)
    channels: tuple[int, ...] = limits(1)
    layers: int = limits(1)
    latent_channels: int = limits(1)
    groups: int = limits(1)
    mid_attention: bool = choice(True, False)


class ResnetBlock(nn.Module):
    """GroupNorm, SiLU, 3 x 3 convolution, twice, and a shortcut: (B,C,H,W) -> (B,D,H,W)."""

    def __init__(self, channels: int, out_channels: int, groups: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, channels, eps=1e-6)
        self.conv1 = nn.Conv2d(channels, out_channels, 3, padding=1)
        self.norm2 = nn.GroupNorm(groups, out_channels, eps=1e-6)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(channels, out_channels, 1) if channels != out_channels else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """`x` (B,C,H,W) -> (B,D,H,W)."""
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        out: Tensor = self.conv_shortcut(x) + h
        return out


class NormSiLU(nn.GroupNorm):
    """GroupNorm and SiLU in one module, so that both can be compiled into one: (B,C,H,W) -> (B,C,H,W)."""

    def forward(self, x: Tensor) -> Tensor:
        """`x` (B,C,H,W) -> (B,C,H,W)."""
        return F.silu(super().forward(x))


class Attention(nn.Module):
    """Single-head self-attention over all positions, with a residual: (B,C,H,W) -> (B,C,H,W)."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.group_norm = nn.GroupNorm(groups, channels, eps=1e-6)
        self.to_q = nn.Linear(channels, channels)
        self.to_k = nn.Linear(channels, channels)
        self.to_v = nn.Linear(channels, channels)
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])

    def forward(self, x: Tensor) -> Tensor:
        """`x` (B,C,H,W) -> (B,C,H,W)."""
        tokens = self.group_norm(x).flatten(2).transpose(1, 2)  # (B,HW,C)
        q, k, v = (layer(tokens).unsqueeze(1) for layer in (self.to_q, self.to_k, self.to_v))
        h: Tensor = self.to_out[0](F.scaled_dot_product_attention(q, k, v).squeeze(1))
        return x + h.transpose(1, 2).reshape(x.shape)


class Downsample(nn.Module):
    """Halve the resolution by a strided convolution, zero-padded on the right and bottom only, as diffusers does."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """`x` (B,C,H,W) -> (B,C,H/2,W/2)."""
        out: Tensor = self.conv(F.pad(x, (0, 1, 0, 1)))
        return out


class Upsample(nn.Module):
    """Double the resolution by repeating pixels, then convolve."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """`x` (B,C,H,W) -> (B,C,2H,2W)."""
        out: Tensor = self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return out


class DownBlock(nn.Module):
    """One encoder level: residual blocks, then a downsampling unless it is the last level."""

    def __init__(self, channels: int, out_channels: int, layers: int, groups: int, last: bool) -> None:
        super().__init__()
        widths = [channels] + [out_channels] * layers
        self.resnets = nn.ModuleList(ResnetBlock(a, b, groups) for a, b in pairwise(widths))
        self.downsamplers = nn.ModuleList([] if last else [Downsample(out_channels)])

    def forward(self, x: Tensor) -> Tensor:
        """`x` (B,C,H,W) -> (B,D,H/2,W/2); H and W stay in the last level."""
        for layer in (*self.resnets, *self.downsamplers):
            x = layer(x)
        return x


class UpBlock(nn.Module):
    """One decoder level: one residual block more than the encoder's, then an upsampling unless it is the last."""

    def __init__(self, channels: int, out_channels: int, layers: int, groups: int, last: bool) -> None:
        super().__init__()
        widths = [channels] + [out_channels] * (layers + 1)
        self.resnets = nn.ModuleList(ResnetBlock(a, b, groups) for a, b in pairwise(widths))
        self.upsamplers = nn.ModuleList([] if last else [Upsample(out_channels)])

    def forward(self, x: Tensor) -> Tensor:
        """`x` (B,C,H,W) -> (B,D,2H,2W); H and W stay in the last level."""
        for layer in (*self.resnets, *self.upsamplers):
            x = layer(x)
        return x


class MidBlock(nn.Module):
    """Two residual blocks at latent resolution, with attention between them if `attention` is true."""

    def __init__(self, channels: int, groups: int, attention: bool) -> None:
        super().__init__()
        self.attentions = nn.ModuleList([Attention(channels, groups)] if attention else [])
        self.resnets = nn.ModuleList([ResnetBlock(channels, channels, groups) for _ in range(2)])

    def forward(self, x: Tensor) -> Tensor:
        """`x` (B,C,32,32) -> (B,C,32,32)."""
        for layer in (self.resnets[0], *self.attentions, self.resnets[1]):
            x = layer(x)
        return x


class Encoder(nn.Module):
    """Folded image (B,P*P,256/P,256/P) -> posterior moments (B,2C,32,32)."""

    def __init__(self, p: VaeParams) -> None:
        super().__init__()
        first, last = p.channels[0], p.channels[-1]
        self.conv_in = nn.Conv2d(p.patch**2, first, 3, padding=1)
        widths = [first, *p.channels]
        self.down_blocks = nn.ModuleList(
            DownBlock(widths[i], widths[i + 1], p.layers, p.groups, last=i == len(p.channels) - 1)
            for i in range(len(p.channels))
        )
        self.mid_block = MidBlock(last, p.groups, p.mid_attention)
        self.conv_norm_out = NormSiLU(p.groups, last, eps=1e-6)
        self.conv_out = nn.Conv2d(last, 2 * p.latent_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """`x` (B,P*P,256/P,256/P) -> (B,2C,32,32)."""
        x = self.conv_in(x)
        for block in self.down_blocks:
            x = block(x)
        moments: Tensor = self.conv_out(self.conv_norm_out(self.mid_block(x)))
        return moments


class Decoder(nn.Module):
    """Latent (B,C,32,32) -> folded image (B,P*P,256/P,256/P)."""

    def __init__(self, p: VaeParams) -> None:
        super().__init__()
        widths = [p.channels[-1], *reversed(p.channels)]
        self.conv_in = nn.Conv2d(p.latent_channels, widths[0], 3, padding=1)
        self.up_blocks = nn.ModuleList(
            UpBlock(widths[i], widths[i + 1], p.layers, p.groups, last=i == len(p.channels) - 1)
            for i in range(len(p.channels))
        )
        self.mid_block = MidBlock(widths[0], p.groups, p.mid_attention)
        self.conv_norm_out = NormSiLU(p.groups, widths[-1], eps=1e-6)
        self.conv_out = nn.Conv2d(widths[-1], p.patch**2, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """`z` (B,C,32,32) -> (B,P*P,256/P,256/P)."""
        x = self.mid_block(self.conv_in(z))
        for block in self.up_blocks:
            x = block(x)
        image: Tensor = self.conv_out(self.conv_norm_out(x))
        return image


class AutoencoderKL(nn.Module):
    """Encoder and decoder with a diagonal Gaussian posterior.

    Raises ValueError if `patch` and the number of levels do not reduce the image's side by a factor of 8, or if the
    widths are not multiples of the norm groups.
    """

    def __init__(self, params: VaeParams) -> None:
        super().__init__()
        factor = params.patch * 2 ** (len(params.channels) - 1)
        if factor != FACTOR:
            levels = (FACTOR // params.patch).bit_length()
            raise ValueError(
                f"vae.patch {params.patch} needs {levels} levels in vae.channels for a latent of 1/{FACTOR} of the "
                f"image's side; vae.channels {list(params.channels)} has {len(params.channels)}"
            )
        if any(width % params.groups for width in params.channels):
            raise ValueError(f"vae.channels {list(params.channels)} must be multiples of vae.groups {params.groups}")
        self.params = params
        self.encoder = Encoder(params)
        self.decoder = Decoder(params)
        self.quant_conv = nn.Conv2d(2 * params.latent_channels, 2 * params.latent_channels, 1)
        self.post_quant_conv = nn.Conv2d(params.latent_channels, params.latent_channels, 1)
        self._initialise()

    @torch.no_grad()
    def _initialise(self) -> None:
        """Start as a shallow map with little latent noise: short trainings then reach a given error sooner."""
        for module in self.modules():
            if isinstance(module, ResnetBlock):
                last_layer: nn.Module = module.conv2
            elif isinstance(module, Attention):
                last_layer = module.to_out[0]
            else:
                continue
            for parameter in last_layer.parameters():
                nn.init.zeros_(parameter)
        log_variance_bias = cast(Tensor, self.quant_conv.bias)[self.params.latent_channels :]
        log_variance_bias.fill_(FIRST_LOG_VARIANCE)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mel image in [0,1] (B,1,256,256) -> posterior mean and clamped log-variance (B,C,32,32)."""
        folded = F.pixel_unshuffle(x.to(self.encoder.conv_in.weight.dtype), self.params.patch)
        moments = self.quant_conv(self.encoder(folded))
        mean, log_variance = moments.chunk(2, dim=1)
        return mean, log_variance.clamp(*LOG_VARIANCE)

    def decode(self, z: Tensor) -> Tensor:
        """Latent (B,C,32,32) -> mel image (B,1,256,256), not clipped."""
        z = z.to(self.decoder.conv_in.weight.dtype)
        return F.pixel_shuffle(self.decoder(self.post_quant_conv(z)), self.params.patch)


COMPILED = (ResnetBlock, Attention, Downsample, Upsample, NormSiLU)  # what `accelerate.prepare` compiles


def sample(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """Draw from the posterior by the reparametrisation mean + exp(log_variance / 2) * noise."""
    return mean + torch.exp(0.5 * log_variance) * noise


def to_images(mels: Tensor) -> Tensor:
    """Stored mels (B,256,256), uint8 or floating -> images (B,1,256,256) float32 in [0,1]."""
    images = mels.unsqueeze(1).float()
    return images / 255 if mels.dtype == torch.uint8 else images
