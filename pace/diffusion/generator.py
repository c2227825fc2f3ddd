"""The generator p(Z | S, F, E) of equation 1: HSF-Encoder, U-Net and the scale of their latents, and their files."""

import dataclasses
from pathlib import Path
from typing import NamedTuple

import torch

from pace.conditioning.alignment import Alignment
from pace.conditioning.conditions import ConditionStore
from pace.conditioning.hsf_encoder import Conditions, EncoderParams, Encoding, HSFEncoder
from pace.diffusion import objectives
from pace.diffusion.attention import SpatialTransformer
from pace.diffusion.unet import FrameShape, UNet, UNetParams
from pace.diffusion.unet_blocks import Resample, ResnetBlock
from pace.pipeline.params import ParamsError, choice, limits, section
from pace.training import accelerate
from pace.training.checkpoint import load_weights, read_config, save_model, write_config
from pace.training.graphs import RecordedFunction

# The modules of encoder and U-Net that are compiled, each kind and size once.
COMPILED = (HSFEncoder, Alignment, ResnetBlock, SpatialTransformer, Resample)
COMPILED_FROM = 2000  # evaluations of the U-Net by which a minute of compiling pays


@dataclasses.dataclass(frozen=True)
class DataShape:
    """Sizes of the networks that follow from the data."""

    channels: int  # channels of the latents
    visual_width: int  # D of the visual embeddings
    frames: int  # video frames per clip
    fps: float  # frames per second


class LatentScale(NamedTuple):
    """Mean and standard deviation of each latent channel (C,), measured on the training latents."""

    mean: torch.Tensor
    std: torch.Tensor

    def normalise(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents (B,C,32,32) in the scale of the autoencoder -> in that of the diffusion."""
        return (latents - self.mean[:, None, None].to(latents)) / self.std[:, None, None].to(latents)

    def restore(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents (B,C,32,32) in the scale of the diffusion -> in that of the autoencoder."""
        return latents * self.std[:, None, None].to(latents) + self.mean[:, None, None].to(latents)


@dataclasses.dataclass(frozen=True)
class DenoisingTask:
    """The U-Net's prediction target, and how often it trained without a condition: keys of section `train_diffusion`.

    Sampling needs them, so they are read from the config.json of the trained generator.
    """

    objective: str = choice(*objectives.OBJECTIVES)
    schedule: str = choice(*objectives.SCHEDULES)
    min_snr: float = limits(0)
    drop: float = limits(0, 1)

    def process(self) -> objectives.ForwardProcess:
        """The forward process that the U-Net learned to reverse."""
        return objectives.ForwardProcess(self.objective, self.schedule, self.min_snr)


def build(encoder: EncoderParams, unet: UNetParams, shape: DataShape) -> tuple[HSFEncoder, UNet]:
    """Encoder and U-Net that fit each other, with fresh weights. Raises ValueError for contradictory parameters."""
    encoder_net = HSFEncoder(encoder, shape.visual_width, shape.frames, shape.fps)
    frames = FrameShape(encoder_net.width, shape.frames, shape.fps) if encoder.align else None
    return encoder_net, UNet(unet, shape.channels, encoder_net.context_width, frames)


@dataclasses.dataclass
class Generator:
    """Trained encoder and U-Net with averaged weights, what they learned, and the scale of their latents."""

    encoder: HSFEncoder
    unet: UNet
    task: DenoisingTask
    shape: DataShape
    scale: LatentScale

    def __post_init__(self) -> None:
        # (z, t, context, frames) -> the U-Net's prediction
        self.predict = RecordedFunction(lambda *given: self.unet(*given))

    def place(self, device: torch.device, precision: str, evaluations: int) -> str:
        """Move both networks to a device and make them fast there. Returns a description of what was done.

        `precision` is one of `accelerate.PRECISIONS`. The U-Net is compiled on a GPU if it will be evaluated at least
        COMPILED_FROM times: `evaluations` says how often.
        """
        dtype = accelerate.working_type(device, precision)
        compiled = device.type == "cuda" and evaluations >= COMPILED_FROM
        for network in (self.encoder, self.unet):
            network.to(device)
            for parameter in network.parameters():
                parameter.data = parameter.data.to(dtype)
        accelerate.prepare(self.encoder, device, compiled=False)
        return f"{accelerate.prepare(self.unet, device, compiled, COMPILED)}, {dtype}".replace("torch.", "")

    def check(self, conditions: ConditionStore) -> None:
        """Raise ValueError if the conditions differ in kind from those that the generator was trained on."""
        for name, trained, actual in (
            ("visual width", self.shape.visual_width, conditions.visual_width),
            ("frames in a clip", self.shape.frames, conditions.frames),
            ("frames/s", self.shape.fps, conditions.fps),
        ):
            if trained != actual:
                raise ValueError(
                    f"the generator was trained with {name} {trained:g}, the conditions have {actual:g}; "
                    "use the decode.fps and visual.weights of the training"
                )

    @torch.no_grad()
    def encode(self, conditions: Conditions) -> Encoding:
        """Context and gates of a batch, on the U-Net's device."""
        device = next(self.unet.parameters()).device
        encoding: Encoding = self.encoder(Conditions(*(x.to(device) for x in conditions)))
        return encoding


def save_generator(folder: Path | str, generator: Generator, training: dict[str, object]) -> None:
    """Write encoder.safetensors, unet.safetensors and config.json.

    `training` is the section `train_diffusion` that the generator was trained with; config.json keeps all of it.
    """
    folder = Path(folder)
    save_model(folder / "encoder.safetensors", generator.encoder.state_dict())
    save_model(folder / "unet.safetensors", generator.unet.state_dict())
    config = {
        "encoder": dataclasses.asdict(generator.encoder.params),
        "unet": dataclasses.asdict(generator.unet.params),
        "train_diffusion": training,
        "shape": dataclasses.asdict(generator.shape),
        "latent_mean": generator.scale.mean.tolist(),
        "latent_std": generator.scale.std.tolist(),
    }
    write_config(folder, config)


def load_generator(folder: Path | str) -> Generator:
    """The trained generator of a folder, in evaluation mode on the CPU.

    Raises FileNotFoundError or ValueError naming the file and the remedy.
    """
    config = read_config(folder)
    try:
        encoder_params = section(config, "encoder", EncoderParams)
        unet_params = section(config, "unet", UNetParams)
        task = section(config, "train_diffusion", DenoisingTask, partial=True)
        shape = section(config, "shape", DataShape)
        scale = LatentScale(torch.tensor(config["latent_mean"]), torch.tensor(config["latent_std"]))
    except (ParamsError, KeyError) as error:
        raise ValueError(f"{Path(folder) / 'config.json'}: {error}; train the diffusion again") from None
    encoder, unet = build(encoder_params, unet_params, shape)
    load_weights(encoder, Path(folder) / "encoder.safetensors")
    load_weights(unet, Path(folder) / "unet.safetensors")
    return Generator(encoder, unet, task, shape, scale)
