"""Samplers against data with a closed form: order of convergence, distribution, levels, guidance."""

import itertools
import math

import pytest
import torch
from helpers import gaussian_mixture
from helpers.gaussian_mixture import DEVIATIONS, MEANS, WEIGHTS, expected, responsibilities

from pace.diffusion import objectives
from pace.diffusion.objectives import ForwardProcess
from pace.sampling import samplers

FLOW, V = ForwardProcess("flow", "cosine", 0.0), ForwardProcess("v", "cosine", 0.0)


def source(count, seed=0):
    g = torch.Generator().manual_seed(seed)
    return lambda: torch.randn(count, 2, generator=g, dtype=torch.float64)


def even(steps, high=1.0):
    return [high * (1 - i / steps) for i in range(steps)] + [0.0]


def unit(z, t):
    """The denoiser of standard normal data, whose flow takes noise at t = 1 to the same value at t = 0."""
    return (1 - t) * z / ((1 - t) ** 2 + t**2)


def rms(x):
    return x.square().mean().sqrt().item()


def orders(solutions, truth):
    """Orders of convergence between successive solutions, by the median error: a few points lie near a watershed."""
    errors = [(z - truth).norm(dim=-1).median().item() for z in solutions]
    return [math.log2(a / b) for a, b in itertools.pairwise(errors)]


@pytest.fixture(scope="module")
def fine():
    """Where the probability flow of the mixture takes 500 noises, by 1,000 steps of the midpoint rule."""
    z = source(500)()
    times = torch.linspace(1, 0, 1001, dtype=torch.float64).tolist()
    for now, after in itertools.pairwise(times):
        middle = (now + after) / 2
        half = z + (middle - now) * (z - expected(z, now)) / now
        z = z + (after - now) * (half - expected(half, middle)) / middle
    return z


@pytest.mark.parametrize(("method", "order"), [(samplers.ddim, 1), (samplers.heun, 2)])
def test_order_of_convergence(method, order, fine):
    """Error against a fine solution from t = 1 to 0: halved by twice the steps at first order, quartered at second."""
    measured_orders = orders([method(expected, source(500), even(steps)) for steps in (25, 50, 100, 200)], fine)
    assert all(order - 0.15 < each < order + 0.3 for each in measured_orders), measured_orders


def test_dpm_solver_is_of_second_order():
    """Between two noise levels: the last step, from 0.01 to 0, is of first order whatever the number of steps."""
    *coarse, truth = (
        samplers.dpm_solver_2m(expected, source(500), samplers.karras_levels(steps, 0.01, 20.0))
        for steps in (40, 80, 160, 1600)
    )
    measured_orders = orders(coarse, truth)
    assert all(1.85 < each < 2.3 for each in measured_orders), measured_orders


@pytest.mark.parametrize(
    ("method", "bounds"),  # about a quarter over what was measured at 10, 25 and 50 evaluations
    [
        (samplers.ddim, (0.15, 0.07, 0.035)),
        (samplers.heun, (0.12, 0.02, 0.004)),
        (samplers.dpm_solver_2m, (0.06, 0.012, 0.0025)),
    ],
)
def test_error_at_few_evaluations(method, bounds, fine):
    for calls, bound in zip((10, 25, 50), bounds, strict=True):
        times = even((calls + 1) // 2 if method is samplers.heun else calls)
        assert rms(method(expected, source(500), times) - fine) < bound


def test_errors_at_the_default_steps():
    """On standard normal data at 25 and 50 steps; FACTS 10 measured .035 and .017 (DDIM), .023 and .005 (Karras)."""
    noise = source(2000)()

    def errors(name, process):
        samples = (samplers.sample(name, unit, lambda: noise.clone(), process, steps, 80.0) for steps in (25, 50))
        return [rms(z - noise) for z in samples]

    assert errors("dpm++2m", V) == [pytest.approx(0.020, abs=0.003), pytest.approx(0.0045, abs=0.001)]
    assert errors("ddim", V) == [pytest.approx(0.048, abs=0.004), pytest.approx(0.024, abs=0.002)]
    assert errors("dpm++2m-even", V) == [pytest.approx(0.002, abs=0.001), pytest.approx(0.0006, abs=0.0004)]
    assert errors("heun", FLOW) == [pytest.approx(0.0009, abs=0.0004), pytest.approx(0.0002, abs=0.0001)]


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "process", "steps"),
    [
        ("ddpm", ForwardProcess("epsilon", "linear", 0.0), 1000),
        ("ddpm", V, 500),
        ("ddpm", FLOW, 500),
        ("dpm++2m", V, 50),
        ("dpm++2m-even", V, 25),
        ("dpm++2m", FLOW, 25),
        ("ddim", V, 250),
        ("heun", V, 25),
        ("heun", FLOW, 25),
    ],
)
def test_samples_are_distributed_as_the_data(name, process, steps):
    """Share, mean and deviation of each component, told apart by the closed form, within four standard errors."""
    count = 3000
    z = samplers.sample(name, expected, source(count, seed=7), process, steps, 80.0)
    share = responsibilities(z, 0.0)
    weight = share.mean(0)
    mean = (share.T @ z) / share.sum(0)[:, None]
    square = (share[..., None] * (z[:, None] - mean).square()).mean(-1).sum(0) / share.sum(0)
    each = WEIGHTS * count
    assert ((weight - WEIGHTS).abs() < 4 * (WEIGHTS * (1 - WEIGHTS) / count).sqrt()).all(), weight
    assert ((mean - MEANS).abs() < 4 * (DEVIATIONS / each.sqrt())[:, None] + 0.01).all(), mean
    # A deviation's standard error is that of 2n values; 2 % for what is left of the solvers' errors.
    assert ((square.sqrt() / DEVIATIONS - 1).abs() < 4 / (4 * each).sqrt() + 0.02).all(), square.sqrt()


def test_the_closed_form_tells_components_apart():
    """The check above on drawn data, and that it sees data of other weights, means or deviations."""
    z = gaussian_mixture.draw(8000, seed=3)
    assert ((responsibilities(z, 0.0).mean(0) - WEIGHTS).abs() < 0.02).all()
    assert rms(expected(z, 1e-6) - z) < 1e-5
    assert rms(expected(z, 1 - 1e-9) - WEIGHTS @ MEANS) < 1e-6


def test_one_step_gives_the_expected_value():
    """From pure noise, one step of any sampler can only give the data's mean, and must."""
    for name in samplers.SAMPLERS:
        z = samplers.sample(name, expected, source(3), FLOW, 1, 80.0)
        torch.testing.assert_close(z, (WEIGHTS @ MEANS).expand(3, 2))


def test_ddim_is_the_limit_of_no_fresh_noise():
    """DDIM and DDPM differ in noise alone: with the share of fresh noise zero the textbook's steps agree."""
    levels = objectives.signal_levels("linear")
    now, after = levels[700], levels[600]
    z_t, z_0 = torch.randn(2, 3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rest = (z_t - now.sqrt() * z_0) / (1 - now).sqrt()
    wanted = after.sqrt() * z_0 + (1 - after).sqrt() * rest  # Song et al. 2021, equation 12, eta = 0
    t = samplers.schedule_levels("linear")[[700, 600]].tolist()
    scale = [math.hypot(1 - x, x) for x in t]
    seen = []

    def denoise(z, time):
        seen.append(z)
        return z_0

    samplers.ddim(denoise, lambda: z_t * scale[0] / t[0], [*t, 0.0])
    torch.testing.assert_close(seen[1] / scale[1], wanted)


def test_ddpm_step_is_the_posterior():
    """One step in Z_t, with the textbook's coefficients (Ho et al. 2020, equation 7)."""
    levels = objectives.signal_levels("linear")
    now, before = levels[700], levels[699]
    beta = 1 - now / before
    z_t, z_0, noise = torch.randn(3, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mean = before.sqrt() * beta / (1 - now) * z_0 + (now / before).sqrt() * (1 - before) / (1 - now) * z_t
    wanted = mean + ((1 - before) / (1 - now) * beta).sqrt() * noise
    t = samplers.schedule_levels("linear")[[700, 699]].tolist()
    scale = [math.hypot(1 - x, x) for x in t]
    draws = iter([z_t * scale[0] / t[0], noise])
    seen = []

    def denoise(z, time):
        seen.append(z)
        return z_0

    samplers.ddpm(denoise, lambda: next(draws), [*t, 0.0])
    torch.testing.assert_close(seen[1] / scale[1], wanted)


@pytest.mark.parametrize(
    ("name", "asked"), [("ddpm", 7), ("ddim", 7), ("dpm++2m", 7), ("dpm++2m-even", 7), ("heun", 13)]
)
@pytest.mark.parametrize("process", [FLOW, V], ids=["flow", "v"])
def test_how_often_a_sampler_asks(name, asked, process):
    calls = []

    def denoise(z, t):
        calls.append(t)
        return expected(z, t)

    samplers.sample(name, denoise, source(2), process, 7, 80.0)
    assert len(calls) == asked and min(calls) > 0
    assert max(calls) == calls[0] and (calls[0] == 1.0) == (process is FLOW)


def test_where_sampling_starts():
    """At the objective's own level where none is given, and never above the training's last, 157 of `linear`."""
    epsilon = ForwardProcess("epsilon", "linear", 0.0)
    for name in ("dpm++2m", "dpm++2m-even", "ddim", "heun"):
        starts = [samplers.spacing(name, process, 5, sigma)[0] for process in (epsilon, V) for sigma in (0.0, 40.0)]
        assert starts == pytest.approx([10 / 11, 40 / 41, 80 / 81, 40 / 41])
        assert samplers.spacing(name, epsilon, 5, 1e9)[0] == pytest.approx(157.4 / 158.4, abs=1e-4)


@pytest.mark.parametrize(
    ("sampler", "sigma_max", "unclipped", "clipped"),
    [("ddim", 1e9, 42.9, 1.13), ("ddpm", 1e9, 1.45, 0.97), ("dpm++2m", 1e9, 1.15, 1.14), ("dpm++2m", 0.0, 1.07, 1.07)],
)
def test_an_error_in_the_noise_is_bounded_by_clipping_and_by_the_start(sampler, sigma_max, unclipped, clipped):
    """The deviation of samples of standard normal data, from an epsilon network that is off by up to 0.3."""
    process = ForwardProcess("epsilon", "cosine", 0.0)

    def network(z, t):
        noise = (1 - process.signal[t.round().long()].double()).sqrt()[:, None]  # its amplitude in Z_t
        return noise * z + 0.3 * torch.sin(3 * z)

    for limit, expected_deviation in ((0.0, unclipped), (4.0, clipped)):
        denoise = samplers.clipped(samplers.denoiser(network, process), limit)
        z = samplers.sample(sampler, denoise, source(2000), process, 100, sigma_max)
        assert z.std().item() == pytest.approx(expected_deviation, rel=0.02)


def test_karras_levels():
    times = torch.tensor(samplers.karras_levels(25, 0.01, 80.0), dtype=torch.float64)
    assert len(times) == 26 and times[-1] == 0 and (times.diff() < 0).all()
    sigmas = times[:-1] / (1 - times[:-1])
    assert sigmas[0].item() == pytest.approx(80) and sigmas[-1].item() == pytest.approx(0.01)
    roots = sigmas ** (1 / 7)
    torch.testing.assert_close(roots.diff(), roots.diff()[:1].expand(24))


def test_levels_of_each_sampler():
    levels = samplers.schedule_levels("cosine")
    sigma = ((1 - objectives.signal_levels("cosine")) / objectives.signal_levels("cosine")).sqrt()
    torch.testing.assert_close(levels / (1 - levels), sigma)
    assert samplers.spacing("ddpm", V, 1000, 80.0) == [*levels.flip(0).tolist(), 0.0]
    assert samplers.spacing("ddpm", V, 4, 80.0) == [*levels[[999, 749, 499, 249]].tolist(), 0.0]
    assert len(set(samplers.spacing("ddpm", V, 999, 80.0))) == 1000
    assert samplers.spacing("dpm++2m", V, 9, 80.0) == pytest.approx(samplers.karras_levels(9, sigma[0].item(), 80.0))
    for name in ("heun", "ddim", "dpm++2m-even"):
        assert samplers.spacing(name, V, 4, 3.0) == pytest.approx([0.75, 0.5625, 0.375, 0.1875, 0])
        assert samplers.spacing(name, V, 2, 1e9)[0] == levels[-1]
    for name in samplers.SAMPLERS:
        assert samplers.spacing(name, FLOW, 4, 80.0) == [1.0, 0.75, 0.5, 0.25, 0.0]
    with pytest.raises(ValueError, match=r"'euler' is unknown; use one of dpm\+\+2m, .*ddpm"):
        samplers.spacing("euler", V, 4, 80.0)


def test_guidance_extrapolates_from_the_unconditional():
    up, down = (lambda z, t: z + 1), (lambda z, t: z - 1)
    z = torch.zeros(3)
    assert samplers.guided(up, down, 1) is up
    assert samplers.guided(up, down, 0)(z, 0.5).tolist() == [-1, -1, -1]
    assert samplers.guided(up, down, 1.5)(z, 0.5).tolist() == [2, 2, 2]


@pytest.mark.parametrize("objective", objectives.OBJECTIVES)
def test_guidance_of_denoisers_is_guidance_of_predictions(objective):
    process, z, t = ForwardProcess(objective, "linear", 0.0), torch.tensor([[0.3, -2.0]]), 0.6
    one, two = (lambda z, time: z.sin() + time / 1000), (lambda z, time: z.cos())
    both = samplers.guided(samplers.denoiser(one, process), samplers.denoiser(two, process), 2.5)
    mixed = samplers.denoiser(lambda z, time: two(z, time) + 2.5 * (one(z, time) - two(z, time)), process)
    torch.testing.assert_close(both(z, t), mixed(z, t), rtol=1e-5, atol=1e-5)
