"""The generator's networks at a preset's sizes, diffusers' U-Net of the same size, random data and a training step."""

import dataclasses
from collections.abc import Callable

import torch
from torch import nn

from pace import size
from pace.autoencoder.vae import VaeParams
from pace.clip import LATENT_SIZE
from pace.conditioning.hsf_encoder import SEMANTIC_WIDTH, Conditions, EncoderParams, HSFEncoder
from pace.diffusion.generator import DataShape, build
from pace.diffusion.unet import UNet, UNetParams
from pace.diffusion_training.params import DiffusionParams
from pace.diffusion_training.step import Model
from pace.pipeline import params
from pace.pipeline.closure import ROOT
from pace.pose.skeleton import PARTS
from pace.sampling.sampling import SampleParams
from pace.setup import presets
from pace.training import accelerate
from pace.training.ema import Ema

CLIP = 1.0  # largest gradient norm


@dataclasses.dataclass(frozen=True)
class Settings:
    """The generator's sections of params.yaml, and the shape, which the data decides in a real training."""

    encoder: EncoderParams
    unet: UNetParams
    vae: VaeParams
    training: DiffusionParams
    sample: SampleParams
    shape: DataShape


def settings(preset: str = "") -> Settings:
    """The values of params.yaml, or of a preset where it has others."""
    file = ROOT / "params.yaml"
    content = presets.with_preset(ROOT / f"presets/{preset}.yaml", file) if preset else params.read(file)
    return Settings(
        params.section(content, "encoder", EncoderParams),
        params.section(content, "unet", UNetParams),
        params.section(content, "vae", VaeParams),
        params.section(content, "train_diffusion", DiffusionParams),
        params.section(content, "sample", SampleParams),
        size.shape(content),
    )


def networks(config: Settings) -> tuple[HSFEncoder, UNet]:
    """Encoder and U-Net with fresh weights."""
    torch.manual_seed(0)
    return build(config.encoder, config.unet, config.shape)


def diffusers_unet(config: Settings) -> nn.Module:
    """`UNet2DConditionModel` with the parameters of our U-Net without alignment. Raises ImportError."""
    import diffusers

    unet, encoder = config.unet, networks(config)[0]
    names = ["CrossAttn" if attend else "" for attend in unet.attention]
    return diffusers.UNet2DConditionModel(
        sample_size=LATENT_SIZE,
        in_channels=config.shape.channels,
        out_channels=config.shape.channels,
        down_block_types=[f"{name}DownBlock2D" for name in names],
        up_block_types=[f"{name}UpBlock2D" for name in reversed(names)],
        block_out_channels=unet.widths,
        layers_per_block=unet.layers,
        cross_attention_dim=encoder.context_width,
        attention_head_dim=unet.heads,
        norm_num_groups=unet.groups,
    )


def draw_conditions(config: Settings, batch: int, device: torch.device) -> Conditions:
    """Random conditions of a batch of clips."""
    shape = (batch, config.shape.frames)
    return Conditions(
        torch.rand(*shape, len(PARTS), device=device),
        torch.rand(*shape, len(PARTS), device=device),
        torch.randn(*shape, len(PARTS), SEMANTIC_WIDTH, device=device),
        torch.randn(*shape, config.shape.visual_width, device=device),
    )


class TrainingStep:
    """Forward, backward, clipping, fused AdamW and averaged weights, always on the same latents and conditions.

    predict: runs the network on noisy latents and times. published: use PyTorch's default AdamW and diffusers'
    `EMAModel`, as diffusers' own training scripts do.
    """

    def __init__(
        self,
        network: nn.Module,
        predict: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
        latents: torch.Tensor,
        precision: str,
        published: bool = False,
    ) -> None:
        self.network, self.predict, self.precision = network.train(), predict, precision
        self.latents, self.noise = latents, torch.randn_like(latents)
        self.times = torch.linspace(0, 999, len(latents), device=latents.device).floor()
        self.optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=None if published else True)
        self.ema = _published_average(network) if published else Ema(network.parameters(), 0.9999, 9).update
        self.steps = 0

    def __call__(self) -> None:
        self.optimiser.zero_grad()
        with accelerate.autocast(self.latents.device, self.precision):
            prediction = self.predict(self.latents + self.noise, self.times)
        (prediction.float() - self.noise).square().mean().backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), CLIP, foreach=True)
        self.optimiser.step()
        self.ema(self.steps)
        self.steps += 1


def unet_step(
    config: Settings, batch: int, device: torch.device, precision: str, compiled: bool | None = None
) -> tuple[TrainingStep, str]:
    """A step of our U-Net alone with one context token, as in the paper, and how the network was prepared."""
    encoder, _ = networks(config)
    unet = UNet(config.unet, config.shape.channels, encoder.context_width, None).to(device)
    how = accelerate.prepare(unet, device, compiled)
    context, latents = token(config, batch, device), latents_of(config, batch, device)
    return TrainingStep(unet, lambda z, t: unet(z, t, context), latents, precision), how


def diffusers_steps(
    config: Settings, batch: int, device: torch.device, precision: str
) -> tuple[TrainingStep, TrainingStep]:
    """The same step of diffusers' U-Net, not compiled, and a step as in diffusers' scripts, of the same network."""
    unet = diffusers_unet(config).to(device)
    context, latents = token(config, batch, device), latents_of(config, batch, device)

    def predict(z: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return unet(z, t, context).sample

    plain, published = (TrainingStep(unet, predict, latents, precision, published) for published in (False, True))
    return plain, published


def generator_step(config: Settings, batch: int, device: torch.device, precision: str) -> tuple[TrainingStep, str]:
    """A step of encoder and U-Net, and how the networks were prepared.

    Forward, backward, clipping, optimiser and averages as in `train_diffusion`, on one batch in memory.
    """
    model = Model(*networks(config)).to(device)
    how = accelerate.prepare(model, device)
    conditions, latents = draw_conditions(config, batch, device), latents_of(config, batch, device)
    keep = torch.ones(batch, device=device)
    return TrainingStep(model, lambda z, t: model(z, t, conditions, keep), latents, precision), how


def latents_of(config: Settings, batch: int, device: torch.device) -> torch.Tensor:
    return torch.randn(batch, config.shape.channels, LATENT_SIZE, LATENT_SIZE, device=device)


def token(config: Settings, batch: int, device: torch.device) -> torch.Tensor:
    """A context of one token per clip."""
    return torch.randn(batch, 1, networks(config)[0].context_width, device=device)


def _published_average(network: nn.Module) -> Callable[[int], None]:
    from diffusers.training_utils import EMAModel

    average = EMAModel(network.parameters(), decay=0.9999)
    return lambda _: average.step(network.parameters())
