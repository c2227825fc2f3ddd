"""The mel stage's file contract: order, cuts, silent videos, empty splits, errors."""

import json

import numpy as np
import pandas as pd
import pytest
import soundfile

from pace.audio.mel import mel_image, to_uint8
from stages import mel as stage

RNG = np.random.default_rng(0)


def _project(folder, rows, waves):
    (folder / "data/index").mkdir(parents=True)
    (folder / "data/audio").mkdir()
    columns = ["clip_id", "video_id", "split", "start_s"]
    pd.DataFrame(rows, columns=columns).to_parquet(folder / "data/index/clips.parquet")
    for video_id, wave in waves.items():
        soundfile.write(folder / f"data/audio/{video_id}.wav", wave, 22050, subtype="PCM_16")


def test_clips_come_in_index_order_cut_at_their_start(tmp_path, monkeypatch, capsys):
    waves = {"a": RNG.uniform(-0.5, 0.5, 22050 * 8), "b": RNG.uniform(-0.5, 0.5, 110250 - 1000)}
    rows = [
        ("b_000000", "b", "train", 0.0),
        ("a_001234", "a", "train", 1.2345),
        ("mute_000000", "mute", "train", 0.0),
        ("a_000000", "a", "test", 0.0),
        ("a_003000", "a", "train", 3.0),
    ]
    _project(tmp_path, rows, waves)
    monkeypatch.chdir(tmp_path)
    stage.main([])
    train = np.load("data/mel/train.npz", allow_pickle=False)
    assert train["clip_id"].tolist() == ["b_000000", "a_001234", "a_003000"]
    assert train["mel"].dtype == np.uint8 and train["mel"].shape == (3, 256, 256)
    stored = soundfile.read("data/audio/a.wav", dtype="float32")[0]
    start = round(1.2345 * 22050)
    assert np.array_equal(train["mel"][1], to_uint8(mel_image(stored[start : start + 110250])))
    assert np.load("data/mel/test.npz")["clip_id"].tolist() == ["a_000000"]
    empty = np.load("data/mel/val.npz", allow_pickle=False)
    assert empty["mel"].shape == (0, 256, 256) and empty["clip_id"].shape == (0,)
    assert "1 clips of 1 videos" in capsys.readouterr().out
    first = (tmp_path / "data/mel/train.npz").read_bytes()
    stage.main([])
    assert (tmp_path / "data/mel/train.npz").read_bytes() == first


def test_audio_that_ends_too_early_leaves_out_its_clip_alone(tmp_path, monkeypatch):
    rows = [("v_000000", "v", "train", 0.0), ("v_003000", "v", "train", 3.0)]
    _project(tmp_path, rows, {"v": np.zeros(6 * 22050)})
    monkeypatch.chdir(tmp_path)
    stage.main([])
    assert np.load("data/mel/train.npz")["clip_id"].tolist() == ["v_000000"]
    failures = json.loads((tmp_path / "data/mel/failures.json").read_text())
    assert list(failures) == ["v_003000"]
    assert "v.wav from 3.000 s" in failures["v_003000"]


def test_a_wav_at_another_rate_is_named(tmp_path, monkeypatch):
    _project(tmp_path, [("v_000000", "v", "train", 0.0)], {})
    soundfile.write(tmp_path / "data/audio/v.wav", np.zeros(96000), 16000, subtype="PCM_16")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"v\.wav: 16000 Hz"):
        stage.main([])


def test_a_bad_wav_leaves_out_its_clips_alone(tmp_path, monkeypatch, capsys):
    rows = [("a_000000", "a", "train", 0.0), ("v_000000", "v", "train", 0.0), ("v_001000", "v", "test", 1.0)]
    _project(tmp_path, rows, {"a": np.zeros(6 * 22050)})
    (tmp_path / "data/audio/v.wav").write_bytes(b"RIFF")
    monkeypatch.chdir(tmp_path)
    stage.main([])
    assert np.load("data/mel/train.npz")["clip_id"].tolist() == ["a_000000"]
    failures = json.loads((tmp_path / "data/mel/failures.json").read_text())
    assert list(failures) == ["v_000000", "v_001000"] and all("data/audio/v.wav" in text for text in failures.values())
    assert "left out: " in capsys.readouterr().out
