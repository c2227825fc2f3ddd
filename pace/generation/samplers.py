"""Samplers: pure functions over noise levels.

They work on x = Z_t / sqrt(signal level) = Z_0 + sigma * noise. A denoiser maps (x, sigma) to the expected Z_0;
sigma is a float. Noise comes from a callable that returns a fresh tensor of x's shape at each call.
"""

import itertools
import math
from collections.abc import Callable

import torch

Denoiser = Callable[[torch.Tensor, float], torch.Tensor]
SAMPLERS = ("dpm++2m", "ddpm")


def sigmas_of(signal: torch.Tensor) -> torch.Tensor:
    """Noise level sqrt((1 - s) / s) of each signal level s."""
    return ((1 - signal) / signal).sqrt()


def denoiser(
    network: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], objective: str, signal: torch.Tensor
) -> Denoiser:
    """Wrap a network that predicts `objective` from (Z_t, t (B,)) as a denoiser.

    `signal` are the training's signal levels; t of a noise level between two of them is interpolated in log sigma.
    """
    log_sigmas = sigmas_of(signal.cpu()).log()

    def denoise(x: torch.Tensor, sigma: float) -> torch.Tensor:
        scale = 1 / math.sqrt(1 + sigma**2)
        t = torch.full(x.shape[:1], _interpolate(math.log(sigma), log_sigmas), device=x.device)
        prediction = network(x * scale, t).float()
        if objective == "epsilon":
            return x - sigma * prediction
        return x * scale**2 - prediction * sigma * scale

    return denoise


def _interpolate(value: float, rising: torch.Tensor) -> float:
    """Fractional index of `value` in a rising sequence, clamped to its ends."""
    high = min(max(int(torch.searchsorted(rising, value)), 1), len(rising) - 1)
    low, top = float(rising[high - 1]), float(rising[high])
    return high - 1 + min(max((value - low) / (top - low), 0.0), 1.0)


def guided(conditional: Denoiser, unconditional: Denoiser, scale: float) -> Denoiser:
    """Classifier-free guidance (Ho and Salimans 2022); scale 1 is the conditional denoiser itself."""
    if scale == 1:
        return conditional

    def denoise(x: torch.Tensor, sigma: float) -> torch.Tensor:
        base = unconditional(x, sigma)
        return base + scale * (conditional(x, sigma) - base)

    return denoise


def karras_sigmas(count: int, low: float, high: float, rho: float = 7.0) -> list[float]:
    """`count` falling noise levels from high to low, and 0 (Karras et al. 2022, equation 5)."""
    ramp = torch.linspace(0, 1, count, dtype=torch.float64)
    sigmas = (high ** (1 / rho) + ramp * (low ** (1 / rho) - high ** (1 / rho))) ** rho
    return [*sigmas.tolist(), 0.0]


def ancestral(denoise: Denoiser, noise: Callable[[], torch.Tensor], sigmas: list[float]) -> torch.Tensor:
    """DDPM sampling (Ho et al. 2020) with the exact posterior of each step; `sigmas` fall to 0.

    In x, the posterior q(x_next | x, x_0) has the mean x_0 + (next / now)^2 (x - x_0) and the variance
    next^2 (1 - (next / now)^2).
    """
    x = noise() * sigmas[0]
    for now, after in itertools.pairwise(sigmas):
        clean = denoise(x, now)
        share = (after / now) ** 2
        x = clean + share * (x - clean)
        if after > 0:
            x = x + after * math.sqrt(1 - share) * noise()
    return x


def dpm_solver_2m(denoise: Denoiser, noise: Callable[[], torch.Tensor], sigmas: list[float]) -> torch.Tensor:
    """DPM-Solver++(2M) (Lu et al. 2022, algorithm 2) over the half log signal-to-noise ratio; `sigmas` fall to 0.

    The first step and the last, to 0, are of first order.
    """
    x = noise() * sigmas[0]
    previous, last_step = None, 0.0
    for now, after in itertools.pairwise(sigmas):
        clean = denoise(x, now)
        if after == 0:
            return clean
        step = math.log(now / after)
        data = clean
        if previous is not None:
            ratio = last_step / step
            data = (1 + 1 / (2 * ratio)) * clean - previous / (2 * ratio)
        x = (after / now) * x - math.expm1(-step) * data
        previous, last_step = clean, step
    return x


def sample(
    name: str,
    denoise: Denoiser,
    noise: Callable[[], torch.Tensor],
    signal: torch.Tensor,
    steps: int,
    sigma_max: float,
) -> torch.Tensor:
    """Draw samples with the sampler `name`.

    `ddpm` takes `steps` of the training's own noise levels, all of them for steps = 1000; `dpm++2m` spaces its
    levels after Karras, from `sigma_max` or the training's highest level, whichever is lower.
    """
    levels = sigmas_of(signal.cpu())
    if name == "ddpm":
        index = torch.linspace(len(levels) - 1, 0, steps, dtype=torch.float64).round().long()
        return ancestral(denoise, noise, [*levels[index].tolist(), 0.0])
    high = min(float(levels[-1]), sigma_max)
    return dpm_solver_2m(denoise, noise, karras_sigmas(steps, float(levels[0]), high))
