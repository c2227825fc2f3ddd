"""Forward processes and training objectives of the diffusion (paper 4.3 and appendix A).

A number in brackets, such as (8), marks the paper's equation. (8) and (9) are the objective `epsilon`; the objectives
`v` and `flow` and the loss weights are ours.
"""

import dataclasses
import math

import torch

STEPS = 1000  # T of the forward process; the network's time runs from 0 to STEPS
SCHEDULES = ("linear", "scaled_linear", "cosine")
OBJECTIVES = ("epsilon", "v", "flow")


def signal_levels(schedule: str) -> torch.Tensor:
    """The share of the signal in the variance of Z_t after each step t, (1000,) float64, falling.

    It is the product of (1 - beta) over the steps so far, with the variance schedule beta of (9):

    - `linear`: Ho et al. 2020;
    - `scaled_linear`: linear in the square root of beta, Rombach et al. 2022;
    - `cosine`: Nichol and Dhariwal 2021, betas at most 0.999.
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
    """How training adds noise to latents, and what the network learns to predict.

    The objective decides both:

    - `epsilon` predicts the noise (8), in Z_t = sqrt(s) Z_0 + sqrt(1 - s) noise (9), where s is the schedule's signal
      level at step t, 0 to 999;
    - `v` predicts sqrt(s) noise - sqrt(1 - s) Z_0 in the same Z_t (Salimans and Ho 2022);
    - `flow` predicts noise - Z_0 in Z_t = (1 - r) Z_0 + r noise with r = t / 1000, the rectified flow of Liu et al.
      2023. It has no schedule.

    `min_snr` caps the signal-to-noise ratio in the loss weight (Hang et al. 2023); 0 weights all times alike.
    Times t are the network's, floats (B,); z, noise and predictions are (B,C,H,W). No method makes a GPU wait.
    Raises ValueError for an unknown objective or schedule.
    """

    objective: str
    schedule: str
    min_snr: float
    # Signal levels of the steps (1000,) float32; computed from the schedule if not given.
    signal: torch.Tensor = dataclasses.field(default_factory=lambda: torch.empty(0), repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise ValueError(f"objective {self.objective!r} is unknown; use one of {', '.join(OBJECTIVES)}")
        if not len(self.signal):
            object.__setattr__(self, "signal", signal_levels(self.schedule).float())

    def to(self, device: torch.device | str) -> "ForwardProcess":
        """The same process with its table of signal levels on `device`."""
        return dataclasses.replace(self, signal=self.signal.to(device))

    def times(self, uniform: torch.Tensor) -> torch.Tensor:
        """Training times (B,) at the quantiles `uniform` (B,), numbers in [0, 1), of their distribution.

        All whole steps are equally likely. For `flow` the times are 1000 r, logit(r) being standard normal (Esser et
        al. 2024).
        """
        if self.objective == "flow":
            r: torch.Tensor = torch.special.ndtri(uniform).sigmoid()
            return r * STEPS
        return (uniform * STEPS).floor().clamp(max=STEPS - 1)

    def _amplitudes(self, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Amplitudes (B,1,1,1) of signal and noise in Z_t."""
        if self.objective == "flow":
            r = t[:, None, None, None] / STEPS
            return 1 - r, r
        signal = self.signal[t.long()][:, None, None, None]
        return signal.sqrt(), (1 - signal).sqrt()

    def add_noise(self, z: torch.Tensor, noise: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Z_t, drawn in one step from Z_0 = z by the steps of (9) composed."""
        signal_amplitude, noise_amplitude = self._amplitudes(t)
        return signal_amplitude * z + noise_amplitude * noise

    def target(self, z: torch.Tensor, noise: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """What the network predicts from Z_t: the noise epsilon of (8), the velocity v, or the flow's d Z_t / d r."""
        if self.objective == "epsilon":
            return noise
        if self.objective == "flow":
            return noise - z
        signal_amplitude, noise_amplitude = self._amplitudes(t)
        return signal_amplitude * noise - noise_amplitude * z

    def weight(self, t: torch.Tensor) -> torch.Tensor:
        """Weight (B,) of each sample's loss: min(SNR, min_snr) times the factor that makes it the loss of Z_0.

        For `flow` SNR is ((1 - r) / r)^2, and an error in Z_0 is r times the error in the velocity: the weight is
        min((1 - r)^2, min_snr r^2). The logit-normal density of the times adds a weighting of its own.
        """
        if not self.min_snr:
            return torch.ones_like(t)
        if self.objective == "flow":
            r = t / STEPS
            return torch.minimum((1 - r).square(), self.min_snr * r.square())
        signal = self.signal[t.long()]
        snr = signal / (1 - signal)
        return snr.clamp(max=self.min_snr) / (snr if self.objective == "epsilon" else snr + 1)

    def loss(self, prediction: torch.Tensor, z: torch.Tensor, noise: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """(8) for each sample (B,): the weighted mean squared error of the prediction."""
        error = (prediction.float() - self.target(z, noise, t)).square().mean(dim=(1, 2, 3))
        return error * self.weight(t)
