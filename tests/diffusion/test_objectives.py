"""Noise schedules, forward processes and objectives against closed forms and diffusers."""

import math
import statistics

import pytest
import torch
from helpers.gaussian_mixture import draw, expected

from pace.diffusion import objectives
from pace.diffusion.objectives import ForwardProcess
from pace.sampling.samplers import denoiser, schedule_levels

STRATA = (torch.arange(20_000, dtype=torch.float32) + 0.5) / 20_000


def tensors(count=6, seed=0, dtype=torch.float32):
    return torch.randn(2, count, 2, 3, 4, generator=torch.Generator().manual_seed(seed), dtype=dtype)


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


def test_unknown_names_are_errors_that_list_the_known():
    with pytest.raises(ValueError, match="'sigmoid' is unknown; use one of linear, scaled_linear, cosine"):
        objectives.signal_levels("sigmoid")
    with pytest.raises(ValueError, match="'x0' is unknown; use one of epsilon, v, flow"):
        ForwardProcess("x0", "cosine", 0.0)


@pytest.mark.parametrize("objective", ["epsilon", "v"])
@pytest.mark.parametrize("gamma", [0.0, 5.0])
def test_times_and_losses_of_epsilon_and_v_to_the_bit(objective, gamma):
    """Spelled out with whole steps as indices, in single precision: what runs of before were trained with."""
    process = ForwardProcess(objective, "cosine", gamma)
    uniform = torch.rand(6, generator=torch.Generator().manual_seed(3))
    step = (uniform * 1000).long()
    t = process.times(uniform)
    assert t.dtype == torch.float32 and torch.equal(t, step.float())
    (z, noise), prediction = tensors(), tensors(seed=1)[0]
    signal = objectives.signal_levels("cosine").float()[step]
    share = signal[:, None, None, None]
    assert torch.equal(process.add_noise(z, noise, t), share.sqrt() * z + (1 - share).sqrt() * noise)
    target = noise if objective == "epsilon" else share.sqrt() * noise - (1 - share).sqrt() * z
    error = (prediction - target).square().mean(dim=(1, 2, 3))
    ratio = signal / (1 - signal)
    weight = ratio.clamp(max=gamma) / (ratio if objective == "epsilon" else ratio + 1) if gamma else 1.0
    assert torch.equal(process.loss(prediction, z, noise, t), error * weight)


def test_times_of_epsilon_and_v_are_all_steps_alike():
    counts = ForwardProcess("v", "linear", 0.0).times(STRATA).long().bincount(minlength=1000)
    assert len(counts) == 1000 and (counts - 20).abs().max() <= 1
    assert ForwardProcess("v", "linear", 0.0).times(torch.tensor([0.0, 1 - 2**-24])).tolist() == [0.0, 999.0]


def test_times_of_a_flow_are_logit_normal():
    process, normal = ForwardProcess("flow", "cosine", 0.0), statistics.NormalDist()
    shares = [0.0001, 0.05, 0.25, 0.5, 0.9, 0.9999]
    quantiles = [1000 / (1 + math.exp(-normal.inv_cdf(share))) for share in shares]
    torch.testing.assert_close(process.times(torch.tensor(shares)).tolist(), quantiles, rtol=1e-4, atol=0)
    logit = (process.times(STRATA).double() / 1000).logit()
    assert logit.mean().item() == pytest.approx(0, abs=1e-3) and logit.std().item() == pytest.approx(1, abs=1e-3)
    ends = process.times(torch.tensor([0.0, 1 - 2**-24]))
    assert ends[0] == 0 and 990 < ends[1] <= 1000


def test_the_ends_of_the_forward_processes():
    z, noise = tensors()
    flow, linear = ForwardProcess("flow", "cosine", 0.0), ForwardProcess("v", "linear", 0.0)
    assert torch.equal(flow.add_noise(z, noise, torch.zeros(6)), z)
    assert torch.equal(flow.add_noise(z, noise, torch.full((6,), 1000.0)), noise)
    torch.testing.assert_close(flow.add_noise(z, noise, torch.full((6,), 250.0)), 0.75 * z + 0.25 * noise)
    torch.testing.assert_close(linear.add_noise(z, noise, torch.zeros(6)), z, atol=0.05, rtol=0)
    torch.testing.assert_close(linear.add_noise(z, noise, torch.full((6,), 999.0)), noise, atol=0.05, rtol=0)


def test_forward_process_keeps_the_variance_and_its_shares():
    g = torch.Generator().manual_seed(0)
    z, noise = torch.randn(2, 4, 1, 100, 100, generator=g)
    t = torch.tensor([0.0, 300.0, 600.0, 999.0])
    noisy = ForwardProcess("epsilon", "linear", 0.0).add_noise(z, noise, t)
    torch.testing.assert_close(noisy.flatten(1).var(1), torch.ones(4), atol=0.05, rtol=0)
    shares = (noisy * z).flatten(1).mean(1) ** 2
    torch.testing.assert_close(shares.double(), objectives.signal_levels("linear")[t.long()], atol=0.03, rtol=0)


@pytest.mark.parametrize("objective", objectives.OBJECTIVES)
@pytest.mark.parametrize("step", [1, 300, 999])
def test_a_perfect_prediction_has_no_loss_and_gives_the_clean_latents(objective, step):
    z, noise = tensors(dtype=torch.float64)
    process, t = ForwardProcess(objective, "linear", 0.0), torch.full((6,), float(step))
    target = process.target(z, noise, t)
    assert process.loss(target, z, noise, t).abs().max() < 1e-12
    level = step / 1000 if objective == "flow" else float(schedule_levels("linear")[step])

    def network(noisy, time):
        torch.testing.assert_close(noisy, process.add_noise(z, noise, t), rtol=1e-6, atol=1e-5)
        torch.testing.assert_close(time, t, atol=1e-3, rtol=0)
        return target

    clean = denoiser(network, process)((1 - level) * z + level * noise, level)
    torch.testing.assert_close(clean, z, atol=2e-6 / (1 - level), rtol=0)


@pytest.mark.parametrize("objective", objectives.OBJECTIVES)
@pytest.mark.parametrize("step", [100, 500, 900])
def test_the_best_prediction_of_mixture_data_is_its_expected_value(objective, step):
    """Least loss at the prediction that `denoiser` turns into the closed form: a change of it to any side costs."""
    count, g = 100_000, torch.Generator().manual_seed(1)
    z, noise = draw(count, seed=0), torch.randn(count, 2, generator=g, dtype=torch.float64)
    process, t = ForwardProcess(objective, "linear", 0.0), torch.full((count,), float(step))
    z, noise = z[..., None, None], noise[..., None, None]
    noisy = process.add_noise(z, noise, t)[..., 0, 0]
    level = step / 1000 if objective == "flow" else float(schedule_levels("linear")[step])
    scale = 1.0 if objective == "flow" else math.hypot(1 - level, level)
    clean = expected(noisy * scale, level)
    rest = (noisy * scale - (1 - level) * clean) / level  # the expected noise
    best = process.target(clean[..., None, None], rest[..., None, None], t)
    least = process.loss(best, z, noise, t).mean()
    aside = torch.tensor([0.05, -0.05], dtype=torch.float64)[:, None, None]
    for worse in (best + aside, best - aside, 1.1 * best, 0.9 * best):
        assert process.loss(worse, z, noise, t).mean() > least + 1e-4


def test_min_snr_weights():
    signal = torch.tensor([0.99, 0.5, 0.1])  # signal-to-noise ratios 99, 1, 1/9
    t = torch.arange(3.0)
    for objective, weights in {"epsilon": [5 / 99, 1, 1], "v": [5 / 100, 0.5, 0.1]}.items():
        torch.testing.assert_close(ForwardProcess(objective, "linear", 5.0, signal).weight(t), torch.tensor(weights))
        assert ForwardProcess(objective, "linear", 0.0, signal).weight(t).tolist() == [1, 1, 1]
    t = torch.tensor([0.0, 100.0, 500.0, 900.0, 1000.0])  # ratios inf, 81, 1, 1/81, 0
    weights = torch.tensor([0.0, 5 * 0.01, 0.25, 0.01, 0.0])
    torch.testing.assert_close(ForwardProcess("flow", "linear", 5.0).weight(t), weights)
    assert ForwardProcess("flow", "linear", 0.0).weight(t).tolist() == [1, 1, 1, 1, 1]


@pytest.mark.parametrize("gamma", [0.5, 5.0, 1e9])
def test_min_snr_makes_every_objective_the_same_loss_of_the_clean_latents(gamma):
    """Whatever is predicted, the loss is min(SNR, gamma) times the squared error of the Z_0 that it implies."""
    z, noise = tensors(dtype=torch.float64)
    guess = tensors(seed=5, dtype=torch.float64)[0]
    t = torch.tensor([20.0, 100.0, 300.0, 500.0, 700.0, 950.0])
    for objective in objectives.OBJECTIVES:
        process = ForwardProcess(objective, "linear", gamma)
        noisy = process.add_noise(z, noise, t)
        if objective == "flow":
            signal, share = 1 - t.double() / 1000, t.double() / 1000
        else:
            level = process.signal.double()[t.long()]
            signal, share = level.sqrt(), (1 - level).sqrt()
        implied = (noisy - signal[:, None, None, None] * guess) / share[:, None, None, None]  # noise, if Z_0 is guess
        prediction = process.target(guess, implied, t)
        ratio = (signal / share).square().clamp(max=gamma)
        wanted = ratio * (guess - z).square().mean(dim=(1, 2, 3))
        # Processes hold float32 tables.
        torch.testing.assert_close(process.loss(prediction.double(), z, noise, t), wanted, rtol=2e-3, atol=0)


@pytest.mark.parametrize("objective", objectives.OBJECTIVES)
def test_the_process_compiles_into_one_graph(objective):
    """No graph break: nothing in a step leaves tensors for Python, which would make a GPU wait."""
    process = ForwardProcess(objective, "cosine", 5.0).to("cpu")
    z, noise = tensors()

    def step(uniform, z, noise):
        t = process.times(uniform)
        return process.loss(process.add_noise(z, noise, t), z, noise, t)

    uniform = STRATA[::4000] + 0.01
    z, noise = z[: len(uniform)], noise[: len(uniform)]
    compiled = torch.compile(step, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(uniform, z, noise), step(uniform, z, noise))


def test_a_process_moves_its_table_alone():
    process = ForwardProcess("v", "cosine", 5.0)
    moved = process.to("meta")
    assert moved == process and moved.signal.is_meta and not process.signal.is_meta
