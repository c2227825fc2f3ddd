"""Samplers against Gaussian data, whose denoiser is known in closed form, and against diffusers."""

import itertools
import math

import pytest
import torch

from pace.generation import objectives, samplers

MEAN, STD = torch.tensor([1.5, -0.5]), torch.tensor([0.5, 2.0])
LEVELS = objectives.signal_levels("linear")


def gaussian(x, sigma):
    """Expected clean value of x = N(MEAN, STD^2) + sigma * noise, for x (n,2)."""
    share = STD**2 / (STD**2 + sigma**2)
    return MEAN + share.to(x.dtype) * (x - MEAN)


def source(shape, seed=0, dtype=torch.float32):
    g = torch.Generator().manual_seed(seed)
    return lambda: torch.randn(shape, generator=g, dtype=dtype)


def exact_flow(x, high):
    """Where the probability flow takes x from noise level `high` to 0."""
    return MEAN + (x - MEAN) * STD / (STD**2 + high**2).sqrt()


@pytest.mark.parametrize(
    ("name", "steps", "schedule"),
    [("ddpm", 1000, "linear"), ("ddpm", 1000, "cosine"), ("dpm++2m", 25, "linear"), ("dpm++2m", 25, "cosine")],
)
def test_samples_of_a_gaussian_have_its_mean_and_deviation(name, steps, schedule):
    levels = objectives.signal_levels(schedule)
    x = samplers.sample(name, gaussian, source((40_000, 2)), levels, steps, 80.0)
    # Four standard errors of 40,000 samples, and the solver's own error at 25 steps.
    torch.testing.assert_close(x.mean(0), MEAN, atol=0.04, rtol=0)
    torch.testing.assert_close(x.std(0), STD, rtol=0.03, atol=0)


def test_dpm_solver_is_of_second_order():
    errors = []
    for steps in (20, 40, 80):
        sigmas = samplers.karras_sigmas(steps, 0.02, 80.0)
        noise = source((500, 2), dtype=torch.float64)
        x = samplers.dpm_solver_2m(gaussian, noise, sigmas)
        truth = exact_flow(source((500, 2), dtype=torch.float64)() * 80.0, 80.0)
        # The last step, from 0.02 to 0, is exact to first order for every number of steps: take its error out.
        last = samplers.dpm_solver_2m(
            gaussian, source((500, 2), dtype=torch.float64), samplers.karras_sigmas(5000, 0.02, 80.0)
        )
        errors.append((x - last).square().mean().sqrt().item())
        assert (last - truth).abs().max() < 5e-3
    orders = [math.log2(a / b) for a, b in itertools.pairwise(errors)]
    assert all(order > 1.7 for order in orders), (errors, orders)


def test_error_at_the_default_steps():
    """Root mean square error of 25 Karras steps on unit Gaussian data: FACTS 10 measured .023."""
    sigmas = samplers.karras_sigmas(25, 0.01, 80.0)
    unit = lambda x, sigma: x / (1 + sigma**2)  # noqa: E731
    x = samplers.dpm_solver_2m(unit, source((2000, 2)), sigmas)
    truth = source((2000, 2))() * 80 / math.sqrt(1 + 80**2)
    assert (x - truth).square().mean().sqrt() < 0.03


def test_dpm_solver_is_that_of_diffusers():
    diffusers = pytest.importorskip("diffusers")
    scheduler = diffusers.DPMSolverMultistepScheduler(
        algorithm_type="dpmsolver++",
        solver_order=2,
        use_karras_sigmas=True,
        beta_schedule="linear",
        beta_start=1e-4,
        beta_end=0.02,
        final_sigmas_type="zero",
        lower_order_final=False,
        solver_type="midpoint",
    )
    scheduler.set_timesteps(25)
    start = source((1, 4, 8, 8))()

    def clean_of(x, sigma):
        return torch.tanh(x / (1 + sigma)) * 0.7

    z = start / math.sqrt(1 + float(scheduler.sigmas[0]) ** 2) * float(scheduler.sigmas[0])
    for i, t in enumerate(scheduler.timesteps):
        sigma = float(scheduler.sigmas[i])
        x = z * math.sqrt(1 + sigma**2)
        noise = (x - clean_of(x, sigma)) / sigma
        z = scheduler.step(noise, t, z).prev_sample
    ours = samplers.dpm_solver_2m(clean_of, lambda: start, [float(s) for s in scheduler.sigmas])
    torch.testing.assert_close(ours, z, atol=2e-3, rtol=1e-3)


def test_ancestral_step_is_the_ddpm_posterior():
    """One step in Z_t, with the textbook's coefficients (Ho et al. 2020, equation 7)."""
    t, g = 700, torch.Generator().manual_seed(0)
    now, before = LEVELS[t], LEVELS[t - 1]
    beta = 1 - now / before
    z_t, z_0, noise = torch.randn(3, 6, generator=g, dtype=torch.float64)
    mean = before.sqrt() * beta / (1 - now) * z_0 + (now / before).sqrt() * (1 - before) / (1 - now) * z_t
    expected = mean + ((1 - before) / (1 - now) * beta).sqrt() * noise
    sigmas = samplers.sigmas_of(LEVELS)
    draws = iter([z_t / now.sqrt() / sigmas[t], noise])
    seen = []

    def denoise(x, sigma):
        seen.append(x)
        return z_0

    samplers.ancestral(denoise, lambda: next(draws), [float(sigmas[t]), float(sigmas[t - 1]), 0.0])
    torch.testing.assert_close(seen[1] * before.sqrt(), expected)


def test_karras_levels():
    sigmas = samplers.karras_sigmas(25, 0.01, 80.0)
    assert len(sigmas) == 26 and sigmas[0] == pytest.approx(80) and sigmas[-2] == pytest.approx(0.01)
    assert sigmas[-1] == 0 and all(a > b for a, b in itertools.pairwise(sigmas))
    roots = torch.tensor(sigmas[:-1], dtype=torch.float64) ** (1 / 7)
    torch.testing.assert_close(roots.diff(), roots.diff()[:1].expand(24))


def test_guidance_extrapolates_from_the_unconditional():
    up, down = (lambda x, sigma: x + 1), (lambda x, sigma: x - 1)
    x = torch.zeros(3)
    assert samplers.guided(up, down, 1) is up
    assert samplers.guided(up, down, 0)(x, 1.0).tolist() == [-1, -1, -1]
    assert samplers.guided(up, down, 1.5)(x, 1.0).tolist() == [2, 2, 2]
