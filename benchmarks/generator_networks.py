"""The generator's networks at a preset's sizes, diffusers' U-Net of the same size, random data and training steps."""

import contextlib
import os
from collections.abc import Callable, Iterator

import torch
from torch import nn

from benchmarks.settings import Settings
from pace.clip import LATENT_SIZE
from pace.conditioning.hsf_encoder import SEMANTIC_WIDTH, Conditions, HSFEncoder
from pace.diffusion.generator import COMPILED, Generator, LatentScale, build
from pace.diffusion.unet import UNet
from pace.diffusion_training.step import Batch, Model, TrainingStep
from pace.pose.skeleton import PARTS
from pace.training import accelerate
from pace.training.ema import Ema
from pace.training.optimiser import Optimiser

CLIP = 1.0  # largest gradient norm
LR, DECAY, WARMUP = 1e-4, 0.9999, 9  # of AdamW; of the averaged weights


def networks(config: Settings) -> tuple[HSFEncoder, UNet]:
    """Encoder and U-Net with fresh weights."""
    torch.manual_seed(0)
    return build(config.encoder, config.unet, config.shape)


def context_width(config: Settings) -> int:
    """Width of the U-Net's context tokens."""
    with torch.device("meta"):
        return HSFEncoder(
            config.encoder, config.shape.visual_width, config.shape.frames, config.shape.fps
        ).context_width


def random_generator(
    config: Settings, device: torch.device, precision: str = "float32", evaluations: int = 0
) -> Generator:
    """A generator with fresh weights, ready to sample in `precision`; `evaluations` as in `Generator.place`."""
    encoder, unet = (network.eval() for network in networks(config))
    ones = torch.ones(config.shape.channels)
    generator = Generator(encoder, unet, config.training.task(), config.shape, LatentScale(0 * ones, ones))
    generator.place(device, precision, evaluations)
    return generator


def diffusers_unet(config: Settings) -> nn.Module:
    """`UNet2DConditionModel` with the parameters of our U-Net without alignment. Raises ImportError."""
    import diffusers

    unet = config.unet
    names = ["CrossAttn" if attend else "" for attend in unet.attention]
    return diffusers.UNet2DConditionModel(
        sample_size=LATENT_SIZE,
        in_channels=config.shape.channels,
        out_channels=config.shape.channels,
        down_block_types=[f"{name}DownBlock2D" for name in names],
        up_block_types=[f"{name}UpBlock2D" for name in reversed(names)],
        block_out_channels=unet.widths,
        layers_per_block=unet.layers,
        cross_attention_dim=context_width(config),
        attention_head_dim=unet.heads,
        norm_num_groups=unet.groups,
    )


def draw_conditions(config: Settings, batch: int, device: torch.device) -> Conditions:
    """Random conditions of a batch of clips, in the types in which they are stored."""
    shape = (batch, config.shape.frames)
    return Conditions(
        torch.rand(*shape, len(PARTS), device=device),
        torch.rand(*shape, len(PARTS), device=device),
        torch.randn(*shape, len(PARTS), SEMANTIC_WIDTH, device=device).half(),
        torch.randn(*shape, config.shape.visual_width, device=device),
    )


def draw_batch(config: Settings, batch: int, device: torch.device) -> Batch:
    """What one step trains on, drawn at random."""
    latents = latents_of(config, batch, device)
    times = torch.linspace(0, 999, batch, device=device).floor()
    keep, conditions = torch.ones(batch, device=device), draw_conditions(config, batch, device)
    return Batch(latents, torch.randn_like(latents), times, keep, conditions)


class BareUNet(nn.Module):
    """The U-Net alone with one context token, as in the paper, in the place of encoder and U-Net."""

    def __init__(self, config: Settings, batch: int, device: torch.device) -> None:
        super().__init__()
        self.unet = UNet(config.unet, config.shape.channels, context_width(config), None)
        self.context = token(config, batch, device)

    def forward(self, z: torch.Tensor, t: torch.Tensor, conditions: Conditions, keep: torch.Tensor) -> torch.Tensor:
        """Prediction from noisy latents z (B,C,32,32) at times t (B,)."""
        prediction: torch.Tensor = self.unet(z, t, self.context)
        return prediction


class OurStep:
    """The project's own training step of a network, always on the same batch.

    precision: as `train_diffusion.precision`. compiled: as `accelerate.prepare`; `how` says what it did. recorded:
    replay CUDA graphs, where there is a GPU.
    """

    def __init__(
        self,
        network: nn.Module,
        batch: Batch,
        config: Settings,
        precision: str,
        compiled: bool | None = None,
        recorded: bool = True,
    ) -> None:
        device = batch.z.device
        self.network, self.batch, self.steps = network.to(device).train(), batch, 0
        self.process = config.training.task().process().to(device)
        self.how = accelerate.prepare(network, device, compiled, COMPILED)
        dtype = accelerate.working_type(device, precision)
        self.optimiser = Optimiser(network, LR, 0.01, CLIP, DECAY, WARMUP, dtype=dtype)
        self.record(recorded)

    def record(self, recorded: bool) -> None:
        """From now on replay CUDA graphs, or not."""
        with contextlib.nullcontext() if recorded else _unrecorded():
            self.take_step = TrainingStep(self.network, self.optimiser, self.process)

    def __call__(self) -> torch.Tensor:
        """One step. Returns loss and gradient norm (2,)."""
        self.optimiser.schedule(self.steps, LR)
        self.steps += 1
        return self.take_step(self.batch)


@contextlib.contextmanager
def _unrecorded() -> Iterator[None]:
    """The block in which a training step is made without CUDA graphs."""
    before = os.environ.get("PACE_COMPILE")
    os.environ["PACE_COMPILE"] = "0"
    try:
        yield
    finally:
        os.environ.pop("PACE_COMPILE")
        if before is not None:
            os.environ["PACE_COMPILE"] = before


class DiffusersStep:
    """A training step of diffusers' U-Net under autocast, always on the same batch.

    With fused AdamW and our averages, or, if `published`, with what diffusers' scripts take: AdamW as PyTorch chooses
    and `EMAModel`.
    """

    def __init__(
        self, network: nn.Module, context: torch.Tensor, batch: Batch, precision: str, published: bool = False
    ) -> None:
        self.network, self.context, self.batch, self.steps = network.train(), context, batch, 0
        self.dtype = accelerate.working_type(batch.z.device, precision)
        self.optimiser = torch.optim.AdamW(network.parameters(), lr=LR, fused=None if published else True)
        self.average = _published_average(network) if published else _our_average(network)

    def __call__(self) -> None:
        """One step."""
        batch = self.batch
        self.optimiser.zero_grad()
        low = self.dtype != torch.float32
        with torch.autocast(batch.z.device.type, self.dtype) if low else contextlib.nullcontext():
            prediction = self.network(batch.z + batch.noise, batch.t, self.context).sample
        (prediction.float() - batch.noise).square().mean().backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), CLIP, foreach=True)
        self.optimiser.step()
        self.average(self.steps)
        self.steps += 1


def unet_step(
    config: Settings,
    batch: int,
    device: torch.device,
    precision: str,
    compiled: bool | None = None,
    recorded: bool = True,
) -> OurStep:
    """A step of our U-Net alone with one context token."""
    network = BareUNet(config, batch, device)
    return OurStep(network, draw_batch(config, batch, device), config, precision, compiled, recorded)


def diffusers_steps(
    config: Settings, batch: int, device: torch.device, precision: str
) -> tuple[DiffusersStep, DiffusersStep]:
    """The same step of diffusers' U-Net, not compiled, and a step as in diffusers' scripts, of the same network."""
    unet, context = diffusers_unet(config).to(device), token(config, batch, device)
    data = draw_batch(config, batch, device)
    plain, published = (DiffusersStep(unet, context, data, precision, published) for published in (False, True))
    return plain, published


def generator_step(
    config: Settings, batch: int, device: torch.device, precision: str, compiled: bool | None = None
) -> OurStep:
    """A step of encoder and U-Net on one batch in memory."""
    return OurStep(Model(*networks(config)), draw_batch(config, batch, device), config, precision, compiled)


def latents_of(config: Settings, batch: int, device: torch.device) -> torch.Tensor:
    return torch.randn(batch, config.shape.channels, LATENT_SIZE, LATENT_SIZE, device=device)


def token(config: Settings, batch: int, device: torch.device) -> torch.Tensor:
    """A context of one token per clip."""
    return torch.randn(batch, 1, context_width(config), device=device)


def _our_average(network: nn.Module) -> Callable[[int], None]:
    average = Ema(network.parameters(), DECAY, WARMUP)

    def update(step: int) -> None:
        average.schedule(step)
        average.update()

    return update


def _published_average(network: nn.Module) -> Callable[[int], None]:
    from diffusers.training_utils import EMAModel

    average = EMAModel(network.parameters(), decay=DECAY)
    return lambda _: average.step(network.parameters())
