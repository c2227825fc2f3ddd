"""Parameters and FLOPs of the networks, from the parameters alone: nothing is allocated, no weights are needed.

A FLOP is one addition or multiplication of a matrix product, a convolution or an attention; norms, activations and
sums are not counted. The networks are built and run on PyTorch's `meta` device, which knows shapes only.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pace.generation.conditions import PARTS
from pace.generation.data import Scale
from pace.generation.encoder import SEMANTIC_WIDTH, Conditions, EncoderParams, Encoding
from pace.generation.sampling import Generator, SampleParams, Shape, build
from pace.generation.training import DiffusionParams
from pace.generation.unet import LATENT_SIZE, UNetParams
from pace.generation.vae import IMAGE, AutoencoderKL, VaeParams


@dataclass(frozen=True)
class GeneratorSize:
    """Parameters of encoder and U-Net, and FLOPs of one clip's way through each (forward)."""

    encoder: int
    unet: int
    encoder_flops: int
    unet_flops: int

    @property
    def training_flops(self) -> int:
        """Forward and backward of one training sample: the backward pass has two products for each of the forward."""
        return 3 * (self.encoder_flops + self.unet_flops)


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


def generator_size(encoder: EncoderParams, unet: UNetParams, shape: Shape) -> GeneratorSize:
    """Size of encoder and U-Net for data of `shape`. Raises ValueError for parameters that do not go together."""
    with torch.device("meta"), torch.no_grad():
        encoder_net, unet_net = build(encoder, unet, shape)
        energy = torch.empty(1, shape.frames, PARTS)
        semantic = torch.empty(1, shape.frames, PARTS, SEMANTIC_WIDTH)
        visual = torch.empty(1, shape.frames, shape.visual_width)
        latent = torch.empty(1, shape.channels, LATENT_SIZE, LATENT_SIZE)
        with FlopCounterMode(display=False) as encoding_count:
            encoding = encoder_net(Conditions(energy, energy, semantic, visual))
        with FlopCounterMode(display=False) as unet_count:
            unet_net(latent, torch.empty(1), encoding.tokens, encoding.frames)
    counts = (encoding_count.get_total_flops(), unet_count.get_total_flops())
    return GeneratorSize(_parameters(encoder_net), _parameters(unet_net), *counts)


def vae_size(vae: VaeParams) -> VaeSize:
    """Size of the autoencoder. Raises ValueError for parameters that do not go together."""
    side = LATENT_SIZE
    with torch.device("meta"), torch.no_grad():
        network = AutoencoderKL(vae)
        with FlopCounterMode(display=False) as encoding_count:
            network.encode(torch.empty(1, 1, IMAGE, IMAGE))
        with FlopCounterMode(display=False) as decoding_count:
            network.decode(torch.empty(1, vae.latent_channels, side, side))
    return VaeSize(_parameters(network), encoding_count.get_total_flops(), decoding_count.get_total_flops())


def evaluations(sample: SampleParams, training: DiffusionParams) -> int:
    """How often the sampler asks the U-Net for one clip, without condition for guidance included.

    Counted by sampling with a network that counts in place of the U-Net.
    """
    counting = _Counting()
    blank = Encoding(torch.zeros(1, 1, 1), None, None, None, None)
    shape, scale = Shape(channels=1, visual_width=1, frames=1, fps=1.0), Scale(torch.zeros(1), torch.ones(1))
    generator = Generator(lambda _: blank, counting, training, shape, scale)
    generator.latents(Conditions(*[torch.zeros(1)] * 4), ["clip"], sample)
    return counting.clips


def measure(
    encoder: EncoderParams,
    unet: UNetParams,
    vae: VaeParams,
    training: DiffusionParams,
    sample: SampleParams,
    shape: Shape,
) -> Sizes:
    """Sizes of all networks. Raises ValueError for parameters that do not go together."""
    return Sizes(generator_size(encoder, unet, shape), vae_size(vae), evaluations(sample, training))


def generator_lines(size: GeneratorSize) -> list[str]:
    """Millions of parameters of encoder, U-Net and both, and FLOPs of a training sample, a line each."""
    return [
        f"encoder {size.encoder / 1e6:.2f} M",
        f"U-Net {size.unet / 1e6:.2f} M",
        f"encoder + U-Net {(size.encoder + size.unet) / 1e6:.2f} M",
        f"FLOPs per training sample {size.training_flops / 1e9:.2f} G",
    ]


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


def _parameters(module: nn.Module) -> int:
    return sum(weights.numel() for weights in module.parameters())
