"""Samplers: pure functions over noise levels.

They work on z = (1 - t) Z_0 + t noise, whose level t runs from 1, noise alone, to 0: the scale of the rectified flow.
Processes that keep the variance differ from it only in scale, so every sampler serves every objective.
sigma = t / (1 - t) is the noise in standard deviations of the latents, as Karras et al. 2022 count it.

A denoiser maps (z, t) to the expected Z_0; t is a float. `times` are falling levels, the last of them 0. Noise comes
from a callable that returns a fresh tensor of z's shape at each call; the first is the start.
"""

import itertools
import math
from collections.abc import Callable

import torch

from pace.diffusion.objectives import STEPS, Process, signal_levels

Denoiser = Callable[[torch.Tensor, float], torch.Tensor]
Network = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
Noise = Callable[[], torch.Tensor]


def schedule_times(schedule: str) -> torch.Tensor:
    """The noise level t of each training step (1000,) float64, rising."""
    signal = signal_levels(schedule)
    noise = (1 - signal).sqrt()
    return noise / (signal.sqrt() + noise)


def denoiser(network: Network, process: Process) -> Denoiser:
    """Wrap a network of `process`, which predicts from (Z_t, time (B,)), as a denoiser.

    A variance-preserving network is asked at the step with the same ratio of noise to signal; between two steps it is
    interpolated in log sigma.
    """
    if process.objective == "flow":
        return lambda z, t: z - t * _ask(network, z, t * STEPS)
    log_sigmas = schedule_times(process.schedule).logit()

    def denoise(z: torch.Tensor, t: float) -> torch.Tensor:
        norm = math.hypot(1 - t, t)
        prediction = _ask(network, z / norm, _interpolate(math.log(t / (1 - t)), log_sigmas))
        if process.objective == "epsilon":
            return (z - t * prediction) / (1 - t)
        return ((1 - t) / norm * z - t * prediction) / norm

    return denoise


def _ask(network: Network, z: torch.Tensor, time: float) -> torch.Tensor:
    return network(z, torch.full(z.shape[:1], time, device=z.device)).to(z.dtype)


def _interpolate(value: float, rising: torch.Tensor) -> float:
    """Fractional index of `value` in a rising sequence, clamped to its ends."""
    high = min(max(int(torch.searchsorted(rising, value)), 1), len(rising) - 1)
    low, top = float(rising[high - 1]), float(rising[high])
    return high - 1 + min(max((value - low) / (top - low), 0.0), 1.0)


def guided(conditional: Denoiser, unconditional: Denoiser, scale: float) -> Denoiser:
    """Classifier-free guidance (Ho and Salimans 2022); scale 1 is the conditional denoiser itself."""
    if scale == 1:
        return conditional

    def denoise(z: torch.Tensor, t: float) -> torch.Tensor:
        base = unconditional(z, t)
        return base + scale * (conditional(z, t) - base)

    return denoise


def karras_times(count: int, low: float, high: float, rho: float = 7.0) -> list[float]:
    """`count` levels whose sigma falls from high to low after Karras et al. 2022 (equation 5), and 0."""
    ramp = torch.linspace(0, 1, count, dtype=torch.float64)
    sigmas = (high ** (1 / rho) + ramp * (low ** (1 / rho) - high ** (1 / rho))) ** rho
    return [*(sigmas / (1 + sigmas)).tolist(), 0.0]


def ddpm(denoise: Denoiser, noise: Noise, times: list[float]) -> torch.Tensor:
    """Ancestral sampling (Ho et al. 2020) with the exact posterior of each step.

    In x = z / (1 - t) the posterior q(x_next | x, Z_0) has the mean Z_0 + k (x - Z_0) and the variance
    sigma_next^2 (1 - k), with k = (sigma_next / sigma)^2.
    """
    z = noise() * times[0]
    for now, after in itertools.pairwise(times):
        clean = denoise(z, now)
        ratio = after * (1 - now) / (now * (1 - after))
        z = (1 - after) * clean + ratio * after / now * (z - (1 - now) * clean)
        if after > 0:
            z = z + after * math.sqrt(1 - ratio**2) * noise()
    return z


def ddim(denoise: Denoiser, noise: Noise, times: list[float]) -> torch.Tensor:
    """Deterministic DDIM (Song et al. 2021, eta = 0), which is Euler's method along the flow dz/dt = (z - Z_0) / t."""
    z = noise() * times[0]
    for now, after in itertools.pairwise(times):
        clean = denoise(z, now)
        z = clean + after / now * (z - clean)
    return z


def heun(denoise: Denoiser, noise: Noise, times: list[float]) -> torch.Tensor:
    """Heun's method of second order along the flow dz/dt = (z - Z_0) / t.

    Every step asks the denoiser twice, but for the last: the slope at t = 0 is not defined by a denoiser.
    """
    z = noise() * times[0]
    for now, after in itertools.pairwise(times):
        slope = (z - denoise(z, now)) / now
        ahead = z + (after - now) * slope
        if after > 0:
            slope = (slope + (ahead - denoise(ahead, after)) / after) / 2
            ahead = z + (after - now) * slope
        z = ahead
    return z


def dpm_solver_2m(denoise: Denoiser, noise: Noise, times: list[float]) -> torch.Tensor:
    """DPM-Solver++(2M) (Lu et al. 2022, algorithm 2) over the half log signal-to-noise ratio, log((1 - t) / t).

    The first step and the last, to 0, are of first order; from t = 1 the second too.
    """
    z = noise() * times[0]
    previous, last_step = None, 0.0
    for now, after in itertools.pairwise(times):
        clean = denoise(z, now)
        if after == 0:
            return clean
        ratio = after * (1 - now) / (now * (1 - after))  # exp(-step); 0 from t = 1
        step = -math.log(ratio) if ratio else math.inf
        data = clean
        if previous is not None:
            share = step / (2 * last_step)
            data = (1 + share) * clean - share * previous
        z = after / now * z + (1 - after) * (1 - ratio) * data
        previous, last_step = clean, step
    return z


METHODS = {
    "dpm++2m": dpm_solver_2m,
    "dpm++2m-even": dpm_solver_2m,
    "ddim": ddim,
    "heun": heun,
    "ddpm": ddpm,
}
SAMPLERS = tuple(METHODS)


def spacing(name: str, process: Process, steps: int, sigma_max: float) -> list[float]:
    """The levels of `steps` steps, falling to 0.

    A flow's run evenly from 1, whatever the sampler. With a variance-preserving process `ddpm` takes the training's own
    levels, in even strides from the last (all of them for steps = 1000). The others start at `sigma_max` or the
    training's highest level, whichever is lower: at the last levels the noise that an epsilon network predicts tells
    hardly anything of Z_0. `dpm++2m` spaces sigma after Karras, the rest space t evenly.
    Raises ValueError for an unknown sampler.
    """
    if name not in METHODS:
        raise ValueError(f"sampler {name!r} is unknown; use one of {', '.join(SAMPLERS)}")
    if process.objective == "flow":
        return _even(1.0, steps)
    levels = schedule_times(process.schedule)
    if name == "ddpm":
        ends = torch.arange(steps, 0, -1, dtype=torch.float64) * (STEPS / steps)
        return [*levels[ends.round().long() - 1].tolist(), 0.0]
    high = min(float(levels[-1]), sigma_max / (1 + sigma_max))
    if name == "dpm++2m":
        return karras_times(steps, *(t / (1 - t) for t in (float(levels[0]), high)))
    return _even(high, steps)


def _even(high: float, steps: int) -> list[float]:
    return [high * (1 - i / steps) for i in range(steps)] + [0.0]


def sample(name: str, denoise: Denoiser, noise: Noise, process: Process, steps: int, sigma_max: float) -> torch.Tensor:
    """Draw samples with the sampler `name` over its own levels."""
    levels = spacing(name, process, steps, sigma_max)
    return METHODS[name](denoise, noise, levels)
