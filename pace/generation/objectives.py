"""Forward process, noise schedules and training objectives of the diffusion (paper equation 8 and appendix A)."""

import math

import torch

STEPS = 1000  # of the forward process
SCHEDULES = ("linear", "scaled_linear", "cosine")
OBJECTIVES = ("epsilon", "v")


def signal_levels(schedule: str) -> torch.Tensor:
    """The share of the signal's variance after each step, prod(1 - beta) (1000,) float64, falling.

    `linear`: Ho et al. 2020; `scaled_linear`: linear in the square root of beta, Rombach et al. 2022;
    `cosine`: Nichol and Dhariwal 2021, betas at most 0.999.
    """
    steps = torch.arange(STEPS, dtype=torch.float64)
    if schedule == "linear":
        betas = torch.linspace(1e-4, 0.02, STEPS, dtype=torch.float64)
    elif schedule == "scaled_linear":
        betas = torch.linspace(0.00085**0.5, 0.012**0.5, STEPS, dtype=torch.float64) ** 2
    elif schedule == "cosine":
        before, after = (_cosine(s / STEPS) for s in (steps, steps + 1))
        betas = (1 - after / before).clamp(max=0.999)
    else:
        raise ValueError(f"schedule {schedule!r} is unknown; use one of {', '.join(SCHEDULES)}")
    return (1 - betas).cumprod(dim=0)


def _cosine(time: torch.Tensor) -> torch.Tensor:
    return torch.cos((time + 0.008) / 1.008 * math.pi / 2) ** 2


def add_noise(z: torch.Tensor, noise: torch.Tensor, signal: torch.Tensor) -> torch.Tensor:
    """Z_t of the forward process (equation 9): z and noise (B,C,H,W), `signal` (B,) the signal level of each."""
    signal = signal[:, None, None, None]
    return signal.sqrt() * z + (1 - signal).sqrt() * noise


def target(objective: str, z: torch.Tensor, noise: torch.Tensor, signal: torch.Tensor) -> torch.Tensor:
    """What the network predicts: the noise (equation 8), or the velocity of Salimans and Ho 2022."""
    if objective == "epsilon":
        return noise
    signal = signal[:, None, None, None]
    return signal.sqrt() * noise - (1 - signal).sqrt() * z


def min_snr_weight(objective: str, signal: torch.Tensor, gamma: float) -> torch.Tensor:
    """Weight (B,) of a sample's loss that caps the signal-to-noise ratio at gamma (Hang et al. 2023); 0: all ones."""
    if not gamma:
        return torch.ones_like(signal)
    ratio = signal / (1 - signal)
    return ratio.clamp(max=gamma) / (ratio if objective == "epsilon" else ratio + 1)


def loss(
    objective: str, prediction: torch.Tensor, z: torch.Tensor, noise: torch.Tensor, signal: torch.Tensor, gamma: float
) -> torch.Tensor:
    """Weighted mean squared error of each sample (B,)."""
    error = (prediction.float() - target(objective, z, noise, signal)).square().mean(dim=(1, 2, 3))
    return error * min_snr_weight(objective, signal, gamma)
