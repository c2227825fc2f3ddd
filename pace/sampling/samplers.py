"""Samplers: pure functions over noise levels that reverse the diffusion (paper appendix A, equation 10).

`ddpm` is equation 10, the paper's sampler; the others are ours and need fewer steps.

All samplers work on z = (1 - t) Z_0 + t noise, the scale of the rectified flow, whose noise level t falls from 1, pure
noise, to 0. A variance-preserving process differs from it only in scale, so every sampler serves every objective.
sigma = t / (1 - t) is the noise in standard deviations of the latents, as in Karras et al. 2022.

The arguments of a sampler:

- `denoise` maps (z, t) to the expected Z_0; t is a float;
- `noise` returns a fresh noise tensor of z's shape at each call; the first one is the start;
- `levels` are falling noise levels, the last of them 0.
"""

import itertools
import math
from collections.abc import Callable

import torch

from pace.diffusion.objectives import STEPS, ForwardProcess, signal_levels

Denoiser = Callable[[torch.Tensor, float], torch.Tensor]
Network = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
Noise = Callable[[], torch.Tensor]

# Where sampling starts, in standard deviations of the latents, by objective (docs/choices.md). An epsilon network's
# error of e deviations is one of e sigma in Z_0, so it starts as low as the latents' own spread allows. A v network
# predicts -Z_0 itself where all is noise, and starts close to that.
SIGMA_MAX = {"epsilon": 10.0, "v": 80.0}


def schedule_levels(schedule: str) -> torch.Tensor:
    """The noise level of each training step of a variance-preserving process, (1000,) float64, rising."""
    signal = signal_levels(schedule)
    noise = (1 - signal).sqrt()
    return noise / (signal.sqrt() + noise)


def denoiser(network: Network, process: ForwardProcess) -> Denoiser:
    """Wrap a network that predicts the target of `process` from (Z_t, time (B,)) as a denoiser.

    A variance-preserving network is evaluated at the training step with the same ratio of noise to signal, which is
    interpolated in log sigma between two steps.
    """
    if process.objective == "flow":
        return lambda z, t: z - t * _predict(network, z, t * STEPS)
    log_sigmas = schedule_levels(process.schedule).logit()

    def denoise(z: torch.Tensor, t: float) -> torch.Tensor:
        norm = math.hypot(1 - t, t)
        prediction = _predict(network, z / norm, _fractional_index(math.log(t / (1 - t)), log_sigmas))
        if process.objective == "epsilon":
            return (z - t * prediction) / (1 - t)
        return ((1 - t) / norm * z - t * prediction) / norm

    return denoise


def _predict(network: Network, z: torch.Tensor, time: float) -> torch.Tensor:
    """The network's prediction for a batch in which every clip has the same time."""
    return network(z, torch.full(z.shape[:1], time, device=z.device)).to(z.dtype)


def _fractional_index(value: float, rising: torch.Tensor) -> float:
    """Fractional index of `value` in a rising sequence, clamped to its ends."""
    high = min(max(int(torch.searchsorted(rising, value)), 1), len(rising) - 1)
    low, top = float(rising[high - 1]), float(rising[high])
    return high - 1 + min(max((value - low) / (top - low), 0.0), 1.0)


def guided(conditional: Denoiser, unconditional: Denoiser, scale: float) -> Denoiser:
    """Classifier-free guidance (Ho and Salimans 2022); a scale of 1 returns the conditional denoiser."""
    if scale == 1:
        return conditional

    def denoise(z: torch.Tensor, t: float) -> torch.Tensor:
        base = unconditional(z, t)
        return base + scale * (conditional(z, t) - base)

    return denoise


def clipped(denoise: Denoiser, limit: float) -> Denoiser:
    """The denoiser with its estimates of Z_0 kept within +-`limit`, in standard deviations of the latents; 0: as it is.

    Near pure noise an epsilon network's estimate is its error divided by a vanishing signal. Ho et al. 2020 clip it to
    the range of the pixels; latents have no range, so the limit is a parameter.
    """
    return (lambda z, t: denoise(z, t).clamp(-limit, limit)) if limit else denoise


def karras_levels(count: int, low: float, high: float, rho: float = 7.0) -> list[float]:
    """`count` levels whose sigma falls from `high` to `low` as in Karras et al. 2022, their equation 5, and 0."""
    ramp = torch.linspace(0, 1, count, dtype=torch.float64)
    sigmas = (high ** (1 / rho) + ramp * (low ** (1 / rho) - high ** (1 / rho))) ** rho
    return [*(sigmas / (1 + sigmas)).tolist(), 0.0]


def ddpm(denoise: Denoiser, noise: Noise, levels: list[float]) -> torch.Tensor:
    """Ancestral sampling, equation 10 (Ho et al. 2020), with the exact posterior of each step as its Gaussian.

    In x = z / (1 - t) the posterior q(x_next | x, Z_0) has the mean Z_0 + k (x - Z_0) and the variance
    sigma_next^2 (1 - k), with k = (sigma_next / sigma)^2.
    """
    z = noise() * levels[0]
    for now, after in itertools.pairwise(levels):
        clean = denoise(z, now)
        ratio = after * (1 - now) / (now * (1 - after))
        z = (1 - after) * clean + ratio * after / now * (z - (1 - now) * clean)
        if after > 0:
            z = z + after * math.sqrt(1 - ratio**2) * noise()
    return z


def ddim(denoise: Denoiser, noise: Noise, levels: list[float]) -> torch.Tensor:
    """Deterministic DDIM (Song et al. 2021, eta = 0): Euler's method along the flow dz/dt = (z - Z_0) / t."""
    z = noise() * levels[0]
    for now, after in itertools.pairwise(levels):
        clean = denoise(z, now)
        z = clean + after / now * (z - clean)
    return z


def heun(denoise: Denoiser, noise: Noise, levels: list[float]) -> torch.Tensor:
    """Heun's method of second order along the flow dz/dt = (z - Z_0) / t.

    Every step evaluates the denoiser twice, except the last one: a denoiser does not define the slope at t = 0.
    """
    z = noise() * levels[0]
    for now, after in itertools.pairwise(levels):
        slope = (z - denoise(z, now)) / now
        ahead = z + (after - now) * slope
        if after > 0:
            slope = (slope + (ahead - denoise(ahead, after)) / after) / 2
            ahead = z + (after - now) * slope
        z = ahead
    return z


def dpm_solver_2m(denoise: Denoiser, noise: Noise, levels: list[float]) -> torch.Tensor:
    """DPM-Solver++(2M) (Lu et al. 2022, algorithm 2) over the half log signal-to-noise ratio, log((1 - t) / t).

    The first and the last step, to 0, are of first order; so is the second one if the first starts at t = 1.
    """
    z = noise() * levels[0]
    previous: torch.Tensor | None = None
    last_step = 0.0
    for now, after in itertools.pairwise(levels):
        clean = denoise(z, now)
        if after == 0:
            return clean
        ratio = after * (1 - now) / (now * (1 - after))  # exp(-step); 0 from t = 1
        step = -math.log(ratio) if ratio else math.inf
        extrapolated = clean
        if previous is not None:
            share = step / (2 * last_step)
            extrapolated = (1 + share) * clean - share * previous
        z = after / now * z + (1 - after) * (1 - ratio) * extrapolated
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


def highest_level(process: ForwardProcess, sigma_max: float) -> float:
    """The noise level at which the samplers of a variance-preserving process start, but for `ddpm`.

    It is that of `sigma_max`, or with 0 the one that suits the objective (SIGMA_MAX), and at most the training's last.
    """
    sigma = sigma_max or SIGMA_MAX[process.objective]
    return min(float(schedule_levels(process.schedule)[-1]), sigma / (1 + sigma))


def spacing(name: str, process: ForwardProcess, steps: int, sigma_max: float) -> list[float]:
    """The noise levels of `steps` steps, falling to 0.

    - A flow's levels are evenly spaced from 1, whatever the sampler.
    - With a variance-preserving process, `ddpm` takes the levels of the training in even strides, starting from the
      highest (all of them if `steps` is 1000).
    - The other samplers start at `highest_level`. `dpm++2m` spaces sigma as Karras et al. do; the rest space t evenly.

    Raises ValueError for an unknown sampler.
    """
    if name not in METHODS:
        raise ValueError(f"sampler {name!r} is unknown; use one of {', '.join(SAMPLERS)}")
    if process.objective == "flow":
        return _even(1.0, steps)
    levels = schedule_levels(process.schedule)
    if name == "ddpm":
        ends = torch.arange(steps, 0, -1, dtype=torch.float64) * (STEPS / steps)
        return [*levels[ends.round().long() - 1].tolist(), 0.0]
    high = highest_level(process, sigma_max)
    if name == "dpm++2m":
        return karras_levels(steps, *(t / (1 - t) for t in (float(levels[0]), high)))
    return _even(high, steps)


def _even(high: float, steps: int) -> list[float]:
    return [high * (1 - i / steps) for i in range(steps)] + [0.0]


def sample(
    name: str, denoise: Denoiser, noise: Noise, process: ForwardProcess, steps: int, sigma_max: float = 0.0
) -> torch.Tensor:
    """Draw samples with the sampler `name` over the noise levels of `spacing`."""
    levels = spacing(name, process, steps, sigma_max)
    return METHODS[name](denoise, noise, levels)
