"""The generator's files, and what it refuses."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from helpers.projects import ROOT
from helpers.tiny_generator import SAMPLE, SHAPE, draw, generator

from pace.diffusion.generator import DenoisingTask, load_generator, save_generator
from pace.diffusion.objectives import ForwardProcess
from pace.diffusion_training.params import DiffusionParams
from pace.pipeline import params
from pace.sampling.sampling import sample_latents


def test_a_loaded_generator_makes_the_same_latents(tmp_path):
    trained = generator()
    save_generator(tmp_path, trained, dataclasses.asdict(trained.task))
    loaded = load_generator(tmp_path)
    conditions = draw(2)
    latents = sample_latents(trained, conditions, ["a", "b"], SAMPLE)
    assert latents.shape == (2, 2, 32, 32)
    assert torch.equal(sample_latents(loaded, conditions, ["a", "b"], SAMPLE), latents)


def test_a_wrong_config_names_its_file(tmp_path):
    save_generator(tmp_path, generator(), dataclasses.asdict(generator().task))
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    config["encoder"]["haeds"] = config["encoder"].pop("heads")
    path.write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"config\.json: unknown key `encoder\.haeds`"):
        load_generator(tmp_path)


def test_conditions_of_another_kind_are_refused():
    trained = generator()

    class Other:
        visual_width, frames, fps = 1024, 150, 30.0

    with pytest.raises(ValueError, match="visual width 3, the conditions have 1024"):
        trained.check(Other())


def test_config_keeps_the_whole_section_of_the_training_and_loading_takes_its_share(tmp_path):
    """config.json holds every key of `train_diffusion`; the loaded generator knows what it learned, shape and scale."""
    training = params.section(params.read(ROOT / "params.yaml"), "train_diffusion", DiffusionParams)
    training = dataclasses.replace(training, objective="flow", schedule="linear", min_snr=2.5, drop=0.25)
    saved = dataclasses.replace(generator(), task=training.task())
    save_generator(tmp_path, saved, dataclasses.asdict(training))
    config = json.loads((tmp_path / "config.json").read_text())
    assert set(config) == {"encoder", "unet", "train_diffusion", "shape", "latent_mean", "latent_std"}
    assert config["train_diffusion"] == dataclasses.asdict(training)
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "encoder.safetensors", "unet.safetensors"}
    loaded = load_generator(tmp_path)
    assert loaded.task == DenoisingTask(objective="flow", schedule="linear", min_snr=2.5, drop=0.25)
    assert loaded.task.process() == ForwardProcess("flow", "linear", 2.5)
    assert loaded.shape == SHAPE and not loaded.encoder.training and not loaded.unet.training
    assert loaded.scale.mean.tolist() == [5, 0] and loaded.scale.std.tolist() == [2, 1]
    for network in ("encoder", "unet"):
        weights, again = getattr(saved, network).state_dict(), getattr(loaded, network).state_dict()
        assert list(weights) == list(again) and all(torch.equal(weights[key], again[key]) for key in weights)


@pytest.mark.parametrize("key", ["objective", "drop"])
def test_a_config_without_what_the_network_learned_is_refused(tmp_path, key):
    training = dataclasses.asdict(generator().task)
    del training[key]
    save_generator(tmp_path, generator(), training)
    with pytest.raises(
        ValueError, match=rf"config\.json: key `train_diffusion\.{key}` is missing.*train the diffusion"
    ):
        load_generator(tmp_path)


def test_the_scale_maps_to_unit_latents_and_back():
    scale, z = generator().scale, torch.randn(3, 2, 32, 32)
    np.testing.assert_allclose(scale.normalise(z)[:, 0], (z[:, 0] - 5) / 2, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(scale.restore(scale.normalise(z)), z, rtol=1e-5, atol=1e-5)
