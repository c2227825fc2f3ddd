"""Forward processes and training objectives of the diffusion (paper equation 8 and appendix A)."""

import dataclasses
import math

import torch

STEPS = 1000  # of the forward process; the network's time runs from 0 to STEPS
SCHEDULES = ("linear", "scaled_linear", "cosine")
OBJECTIVES = ("epsilon", "v", "flow")


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


@dataclasses.dataclass(frozen=True)
class ForwardProcess:
    """What is done to latents in training, and what the network learns of it.

    `epsilon` (the paper's equation 8) and `v` (Salimans and Ho 2022) keep the variance: Z_t is
    sqrt(s) Z_0 + sqrt(1 - s) noise with the signal level s of the schedule at step t, 0 to 999. `flow` is the rectified
    flow of Liu et al. 2023, (1 - r) Z_0 + r noise with r = t / 1000; it has no schedule.
    `min_snr` caps the signal-to-noise ratio in the loss weight (Hang et al. 2023); 0 weights all times alike.

    Times t are the network's, floats (B,); z, noise and predictions are (B,C,H,W). Nothing here makes a GPU wait.
    Raises ValueError for an unknown objective or schedule.
    """

    objective: str
    schedule: str
    min_snr: float
    signal: torch.Tensor | None = dataclasses.field(default=None, repr=False, compare=False)  # (1000,) float32

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise ValueError(f"objective {self.objective!r} is unknown; use one of {', '.join(OBJECTIVES)}")
        if self.signal is None:
            object.__setattr__(self, "signal", signal_levels(self.schedule).float())

    def to(self, device: torch.device | str) -> "ForwardProcess":
        """The same process with its table on `device`."""
        return dataclasses.replace(self, signal=self.signal.to(device))

    def times(self, uniform: torch.Tensor) -> torch.Tensor:
        """Map numbers (B,) that are uniform in [0, 1) to training times, by the quantiles of their distribution.

        Whole steps, all equally likely; for `flow` 1000 r with logit(r) standard normal (Esser et al. 2024).
        """
        if self.objective == "flow":
            return torch.special.ndtri(uniform).sigmoid() * STEPS
        return (uniform * STEPS).floor().clamp(max=STEPS - 1)

    def _shares(self, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Amplitudes (B,1,1,1) of signal and noise in Z_t."""
        if self.objective == "flow":
            share = t[:, None, None, None] / STEPS
            return 1 - share, share
        signal = self.signal[t.long()][:, None, None, None]
        return signal.sqrt(), (1 - signal).sqrt()

    def add_noise(self, z: torch.Tensor, noise: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Z_t of the forward process (equation 9)."""
        signal, share = self._shares(t)
        return signal * z + share * noise

    def target(self, z: torch.Tensor, noise: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """What the network predicts from Z_t: the noise, the velocity v, or the flow's velocity d Z_t / d r."""
        if self.objective == "epsilon":
            return noise
        if self.objective == "flow":
            return noise - z
        signal, share = self._shares(t)
        return signal * noise - share * z

    def weight(self, t: torch.Tensor) -> torch.Tensor:
        """Weight (B,) of a sample's loss: min(SNR, min_snr) times what turns it into the loss of predicting Z_0.

        For `flow` the ratio is ((1 - r) / r)^2 and an error of Z_0 is r times one of the velocity: the weight is
        min((1 - r)^2, min_snr r^2). The logit-normal density of the times weights too, with and without it.
        """
        if not self.min_snr:
            return torch.ones_like(t)
        if self.objective == "flow":
            share = t / STEPS
            return torch.minimum((1 - share).square(), self.min_snr * share.square())
        signal = self.signal[t.long()]
        ratio = signal / (1 - signal)
        return ratio.clamp(max=self.min_snr) / (ratio if self.objective == "epsilon" else ratio + 1)

    def loss(self, prediction: torch.Tensor, z: torch.Tensor, noise: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Weighted mean squared error of each sample (B,)."""
        error = (prediction.float() - self.target(z, noise, t)).square().mean(dim=(1, 2, 3))
        return error * self.weight(t)
