"""Stage sample: a wav file and the gates of every clip of the split, from the clip's own dance."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from helpers import condition_files, tiny_autoencoder
from helpers.threads import one_thread  # noqa: F401
from helpers.tiny_generator import SAMPLE, generator

from pace.audio.vocoder import VocoderParams
from pace.diffusion.generator import save_generator
from pace.diffusion.objectives import OBJECTIVES
from pace.pose.skeleton import PARTS
from pace.sampling import samplers
from stages import sample


@pytest.fixture
def scored(tmp_path, monkeypatch):
    """The folder that `sample` reads its conditions and its table of clips from."""
    for name in ("ENERGY", "MOTION", "VISUAL"):
        monkeypatch.setattr(sample, name, tmp_path / name.lower())
    monkeypatch.setattr(sample, "CLIPS", tmp_path / "clips.parquet")
    return tmp_path


def test_sample_takes_the_clips_of_its_split_that_have_conditions(scored, capsys):
    for name in ("a", "b"):
        condition_files.write(scored, name, 150)
    rows = [("a_0", "a", "test", 0.0), ("b_0", "b", "val", 0.0), ("c_0", "c", "val", 0.0), ("d_0", "d", "train", 0.0)]
    pd.DataFrame(rows, columns=["clip_id", "video_id", "split", "start_s"]).to_parquet(scored / "clips.parquet")
    for split, expected in (("test", ["a_0"]), ("val", ["b_0"])):
        ids, conditions = sample.read_scored_clips(split)
        assert ids == expected and len(conditions) == 1
    assert "val: video c is left out" in capsys.readouterr().out


def test_sample_gives_each_clip_its_own_dance(scored):
    """A table that is not sorted, its first clip without conditions; the energies tell video and frame."""
    for name, seed in (("a", 1), ("b", 2)):
        condition_files.write(scored, name, 240, seed=seed)
    rows = [("w", "c", "test", 0.0), ("z", "b", "test", 1.0), ("x", "a", "test", 3.0), ("y", "b", "test", 0.0)]
    pd.DataFrame(rows, columns=["clip_id", "video_id", "split", "start_s"]).to_parquet(scored / "clips.parquet")
    ids, conditions = sample.read_scored_clips("test")
    told = conditions.batch(torch.arange(3)).slow[:, 0, 0].tolist()
    assert dict(zip(ids, told, strict=True)) == {"z": 2030, "x": 1090, "y": 2000}


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
    trained = generator(objective)
    save_generator(sample.DIFFUSION, trained, dataclasses.asdict(trained.task))
    waves = {}
    for sampler in samplers.SAMPLERS:
        run_stage(monkeypatch, sampler=sampler)
        for clip in ("a", "b"):
            waves[sampler, clip], rate = soundfile.read(sample.OUT / f"{clip}.wav")
            assert rate == 22_050 and len(waves[sampler, clip]) == 110_250
    assert not (sample.OUT / "c.wav").exists()
    same = {(a, b) for a in waves for b in waves if a < b and np.array_equal(waves[a], waves[b])}
    # A flow's levels are the same for both kinds of DPM-Solver++.
    assert same == ({(("dpm++2m", c), ("dpm++2m-even", c)) for c in "ab"} if objective == "flow" else set())


@pytest.fixture
def three_clips(inputs):
    """Three test clips of one video, and the trained generator."""
    rows = [("a", "one", "test", 0.0), ("b", "one", "test", 1.0), ("c", "one", "test", 0.5)]
    pd.DataFrame(rows, columns=["clip_id", "video_id", "split", "start_s"]).to_parquet(sample.CLIPS)
    trained = generator()
    save_generator(sample.DIFFUSION, trained, dataclasses.asdict(trained.task))
    return trained


def test_a_clip_of_the_second_batch_follows_its_own_dance(three_clips, monkeypatch):
    """The third of three clips sounds the same, and has the same gates, in batches of two and of three."""
    results = {}
    for size in (2, 3):
        run_stage(monkeypatch, batch_size=size)
        with np.load(sample.OUT / "gates.npz") as file:
            results[size] = soundfile.read(sample.OUT / "c.wav")[0], dict(file)
    (wave, gates), (expected_wave, expected_gates) = results[2], results[3]
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
