"""The trained generator: conditions of clips to latents."""

import dataclasses
import hashlib
from pathlib import Path

import torch

from pace.generation import objectives, samplers
from pace.generation.checkpoint import load_weights, read_config, save_model, write_config
from pace.generation.conditions import ConditionStore
from pace.generation.data import Scale
from pace.generation.encoder import Conditions, Encoder, EncoderParams, Encoding
from pace.generation.training import DiffusionParams
from pace.generation.unet import LATENT_SIZE, FrameShape, UNet, UNetParams
from pace.params import ParamsError, choice, limits, section


@dataclasses.dataclass(frozen=True)
class SampleParams:
    """Section `sample` of params.yaml."""

    sampler: str = choice(*samplers.SAMPLERS)
    steps: int = limits(1, objectives.STEPS)
    guidance: float = limits(0)
    sigma_max: float = limits(0.1)
    seed: int
    batch_size: int = limits(1)
    split: str = choice("test", "val")


@dataclasses.dataclass(frozen=True)
class Shape:
    """What the data decides of the networks."""

    channels: int  # of the latents
    visual_width: int
    frames: int  # of a clip
    fps: float


def build(encoder: EncoderParams, unet: UNetParams, shape: Shape) -> tuple[Encoder, UNet]:
    """Encoder and U-Net that fit each other, with fresh weights."""
    encoder_net = Encoder(encoder, shape.visual_width, shape.frames, shape.fps)
    frames = FrameShape(encoder_net.width, shape.frames, shape.fps) if encoder.align else None
    return encoder_net, UNet(unet, shape.channels, encoder_net.context_width, frames)


def clip_seed(seed: int, clip_id: str) -> int:
    """Seed of one clip's noise, independent of the batch that it is in."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{clip_id}".encode()).digest()[:7], "big")


@dataclasses.dataclass
class Generator:
    """Encoder and U-Net with averaged weights, and the scale of their latents."""

    encoder: Encoder
    unet: UNet
    training: DiffusionParams
    shape: Shape
    scale: Scale

    def to(self, device: torch.device | str) -> "Generator":
        self.encoder.to(device)
        self.unet.to(device)
        return self

    def check(self, conditions: ConditionStore) -> None:
        """Raise ValueError when the conditions are not of the kind that the generator was trained on."""
        for name, trained, given in (
            ("visual width", self.shape.visual_width, conditions.visual_width),
            ("frames in a clip", self.shape.frames, conditions.frames),
            ("frames/s", self.shape.fps, conditions.fps),
        ):
            if trained != given:
                raise ValueError(
                    f"the generator was trained with {name} {trained:g}, the conditions have {given:g}; "
                    "use the decode.fps and visual.weights of the training"
                )

    @torch.no_grad()
    def encode(self, conditions: Conditions) -> Encoding:
        """Context and gates of a batch, on the encoder's device."""
        device = next(self.unet.parameters()).device
        return self.encoder(Conditions(*(x.to(device) for x in conditions)))

    @torch.no_grad()
    def latents(self, conditions: Conditions, clip_ids: list[str], params: SampleParams) -> torch.Tensor:
        """Latents (B,C,32,32) for the clips of `conditions`, in the scale of the autoencoder.

        A clip's noise depends on `params.seed` and its id only, drawn on the CPU whatever the device.
        Raises ValueError for guidance of a generator that never saw a clip without conditions.
        """
        if params.guidance != 1 and self.training.drop == 0:
            raise ValueError(
                f"sample.guidance is {params.guidance:g}, but the generator was trained with train_diffusion.drop 0; "
                "it knows no music without conditions: set sample.guidance to 1, or train with a drop such as 0.1"
            )
        encoding = self.encode(conditions)
        null = encoding.masked(torch.zeros(len(clip_ids), device=encoding.tokens.device))
        process = objectives.Process(self.training.objective, self.training.schedule, self.training.min_snr)
        sources = [torch.Generator().manual_seed(clip_seed(params.seed, clip)) for clip in clip_ids]
        size = (self.shape.channels, LATENT_SIZE, LATENT_SIZE)

        def noise() -> torch.Tensor:
            return torch.stack([torch.randn(size, generator=g) for g in sources]).to(encoding.tokens.device)

        def denoiser(given: Encoding) -> samplers.Denoiser:
            def network(z: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
                return self.unet(z, t, given.tokens, given.frames)

            return samplers.denoiser(network, process)

        denoise = samplers.guided(denoiser(encoding), denoiser(null), params.guidance)
        z = samplers.sample(params.sampler, denoise, noise, process, params.steps, params.sigma_max)
        return self.scale.restore(z)


def save_generator(folder: Path | str, generator: Generator) -> None:
    """Write encoder.safetensors, unet.safetensors and config.json."""
    folder = Path(folder)
    save_model(folder / "encoder.safetensors", generator.encoder.state_dict())
    save_model(folder / "unet.safetensors", generator.unet.state_dict())
    config = {
        "encoder": dataclasses.asdict(generator.encoder.params),
        "unet": dataclasses.asdict(generator.unet.params),
        "train_diffusion": dataclasses.asdict(generator.training),
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
        training = section(config, "train_diffusion", DiffusionParams)
        shape = section(config, "shape", Shape)
        scale = Scale(torch.tensor(config["latent_mean"]), torch.tensor(config["latent_std"]))
    except (ParamsError, KeyError) as error:
        raise ValueError(f"{Path(folder) / 'config.json'}: {error}; train the diffusion again") from None
    encoder, unet = build(encoder_params, unet_params, shape)
    load_weights(encoder, Path(folder) / "encoder.safetensors")
    load_weights(unet, Path(folder) / "unet.safetensors")
    return Generator(encoder, unet, training, shape, scale)
