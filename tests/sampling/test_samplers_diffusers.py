"""Samplers against diffusers' schedulers: the same network, start and noise, compared at every call of the network."""

import math

import pytest
import torch

from pace.diffusion.objectives import ForwardProcess
from pace.sampling import samplers

diffusers = pytest.importorskip("diffusers")

LINEAR = {"beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02}
SCHEDULES = {"linear": LINEAR, "cosine": {"beta_schedule": "squaredcos_cap_v2"}}
PREDICTION = {"epsilon": "epsilon", "v": "v_prediction", "flow": "flow_prediction"}
SHAPE = (2, 3, 8, 8)


def network(z, t):
    """Any smooth function that depends on all it is given; t (B,)."""
    return torch.tanh(0.8 * z + (t / 150).sin()[:, None, None, None]) * 0.9 - 0.2 * z.roll(1, dims=-1)


def timeless(z, t):
    """For levels at which diffusers rounds the time and we interpolate it."""
    return torch.tanh(1.3 * z) * 0.9 - 0.2 * z.roll(1, dims=-1)


def source(seed=0):
    g = torch.Generator().manual_seed(seed)
    return lambda: torch.randn(SHAPE, generator=g)


def ours(method, process, times, asked=network):
    """What the network is given at each call, (z, t), and the sample."""
    calls = []

    def record(z, t):
        calls.append((z, t[0].item()))
        return asked(z, t)

    result = method(samplers.denoiser(record, process), source(), times)
    return calls, result


def theirs(scheduler, start, asked=network, generator=None):
    calls, z = [], start
    more = {} if generator is None else {"generator": generator}
    for t in scheduler.timesteps:
        calls.append((z, float(t)))
        z = scheduler.step(asked(z, torch.full(SHAPE[:1], float(t))), t, z, **more).prev_sample
    return calls, z


def check(mine, other, tolerance, times=True):
    """Each tensor within `tolerance` of its largest value: a network made up on the spot goes astray, up to 100."""
    assert len(mine[0]) == len(other[0])
    pairs = [(z, z_other) for (z, _), (z_other, _) in zip(mine[0], other[0], strict=True)]
    for z, z_other in [*pairs, (mine[1], other[1])]:
        torch.testing.assert_close(z, z_other, atol=tolerance * z_other.abs().max().item(), rtol=0)
    if times:
        assert [t for _, t in mine[0]] == pytest.approx([t for _, t in other[0]], abs=1e-3)


def begin(times):
    """Our start in the scale that keeps the variance."""
    return source()() * times[0] / math.hypot(times[0], 1 - times[0])


# Not epsilon with cosine: at its last step the noise tells nothing of the data, and both divide by 5e-5.
@pytest.mark.parametrize(("objective", "name"), [("epsilon", "linear"), ("v", "linear"), ("v", "cosine")])
@pytest.mark.parametrize("steps", [25, 50])
def test_ddim(objective, name, steps):
    process = ForwardProcess(objective, name, 0.0)
    scheduler = diffusers.DDIMScheduler(
        **SCHEDULES[name], prediction_type=PREDICTION[objective], clip_sample=False, timestep_spacing="trailing"
    )
    scheduler.set_timesteps(steps)
    times = samplers.spacing("ddpm", process, steps, 80.0)  # trailing
    check(ours(samplers.ddim, process, times), theirs(scheduler, begin(times)), 3e-5)


@pytest.mark.parametrize("objective", ["epsilon", "v"])
@pytest.mark.parametrize("steps", [50, 1000])
def test_ddpm(objective, steps):
    process = ForwardProcess(objective, "linear", 0.0)
    scheduler = diffusers.DDPMScheduler(
        **LINEAR, prediction_type=PREDICTION[objective], clip_sample=False, timestep_spacing="trailing"
    )
    scheduler.set_timesteps(steps)
    times = samplers.spacing("ddpm", process, steps, 80.0)
    generator = torch.Generator().manual_seed(0)
    torch.randn(SHAPE, generator=generator)  # the start
    check(ours(samplers.ddpm, process, times), theirs(scheduler, begin(times), generator=generator), 2e-4)


@pytest.mark.parametrize("objective", ["epsilon", "v"])
@pytest.mark.parametrize("karras", [False, True], ids=["trailing", "karras"])
def test_dpm_solver(objective, karras):
    process = ForwardProcess(objective, "linear", 0.0)
    scheduler = diffusers.DPMSolverMultistepScheduler(
        **LINEAR,
        algorithm_type="dpmsolver++",
        solver_order=2,
        solver_type="midpoint",
        prediction_type=PREDICTION[objective],
        use_karras_sigmas=karras,
        timestep_spacing="trailing",
        final_sigmas_type="zero",
        lower_order_final=False,
    )
    scheduler.set_timesteps(25)
    if karras:
        times = samplers.spacing("dpm++2m", process, 25, 1e9)
    else:
        times = samplers.spacing("ddpm", process, 25, 80.0)
    sigmas = [t / (1 - t) for t in times]
    torch.testing.assert_close(torch.tensor(sigmas), scheduler.sigmas, rtol=1e-3, atol=0)
    # The scheduler's table is float32: 1 - signal is off by 6e-4 of itself at the lowest level.
    asked = timeless if karras else network
    mine = ours(samplers.dpm_solver_2m, process, [float(s / (1 + s)) for s in scheduler.sigmas.double()], asked)
    check(mine, theirs(scheduler, begin(times), asked), 1e-5, times=not karras)


def test_dpm_solver_of_a_flow():
    scheduler = diffusers.DPMSolverMultistepScheduler(
        algorithm_type="dpmsolver++",
        solver_type="midpoint",
        prediction_type="flow_prediction",
        use_flow_sigmas=True,
        final_sigmas_type="zero",
        lower_order_final=False,
    )
    scheduler.set_timesteps(25)
    times = scheduler.sigmas.double().tolist()
    mine = ours(samplers.dpm_solver_2m, ForwardProcess("flow", "cosine", 0.0), times, timeless)
    check(mine, theirs(scheduler, source()() * times[0], timeless), 1e-5, times=False)


def test_heun_of_a_flow():
    scheduler = diffusers.FlowMatchHeunDiscreteScheduler()
    scheduler.set_timesteps(13)
    times = [1.0, *scheduler.sigmas[1:-1:2].double().tolist(), 0.0]
    mine = ours(samplers.heun, ForwardProcess("flow", "cosine", 0.0), times)
    assert len(mine[0]) == 25
    check(mine, theirs(scheduler, source()()), 1e-5)


def test_ddim_of_a_flow_is_the_euler_method():
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler()
    process = ForwardProcess("flow", "cosine", 0.0)
    times = samplers.spacing("ddim", process, 25, 80.0)
    scheduler.set_timesteps(sigmas=times[:-1])
    check(ours(samplers.ddim, process, times), theirs(scheduler, source()()), 1e-5)
