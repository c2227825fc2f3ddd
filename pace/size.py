"""`python -m pace size`: parameters and FLOPs of all networks that params.yaml describes, before any training.

What counts as a FLOP is said in `pace.diffusion.flops`.
"""

import argparse
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pace.autoencoder.vae import AutoencoderKL, VaeParams
from pace.clip import CLIP_SECONDS, LATENT_SIZE, N_FRAMES, N_MELS
from pace.conditioning.hsf_encoder import Conditions, EncoderParams, Encoding
from pace.diffusion.flops import GeneratorSize, generator_lines, generator_size, parameter_count
from pace.diffusion.generator import DataShape, Generator, LatentScale
from pace.diffusion.unet import UNetParams
from pace.diffusion_training.training import DiffusionParams
from pace.media.video import DecodeParams
from pace.pipeline.params import FILE, read, section
from pace.sampling.sampling import SampleParams, sample_latents
from pace.setup import presets
from pace.stand_ins.visual import PretrainVisualParams
from pace.visual.features import VisualParams
from pace.visual.i3d import I3D

STAND_IN_I3D = "models/pretrain/visual.safetensors"  # the network of section `pretrain_visual`


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--preset", metavar="NAME", help="params.yaml with the values of this preset")


def run(arguments: argparse.Namespace) -> None:
    """Print parameters and FLOPs of the networks."""
    print(text(sizes(presets.applied(presets.find(arguments.preset), FILE) if arguments.preset else read())))


@dataclass(frozen=True)
class VaeSize:
    """Parameters of the autoencoder, and FLOPs of one clip's mel image."""

    parameters: int
    encode_flops: int
    decode_flops: int


@dataclass(frozen=True)
class Sizes:
    """All networks, and how often the sampler asks the U-Net for one clip."""

    generator: GeneratorSize
    vae: VaeSize
    evaluations: int

    @property
    def sampling_flops(self) -> int:
        """One clip from its conditions to its mel image."""
        generator = self.generator
        return generator.encoder_flops + self.evaluations * generator.unet_flops + self.vae.decode_flops


def sizes(content: dict) -> Sizes:
    """Sizes of all networks that the content of params.yaml describes.

    Raises ParamsError, or ValueError for parameters that do not go together.
    """
    encoder, unet = section(content, "encoder", EncoderParams), section(content, "unet", UNetParams)
    vae, sample = section(content, "vae", VaeParams), section(content, "sample", SampleParams)
    training = section(content, "train_diffusion", DiffusionParams)
    return Sizes(generator_size(encoder, unet, shape(content)), vae_size(vae), evaluations(sample, training))


def shape(content: dict) -> DataShape:
    """What the data will decide of the networks.

    The width of the visual condition is that of the stand-in where `visual.weights` names it, else of the published
    I3D. Raises ParamsError.
    """
    visual = section(content, "visual", VisualParams)
    stand_in = section(content, "pretrain_visual", PretrainVisualParams)
    with torch.device("meta"):
        width = I3D(stand_in.width if visual.weights == STAND_IN_I3D else 1.0).dim
    fps = section(content, "decode", DecodeParams).fps
    return DataShape(section(content, "vae", VaeParams).latent_channels, width, round(CLIP_SECONDS * fps), fps)


def vae_size(vae: VaeParams) -> VaeSize:
    """Size of the autoencoder. Raises ValueError for parameters that do not go together."""
    with torch.device("meta"), torch.no_grad():
        network = AutoencoderKL(vae)
        with FlopCounterMode(display=False) as encoding_count:
            network.encode(torch.empty(1, 1, N_MELS, N_FRAMES))
        with FlopCounterMode(display=False) as decoding_count:
            network.decode(torch.empty(1, vae.latent_channels, LATENT_SIZE, LATENT_SIZE))
    return VaeSize(parameter_count(network), encoding_count.get_total_flops(), decoding_count.get_total_flops())


def evaluations(sample: SampleParams, training: DiffusionParams) -> int:
    """How often the sampler asks the U-Net for one clip, without condition for guidance included.

    Counted by sampling with a network that counts in place of the U-Net.
    """
    counting = _Counting()
    blank = Encoding(torch.zeros(1, 1, 1), None, None, None, None)
    shape, scale = DataShape(channels=1, visual_width=1, frames=1, fps=1.0), LatentScale(torch.zeros(1), torch.ones(1))
    generator = Generator(lambda _: blank, counting, training.task(), shape, scale)
    sample_latents(generator, Conditions(*[torch.zeros(1)] * 4), ["clip"], sample)
    return counting.clips


def text(sizes: Sizes) -> str:
    """What `python -m pace size` prints."""
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


class _Counting(nn.Module):
    """Stands for the U-Net, predicts zeros and counts the clips that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))  # says on which device it is
        self.clips = 0

    def forward(self, z: torch.Tensor, *_: object) -> torch.Tensor:
        self.clips += len(z)
        return torch.zeros_like(z)
