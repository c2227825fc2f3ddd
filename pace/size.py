"""`python -m pace size`: parameters and FLOPs of all networks that params.yaml describes, before any training.

`pace.diffusion.flops` says what counts as a FLOP. The module imports no PyAV and OpenCV: it reads single keys of the
sections whose own modules do.
"""

import argparse
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pace.autoencoder.vae import AutoencoderKL, VaeParams
from pace.clip import CLIP_SECONDS, LATENT_SIZE, N_FRAMES, N_MELS
from pace.conditioning.hsf_encoder import Conditions, EncoderParams, Encoding, HSFEncoder
from pace.diffusion.flops import GeneratorSize, generator_lines, generator_size, parameter_count
from pace.diffusion.generator import DataShape, Generator, LatentScale
from pace.diffusion.unet import UNet, UNetParams
from pace.diffusion_training.params import DiffusionParams
from pace.pipeline.params import FILE, limits, read, section
from pace.sampling.sampling import SampleParams, sample_latents
from pace.setup import presets
from pace.visual.i3d import I3D

STAND_IN_I3D = "models/pretrain/visual.safetensors"  # the network of section `pretrain_visual`


@dataclass(frozen=True)
class FrameRate:
    """The key of section `decode` that decides the number of a clip's frames."""

    fps: float = limits(1, 240)


@dataclass(frozen=True)
class I3DWeights:
    """The key of section `visual` that names the visual network's weights."""

    weights: str


@dataclass(frozen=True)
class StandInWidth:
    """The key of section `pretrain_visual` that decides the width of the stand-in for I3D."""

    width: float = limits(1 / 64, 1)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--preset", metavar="NAME", help="use params.yaml with the values of this preset")


def run(arguments: argparse.Namespace) -> None:
    """Print parameters and FLOPs of the networks."""
    content = presets.with_preset(presets.find(arguments.preset), FILE) if arguments.preset else read()
    print(text(sizes(content)))


@dataclass(frozen=True)
class VaeSize:
    """Parameters of the autoencoder, and FLOPs to encode and to decode the mel image of one clip."""

    parameters: int
    encode_flops: int
    decode_flops: int


@dataclass(frozen=True)
class Sizes:
    """Sizes of all networks, and the number of U-Net evaluations that sampling one clip takes."""

    generator: GeneratorSize
    vae: VaeSize
    evaluations: int

    @property
    def sampling_flops(self) -> int:
        """FLOPs of one clip from its conditions to its mel image."""
        generator = self.generator
        return generator.encoder_flops + self.evaluations * generator.unet_flops + self.vae.decode_flops


def sizes(content: dict[str, Any]) -> Sizes:
    """Sizes of all networks that the content of params.yaml describes.

    Raises ParamsError, or ValueError for parameters that contradict each other.
    """
    encoder, unet = section(content, "encoder", EncoderParams), section(content, "unet", UNetParams)
    vae, sample = section(content, "vae", VaeParams), section(content, "sample", SampleParams)
    training = section(content, "train_diffusion", DiffusionParams)
    return Sizes(generator_size(encoder, unet, shape(content)), vae_size(vae), evaluations(sample, training))


def shape(content: dict[str, Any]) -> DataShape:
    """Sizes of the networks that will follow from the data.

    The visual embeddings have the width of the stand-in if `visual.weights` names it, else that of the published I3D.
    Raises ParamsError.
    """
    visual = section(content, "visual", I3DWeights, partial=True)
    stand_in = section(content, "pretrain_visual", StandInWidth, partial=True)
    with torch.device("meta"):
        width = I3D(stand_in.width if visual.weights == STAND_IN_I3D else 1.0).dim
    fps = section(content, "decode", FrameRate, partial=True).fps
    return DataShape(section(content, "vae", VaeParams).latent_channels, width, round(CLIP_SECONDS * fps), fps)


def vae_size(vae: VaeParams) -> VaeSize:
    """Size of the autoencoder. Raises ValueError for parameters that contradict each other."""
    with torch.device("meta"), torch.no_grad():
        network = AutoencoderKL(vae)
        with FlopCounterMode(display=False) as encoding_count:
            network.encode(torch.empty(1, 1, N_MELS, N_FRAMES))
        with FlopCounterMode(display=False) as decoding_count:
            network.decode(torch.empty(1, vae.latent_channels, LATENT_SIZE, LATENT_SIZE))
    return VaeSize(parameter_count(network), encoding_count.get_total_flops(), decoding_count.get_total_flops())


def evaluations(sample: SampleParams, training: DiffusionParams) -> int:
    """Number of U-Net evaluations that sampling one clip takes, including those without condition for guidance.

    Counts them by sampling with a network in the U-Net's place that only counts.
    """
    counter = _Counter()
    blank = Encoding(torch.zeros(1, 1, 1), None, None, None, None)
    shape, scale = DataShape(channels=1, visual_width=1, frames=1, fps=1.0), LatentScale(torch.zeros(1), torch.ones(1))
    encoder, unet = cast(HSFEncoder, lambda _: blank), cast(UNet, counter)
    generator = Generator(encoder, unet, training.task(), shape, scale)
    sample_latents(generator, Conditions(*[torch.zeros(1)] * 4), ["clip"], sample)
    return counter.clips


def text(sizes: Sizes) -> str:
    """The output of `python -m pace size`."""
    *parameters, training = generator_lines(sizes.generator)
    lines = [
        *parameters,
        f"VAE {sizes.vae.parameters / 1e6:.2f} M",
        f"{training} (encoder + U-Net, forward and backward)",
        f"FLOPs per clip: VAE encoder {sizes.vae.encode_flops / 1e9:.2f} G",
        f"FLOPs per clip: VAE decoder {sizes.vae.decode_flops / 1e9:.2f} G",
        f"FLOPs per clip: sampling {sizes.sampling_flops / 1e9:.2f} G "
        f"({sizes.evaluations} U-Net evaluations, encoder and VAE decoder)",
    ]
    return "\n".join(lines)


class _Counter(nn.Module):
    """Takes the place of the U-Net, predicts zeros and counts the clips of its batches."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))  # tells the device
        self.clips = 0

    def forward(self, z: torch.Tensor, *_: object) -> torch.Tensor:
        self.clips += len(z)
        return torch.zeros_like(z)
