"""Sampling: from the conditions of clips to latents (paper 4.3 and appendix A)."""

import dataclasses
import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from pace.clip import LATENT_SIZE
from pace.conditioning.hsf_encoder import Conditions, Encoding
from pace.diffusion.generator import Generator
from pace.diffusion.objectives import STEPS
from pace.pipeline.params import choice, limits
from pace.pose.skeleton import PARTS
from pace.sampling import samplers
from pace.training import accelerate


@dataclasses.dataclass(frozen=True)
class SampleParams:
    """Section `sample` of params.yaml."""

    sampler: str = choice(*samplers.SAMPLERS)
    steps: int = limits(1, STEPS)
    guidance: float = limits(0)
    sigma_max: float = limits(0)
    clip: float = limits(0)
    seed: int = limits()
    batch_size: int = limits(1)
    split: str = choice("test", "val")
    precision: str = choice(*accelerate.PRECISIONS)


def clip_seed(seed: int, clip_id: str) -> int:
    """Seed of one clip's noise. It does not depend on the clip's batch."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{clip_id}".encode()).digest()[:7], "big")


@torch.no_grad()
def sample_latents(
    generator: Generator, conditions: Conditions, clip_ids: list[str], params: SampleParams
) -> torch.Tensor:
    """Latents (B,C,32,32) for the clips of `conditions`, in the scale of the autoencoder.

    A clip's noise depends only on `params.seed` and the clip's id; it is drawn on the CPU whatever the device.
    Raises ValueError if guidance is asked of a generator that was never trained without conditions.
    """
    if params.guidance != 1 and generator.task.drop == 0:
        raise ValueError(
            f"sample.guidance is {params.guidance:g}, but the generator was trained with train_diffusion.drop 0; "
            "it cannot make music without conditions: set sample.guidance to 1, or train with a drop such as 0.1"
        )
    encoding = generator.encode(conditions)
    null = encoding.masked(torch.zeros(len(clip_ids), device=encoding.tokens.device))
    process = generator.task.process()
    device = next(generator.unet.parameters()).device
    sources = [torch.Generator().manual_seed(clip_seed(params.seed, clip)) for clip in clip_ids]
    size = (generator.shape.channels, LATENT_SIZE, LATENT_SIZE)

    def noise() -> torch.Tensor:
        drawn = torch.stack([torch.randn(size, generator=g) for g in sources])
        return drawn.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else drawn

    def denoiser(condition: Encoding) -> samplers.Denoiser:
        def network(z: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            return generator.predict(z, t, condition.tokens, condition.frames)

        return samplers.denoiser(network, process)

    guided = samplers.guided(denoiser(encoding), denoiser(null), params.guidance)
    denoise = samplers.clipped(guided, params.clip)
    z = samplers.sample(params.sampler, denoise, noise, process, params.steps, params.sigma_max)
    return generator.scale.restore(z)


def gate_arrays(encoding: Encoding, frames: int) -> dict[str, npt.NDArray[Any]]:
    """Part gates (B,N,5) and alpha (B,N), averaged over its width, of B clips of N frames; NaN if there are none."""
    batch = len(encoding.tokens)
    alpha = None if encoding.alpha is None else encoding.alpha.mean(dim=-1)
    parts_shape = (batch, frames, len(PARTS))

    def array(gate: torch.Tensor | None, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        if gate is None or gate.shape != shape:
            return np.full(shape, np.nan, np.float32)
        return gate.float().cpu().numpy()

    return {
        "gate_slow": array(encoding.gate_slow, parts_shape),
        "gate_fast": array(encoding.gate_fast, parts_shape),
        "alpha": array(alpha, (batch, frames)),
    }
