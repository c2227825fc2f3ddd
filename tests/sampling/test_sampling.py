"""Saving, loading and sampling the generator."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from helpers import tiny_autoencoder

from pace.audio.vocoder import VocoderParams
from pace.conditioning.hsf_encoder import Conditions, EncoderParams
from pace.diffusion.generator import (
    DataShape,
    DenoisingTask,
    Generator,
    LatentScale,
    build,
    load_generator,
    save_generator,
)
from pace.diffusion.objectives import OBJECTIVES, ForwardProcess
from pace.diffusion.unet import UNetParams
from pace.pipeline.params import ParamsError, section
from pace.pose.skeleton import PARTS
from pace.sampling import samplers
from pace.sampling.sampling import SampleParams, clip_seed, sample_latents
from stages import sample

SHAPE = DataShape(channels=2, visual_width=3, frames=150, fps=30.0)
SAMPLE = SampleParams(sampler="dpm++2m", steps=3, guidance=1.5, sigma_max=80.0, seed=0, batch_size=2, split="test")


def generator(objective="v"):
    torch.manual_seed(0)
    encoder, unet = build(
        EncoderParams(8, 2, "both", "gate", "five", "mean", False, True, True, True, True),
        UNetParams((8, 8), (False, True), 1, 2, 4, 4, 1, 3, 2),
        SHAPE,
    )
    trained = DenoisingTask(objective, "cosine", min_snr=0.0, drop=0.1)
    return Generator(
        encoder.eval(), unet.eval(), trained, SHAPE, LatentScale(torch.tensor([5.0, 0]), torch.tensor([2.0, 1]))
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
    save_generator(tmp_path, made, dataclasses.asdict(made.task))
    loaded = load_generator(tmp_path)
    conditions = draw(2)
    latents = sample_latents(made, conditions, ["a", "b"], SAMPLE)
    assert latents.shape == (2, 2, 32, 32)
    assert torch.equal(sample_latents(loaded, conditions, ["a", "b"], SAMPLE), latents)


EACH = pytest.mark.parametrize(
    ("objective", "sampler"), [(objective, sampler) for objective in OBJECTIVES for sampler in samplers.SAMPLERS]
)


@EACH
def test_a_clip_does_not_depend_on_its_batch(objective, sampler):
    made, conditions = generator(objective), draw(3)
    params = dataclasses.replace(SAMPLE, sampler=sampler)
    together = sample_latents(made, conditions, ["a", "b", "c"], params)
    alone = sample_latents(made, pick(conditions, [1]), ["b"], params)
    assert together.isfinite().all()
    torch.testing.assert_close(together[1:2], alone, atol=1e-3 * together.std().item(), rtol=1e-4)
    other = sample_latents(made, pick(conditions, [1]), ["x"], params)
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
    made = generator(objective)
    made.unet = Perfect(ForwardProcess(objective, "cosine", 0.0))
    steps = {"ddpm": 250, "ddim": 100}.get(sampler, 25)
    params = dataclasses.replace(SAMPLE, sampler=sampler, steps=steps, guidance=2.0)
    latents = sample_latents(made, draw(2), ["a", "b"], params)
    latents = (latents - made.scale.mean[:, None, None]) / made.scale.std[:, None, None]
    # 4,096 values: a standard error of 0.008 and 1.1 %; and a network that is told whole steps, where it is one.
    assert latents.mean().item() == pytest.approx(3.5, abs=0.04)
    assert latents.std().item() == pytest.approx(0.5, rel=0.06)


def test_noise_seeds():
    assert clip_seed(0, "a") != clip_seed(0, "b") != clip_seed(1, "b")
    assert 0 <= clip_seed(0, "a") < 2**63


def test_the_seed_decides_the_latents():
    made, conditions = generator(), draw(1)
    one, again, other = (
        sample_latents(made, conditions, ["a"], dataclasses.replace(SAMPLE, seed=seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(one, again) and (one - other).abs().mean() > 0.1


def test_latents_come_in_the_autoencoders_scale():
    """A network that predicts v = 0 leaves x / (1 + sigma^2): near 0 before the scale is restored."""
    made = generator()
    torch.nn.init.zeros_(made.unet.conv_out.weight)
    torch.nn.init.zeros_(made.unet.conv_out.bias)
    latents = sample_latents(made, draw(1), ["a"], SAMPLE)
    assert latents[:, 0].mean().item() == pytest.approx(5.0, abs=0.2)
    assert latents[:, 1].mean().item() == pytest.approx(0.0, abs=0.1)


def test_guidance_needs_a_training_without_conditions():
    made = dataclasses.replace(generator(), task=dataclasses.replace(generator().task, drop=0.0))
    with pytest.raises(ValueError, match=r"sample\.guidance is 1\.5, but .* train_diffusion\.drop 0"):
        sample_latents(made, None, ["a"], SAMPLE)


def test_without_guidance_the_null_condition_is_not_asked():
    made, conditions = generator(), draw(1)
    calls = []
    made.unet.register_forward_hook(lambda *_: calls.append(1))
    sample_latents(made, conditions, ["a"], dataclasses.replace(SAMPLE, guidance=1.0))
    assert len(calls) == SAMPLE.steps
    sample_latents(made, conditions, ["a"], SAMPLE)
    assert len(calls) == 3 * SAMPLE.steps


def test_a_wrong_config_names_its_file(tmp_path):
    save_generator(tmp_path, generator(), dataclasses.asdict(generator().task))
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


def test_an_unknown_sampler_is_named():
    with pytest.raises(ValueError, match=r"sampler 'euler' is unknown; use one of dpm\+\+2m"):
        sample_latents(generator(), draw(1), ["a"], dataclasses.replace(SAMPLE, sampler="euler"))
    content = {"sample": dataclasses.asdict(SAMPLE) | {"sampler": "euler"}}
    with pytest.raises(ParamsError, match=r"`sample.sampler` is 'euler'; allowed values: dpm\+\+2m, "):
        section(content, "sample", SampleParams)


@pytest.fixture
def inputs(tmp_path, monkeypatch):
    """A folder with a table of two test clips of one video, its conditions, and a tiny autoencoder."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for path in (sample.CLIPS.parent, sample.ENERGY, sample.MOTION, sample.VISUAL):
        path.mkdir(parents=True)
    rows = [("a", "one", "test", 0.0), ("b", "one", "test", 1.0), ("c", "two", "train", 0.0)]
    pd.DataFrame(rows, columns=["clip_id", "video_id", "split", "start_s"]).to_parquet(sample.CLIPS)
    columns = [f"{band}_{part}" for band in ("slow", "fast") for part in PARTS]
    pd.DataFrame(rng.random((180, 10)), columns=columns).to_parquet(sample.ENERGY / "one.parquet")
    semantic = rng.standard_normal((180, 5, 512)).astype(np.float16)
    np.savez(sample.MOTION / "one.npz", embedding=semantic, fps=30.0)
    np.savez(sample.VISUAL / "one.npz", embedding=rng.random((6, 3)).astype(np.float16), time_s=np.arange(6.0))
    tiny_autoencoder.save(sample.VAE)


def run_stage(monkeypatch, **changes):
    params = {"sample": dataclasses.replace(SAMPLE, **changes), "vocoder": VocoderParams(1, 0.0)}
    monkeypatch.setattr(sample.params, "load", lambda wanted: params)
    sample.main([])


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_stage_writes_a_clip_with_every_sampler(objective, inputs, monkeypatch):
    made = generator(objective)
    save_generator(sample.DIFFUSION, made, dataclasses.asdict(made.task))
    waves = {}
    for sampler in samplers.SAMPLERS:
        run_stage(monkeypatch, sampler=sampler)
        for clip in ("a", "b"):
            waves[sampler, clip], rate = soundfile.read(sample.OUT / f"{clip}.wav")
            assert rate == 22_050 and len(waves[sampler, clip]) == 110_250
    assert not (sample.OUT / "c.wav").exists()
    same = {(one, two) for one in waves for two in waves if one < two and np.array_equal(waves[one], waves[two])}
    # A flow's levels are the same for both kinds of DPM-Solver++.
    assert same == ({(("dpm++2m", c), ("dpm++2m-even", c)) for c in "ab"} if objective == "flow" else set())


@pytest.fixture
def three_clips(inputs):
    """Three test clips of one video, and the trained generator."""
    rows = [("a", "one", "test", 0.0), ("b", "one", "test", 1.0), ("c", "one", "test", 0.5)]
    pd.DataFrame(rows, columns=["clip_id", "video_id", "split", "start_s"]).to_parquet(sample.CLIPS)
    made = generator()
    save_generator(sample.DIFFUSION, made, dataclasses.asdict(made.task))
    return made


def test_a_clip_of_the_second_batch_follows_its_own_dance(three_clips, monkeypatch):
    """The third of three clips sounds the same, and has the same gates, in batches of two and of three."""
    found = {}
    for size in (2, 3):
        run_stage(monkeypatch, batch_size=size)
        with np.load(sample.OUT / "gates.npz") as file:
            found[size] = soundfile.read(sample.OUT / "c.wav")[0], dict(file)
    (wave, gates), (expected_wave, expected_gates) = found[2], found[3]
    np.testing.assert_allclose(wave, expected_wave, atol=0.01 * expected_wave.std())
    for name in ("gate_slow", "gate_fast", "alpha"):
        np.testing.assert_allclose(gates[name], expected_gates[name], atol=1e-5)
        assert np.abs(gates[name][2] - gates[name][0]).max() > 1e-3, "the dances of two clips differ"


def test_the_written_gates_are_the_encoders_own(three_clips, monkeypatch):
    run_stage(monkeypatch)
    ids, conditions = sample.read_scored_clips("test")
    encoding = three_clips.encode(conditions.batch(torch.arange(3)))
    with np.load(sample.OUT / "gates.npz") as file:
        assert file["clip_id"].tolist() == ids == ["a", "b", "c"]
        np.testing.assert_allclose(file["gate_slow"], encoding.gate_slow, atol=1e-5)
        np.testing.assert_allclose(file["gate_fast"], encoding.gate_fast, atol=1e-5)
        np.testing.assert_allclose(file["alpha"], encoding.alpha.mean(dim=-1), atol=1e-5)
    assert (encoding.gate_slow - encoding.gate_fast).abs().max() > 1e-3, "the two branches' gates differ"
