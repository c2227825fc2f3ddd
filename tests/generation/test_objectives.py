"""Noise schedules and objectives against closed forms and diffusers."""

import math

import pytest
import torch

from pace.generation import objectives
from pace.generation.samplers import denoiser


@pytest.mark.parametrize("name", objectives.SCHEDULES)
def test_schedules_are_those_of_diffusers(name):
    diffusers = pytest.importorskip("diffusers")
    arguments = {
        "linear": {"beta_schedule": "linear"},
        "scaled_linear": {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012},
        "cosine": {"beta_schedule": "squaredcos_cap_v2"},
    }
    oracle = diffusers.DDPMScheduler(**arguments[name]).alphas_cumprod.double()
    torch.testing.assert_close(objectives.signal_levels(name), oracle, rtol=2e-3, atol=1e-7)


def test_schedule_ends():
    linear, cosine = objectives.signal_levels("linear"), objectives.signal_levels("cosine")
    assert linear[0].item() == pytest.approx(1 - 1e-4)
    assert linear[-1].item() == pytest.approx(4.04e-5, rel=0.01)
    assert cosine[499].item() == pytest.approx((math.cos((0.5 + 0.008) / 1.008 * math.pi / 2)) ** 2, rel=1e-2)
    assert (cosine.diff() < 0).all()
    with pytest.raises(ValueError, match="scaled_linear"):
        objectives.signal_levels("sigmoid")


def test_forward_process_keeps_the_variance_and_its_shares():
    g = torch.Generator().manual_seed(0)
    z, noise = torch.randn(2, 4, 1, 100, 100, generator=g)
    signal = torch.tensor([0.9, 0.5, 0.1, 0.01])
    noisy = objectives.add_noise(z, noise, signal)
    torch.testing.assert_close(noisy.flatten(1).var(1), torch.ones(4), atol=0.05, rtol=0)
    shares = (noisy * z).flatten(1).mean(1) ** 2
    torch.testing.assert_close(shares, signal, atol=0.03, rtol=0)


@pytest.mark.parametrize("objective", objectives.OBJECTIVES)
@pytest.mark.parametrize("step", [0, 300, 999])
def test_a_perfect_prediction_gives_the_clean_latents(objective, step):
    g = torch.Generator().manual_seed(1)
    z, noise = torch.randn(2, 2, 1, 4, 4, generator=g, dtype=torch.float64)
    levels = objectives.signal_levels("linear")
    signal = levels[[step, step]]
    sigma = math.sqrt((1 - levels[step]) / levels[step])
    asked = []

    def network(x, t):
        asked.append(t)
        torch.testing.assert_close(x, objectives.add_noise(z, noise, signal), rtol=1e-6, atol=1e-6)
        return objectives.target(objective, z, noise, signal)

    clean = denoiser(network, objective, levels)(z + sigma * noise, sigma)
    torch.testing.assert_close(clean, z, atol=1e-6 * (1 + sigma), rtol=0)
    torch.testing.assert_close(asked[0], torch.full((2,), float(step)), atol=1e-3, rtol=0)
    error = objectives.loss(objective, objectives.target(objective, z, noise, signal), z, noise, signal, 0)
    torch.testing.assert_close(error, torch.zeros(2, dtype=torch.float64), atol=1e-10, rtol=0)


def test_min_snr_weights():
    signal = torch.tensor([0.99, 0.5, 0.1])  # signal-to-noise ratios 99, 1, 1/9
    torch.testing.assert_close(objectives.min_snr_weight("epsilon", signal, 5), torch.tensor([5 / 99, 1, 1]))
    torch.testing.assert_close(objectives.min_snr_weight("v", signal, 5), torch.tensor([5 / 100, 0.5, 0.1]))
    torch.testing.assert_close(objectives.min_snr_weight("v", signal, 0), torch.ones(3))
