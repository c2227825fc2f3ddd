"""Saving, loading and sampling the generator."""

import dataclasses
import json

import pytest
import torch

from pace.generation.data import Scale
from pace.generation.encoder import Conditions, EncoderParams
from pace.generation.sampling import Generator, SampleParams, Shape, build, clip_seed, load_generator, save_generator
from pace.generation.training import DiffusionParams
from pace.generation.unet import UNetParams

SHAPE = Shape(channels=2, visual_width=3, frames=150, fps=30.0)
SAMPLE = SampleParams(sampler="dpm++2m", steps=3, guidance=1.5, sigma_max=80.0, seed=0, batch_size=2)


def generator():
    torch.manual_seed(0)
    encoder, unet = build(
        EncoderParams(8, 2, "both", "gate", "five", "mean", False, True, True, True),
        UNetParams((8, 8), (False, True), 1, 2, 4, 4, 1, 3, 2),
        SHAPE,
    )
    training = DiffusionParams(
        0, 10, 0, 2, 1e-3, 1, "linear", 0.0, 1.0, 0.9, 0.1, 0.0, "v", "cosine", 0.0, eval_every=5, save_every=5
    )
    return Generator(
        encoder.eval(), unet.eval(), training, SHAPE, Scale(torch.tensor([5.0, 0]), torch.tensor([2.0, 1]))
    )


def draw(batch):
    g = torch.Generator().manual_seed(1)
    return Conditions(
        torch.rand(batch, 150, 5, generator=g),
        torch.rand(batch, 150, 5, generator=g),
        torch.randn(batch, 150, 5, 512, generator=g),
        torch.randn(batch, 150, 3, generator=g),
    )


def pick(conditions, rows):
    return Conditions(*(x[rows] for x in conditions))


def test_a_loaded_generator_makes_the_same_latents(tmp_path):
    made = generator()
    save_generator(tmp_path, made)
    loaded = load_generator(tmp_path)
    conditions = draw(2)
    latents = made.latents(conditions, ["a", "b"], SAMPLE)
    assert latents.shape == (2, 2, 32, 32)
    assert torch.equal(loaded.latents(conditions, ["a", "b"], SAMPLE), latents)


@pytest.mark.parametrize("sampler", ["dpm++2m", "ddpm"])
def test_a_clip_does_not_depend_on_its_batch(sampler):
    made, conditions = generator(), draw(3)
    params = dataclasses.replace(SAMPLE, sampler=sampler)
    together = made.latents(conditions, ["a", "b", "c"], params)
    alone = made.latents(pick(conditions, [1]), ["b"], params)
    torch.testing.assert_close(together[1:2], alone, atol=1e-3, rtol=1e-4)
    other = made.latents(pick(conditions, [1]), ["x"], params)
    assert (other - alone).abs().mean() > 0.1


def test_noise_seeds():
    assert clip_seed(0, "a") != clip_seed(0, "b") != clip_seed(1, "b")
    assert 0 <= clip_seed(0, "a") < 2**63


def test_latents_come_in_the_autoencoders_scale():
    """A network that predicts v = 0 leaves x / (1 + sigma^2): near 0 before the scale is restored."""
    made = generator()
    torch.nn.init.zeros_(made.unet.conv_out.weight)
    torch.nn.init.zeros_(made.unet.conv_out.bias)
    latents = made.latents(draw(1), ["a"], SAMPLE)
    assert latents[:, 0].mean().item() == pytest.approx(5.0, abs=0.2)
    assert latents[:, 1].mean().item() == pytest.approx(0.0, abs=0.1)


def test_without_guidance_the_null_condition_is_not_asked():
    made, conditions = generator(), draw(1)
    calls = []
    made.unet.register_forward_hook(lambda *_: calls.append(1))
    made.latents(conditions, ["a"], dataclasses.replace(SAMPLE, guidance=1.0))
    assert len(calls) == SAMPLE.steps
    made.latents(conditions, ["a"], SAMPLE)
    assert len(calls) == 3 * SAMPLE.steps


def test_a_wrong_config_names_its_file(tmp_path):
    save_generator(tmp_path, generator())
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    config["encoder"]["haeds"] = config["encoder"].pop("heads")
    path.write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"config\.json: unknown key `encoder\.haeds`"):
        load_generator(tmp_path)


def test_conditions_of_another_kind_are_refused():
    made = generator()

    class Other:
        visual_width, frames, fps = 1024, 150, 30.0

    with pytest.raises(ValueError, match="visual width 3, the conditions have 1024"):
        made.check(Other())
