"""Sampling latents: each clip's own, the seed's, guided, in the scale of the autoencoder; and the gates for plots."""

import dataclasses

import numpy as np
import pytest
import torch
from helpers.tiny_generator import SAMPLE, draw, generator

from pace.conditioning.hsf_encoder import Conditions, Encoding
from pace.diffusion.objectives import OBJECTIVES, ForwardProcess
from pace.pipeline.params import ParamsError, section
from pace.sampling import samplers
from pace.sampling.sampling import SampleParams, clip_seed, gate_arrays, sample_latents


def pick(conditions, rows):
    return Conditions(*(x[rows] for x in conditions))


EACH = pytest.mark.parametrize(
    ("objective", "sampler"), [(objective, sampler) for objective in OBJECTIVES for sampler in samplers.SAMPLERS]
)


@EACH
def test_a_clip_does_not_depend_on_its_batch(objective, sampler):
    trained, conditions = generator(objective), draw(3)
    params = dataclasses.replace(SAMPLE, sampler=sampler)
    together = sample_latents(trained, conditions, ["a", "b", "c"], params)
    alone = sample_latents(trained, pick(conditions, [1]), ["b"], params)
    assert together.isfinite().all()
    torch.testing.assert_close(together[1:2], alone, atol=1e-3 * together.std().item(), rtol=1e-4)
    other = sample_latents(trained, pick(conditions, [1]), ["x"], params)
    assert (other - alone).abs().mean() > 0.1


class Perfect(torch.nn.Module):
    """The network that `process` would learn on normal data: with a condition around 2, without around 0.5.

    Its small error is to stay small: the noise that is predicted at the cosine's last steps tells little of the data.
    """

    deviation, error = 0.5, 0.01

    def __init__(self, process):
        super().__init__()
        self.process, self.weight = process, torch.nn.Parameter(torch.zeros(1))

    def forward(self, z, t, tokens, frames):
        conditioned = (tokens.abs().amax(dim=(1, 2)) > 0)[:, None, None, None]
        mean = torch.where(conditioned, 2.0, 0.5)
        zero = torch.zeros_like(z)
        signal, share = (self.process.add_noise(zero + a, zero + b, self.nearest(t)) for a, b in ((1, 0), (0, 1)))
        gain = signal * self.deviation**2 / (signal**2 * self.deviation**2 + share**2)
        clean = mean + gain * (z - signal * mean)
        target = self.process.target(clean, (z - signal * clean) / share, self.nearest(t))
        return target + self.error * torch.sin(3 * z)

    def nearest(self, t):
        return t if self.process.objective == "flow" else t.round()


@EACH
def test_perfect_networks_give_the_data_that_guidance_asks_for(objective, sampler):
    """Normal data stay normal under guidance g, around m_null + g (m_condition - m_null): 0.5 + 2 x 1.5."""
    trained = generator(objective)
    trained.unet = Perfect(ForwardProcess(objective, "cosine", 0.0))
    steps = {"ddpm": 250, "ddim": 100}.get(sampler, 25)
    params = dataclasses.replace(SAMPLE, sampler=sampler, steps=steps, guidance=2.0)
    latents = sample_latents(trained, draw(2), ["a", "b"], params)
    latents = (latents - trained.scale.mean[:, None, None]) / trained.scale.std[:, None, None]
    # 4,096 values: a standard error of 0.008 and 1.1 %; and a network that is told whole steps, where it is one.
    assert latents.mean().item() == pytest.approx(3.5, abs=0.04)
    assert latents.std().item() == pytest.approx(0.5, rel=0.06)


def test_noise_seeds():
    assert clip_seed(0, "a") != clip_seed(0, "b") != clip_seed(1, "b")
    assert 0 <= clip_seed(0, "a") < 2**63


def test_the_seed_decides_the_latents():
    trained, conditions = generator(), draw(1)
    one, again, other = (
        sample_latents(trained, conditions, ["a"], dataclasses.replace(SAMPLE, seed=seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(one, again) and (one - other).abs().mean() > 0.1


def test_latents_come_in_the_autoencoders_scale():
    """A network that predicts v = 0 leaves x / (1 + sigma^2): near 0 before the scale is restored."""
    trained = generator()
    torch.nn.init.zeros_(trained.unet.conv_out.weight)
    torch.nn.init.zeros_(trained.unet.conv_out.bias)
    latents = sample_latents(trained, draw(1), ["a"], SAMPLE)
    assert latents[:, 0].mean().item() == pytest.approx(5.0, abs=0.2)
    assert latents[:, 1].mean().item() == pytest.approx(0.0, abs=0.1)


def test_guidance_needs_a_training_without_conditions():
    trained = dataclasses.replace(generator(), task=dataclasses.replace(generator().task, drop=0.0))
    with pytest.raises(ValueError, match=r"sample\.guidance is 1\.5, but .* train_diffusion\.drop 0"):
        sample_latents(trained, None, ["a"], SAMPLE)


def test_without_guidance_the_null_condition_is_not_asked():
    trained, conditions = generator(), draw(1)
    calls = []
    trained.unet.register_forward_hook(lambda *_: calls.append(1))
    sample_latents(trained, conditions, ["a"], dataclasses.replace(SAMPLE, guidance=1.0))
    assert len(calls) == SAMPLE.steps
    sample_latents(trained, conditions, ["a"], SAMPLE)
    assert len(calls) == 3 * SAMPLE.steps


def test_an_unknown_sampler_is_named():
    with pytest.raises(ValueError, match=r"sampler 'euler' is unknown; use one of dpm\+\+2m"):
        sample_latents(generator(), draw(1), ["a"], dataclasses.replace(SAMPLE, sampler="euler"))
    content = {"sample": dataclasses.asdict(SAMPLE) | {"sampler": "euler"}}
    with pytest.raises(ParamsError, match=r"`sample.sampler` is 'euler'; allowed values: dpm\+\+2m, "):
        section(content, "sample", SampleParams)


def test_gates_that_a_variant_lacks_are_nan():
    """No fast branch and no fusion; the gates of one part for the whole body have another shape."""
    gate, alpha = torch.rand(2, 4, 5), torch.rand(2, 4, 8)
    arrays = gate_arrays(Encoding(torch.zeros(2, 1, 3), None, gate, None, alpha), frames=4)
    np.testing.assert_array_equal(arrays["gate_slow"], gate)
    np.testing.assert_allclose(arrays["alpha"], alpha.mean(dim=-1), rtol=1e-6)
    assert arrays["gate_fast"].shape == (2, 4, 5) and np.isnan(arrays["gate_fast"]).all()
    whole_body = gate_arrays(Encoding(torch.zeros(2, 1, 3), None, gate[..., :1], None, None), frames=4)
    assert whole_body["gate_slow"].shape == (2, 4, 5) and np.isnan(whole_body["gate_slow"]).all()
    assert whole_body["alpha"].shape == (2, 4) and np.isnan(whole_body["alpha"]).all()
