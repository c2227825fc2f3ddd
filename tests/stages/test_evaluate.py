"""The evaluate stage on a miniature project: click music, a small untrained VAE, made-up poses."""

import csv
import json
from pathlib import Path
from unittest.mock import ANY

import librosa
import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from helpers import tiny_autoencoder
from ruamel.yaml import YAML

from pace.audio.vocoder import VocoderParams
from pace.evaluation import metric_validity
from pace.evaluation.ceiling import ceiling_track
from pace.evaluation.embeddings import embed_clip
from pace.evaluation.metrics import bootstrap, jackknife
from pace.evaluation.metrics.beat_alignment import alignment_score, read_motion_beats
from pace.evaluation.metrics.onsets import events
from stages import evaluate

ROOT = Path(__file__).resolve().parents[2]
SR = 22050
VIDEOS = {"one": ("m1", 100.0), "two": ("m2", 120.0), "mute": ("m3", 90.0), "home": (None, 110.0)}
ROWS = ("truth", "mel", "ceiling", "generated", "clock", "retrieval", "shuffled", "random")
ROWS += ("clicks", "clicks120", "delayed")
STRICT_ORDER = (
    "onset_f70", "onset_f50", "beat_f70", "beat_f35", "cmlt", "amlt", "information_gain",
    "tempo_error_bpm", "tempo_error_octave_bpm",
)  # fmt: skip
STRICT = {*STRICT_ORDER}


def beats_of(bpm):
    return np.arange(0.3, 10, 60 / bpm)


def music(bpm):
    wave = librosa.clicks(times=beats_of(bpm), sr=SR, length=10 * SR, click_freq=600.0)
    return (0.5 * wave * (0.7 + 0.3 * np.sin(np.arange(len(wave)) / SR))).astype(np.float32)  # it swells and fades


def pose():
    rng = np.random.default_rng(0)
    t = np.arange(300)[:, None, None] / 30
    rest = rng.normal(size=(17, 3))
    return rest + 0.1 * np.sin(2 * np.pi * rng.uniform(0.3, 3, (17, 3)) * t) * (1 + 0.5 * np.sin(t))


@pytest.fixture
def miniature(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PACE_WORKERS", "0")
    settings = YAML(typ="safe").load(ROOT / "params.yaml")
    settings["dataset"]["truth"] = "truth"
    settings["vocoder"]["iterations"] = 4
    with open("params.yaml", "w") as file:
        YAML().dump(settings, file)
    for folder in ("data/none", "data/index", "data/audio", "data/generated", "data/keypoints", "data/pose3d", "truth"):
        Path(folder).mkdir(parents=True)

    videos, clips = [], []
    for video_id, (music_id, bpm) in VIDEOS.items():
        common = {"genre": "break", "dancer": "d", "duration_s": 10.0, "fps": 30.0, "has_audio": video_id != "mute"}
        videos.append(
            {"video_id": video_id, "split": "test", "music_id": music_id, "width": 512, "height": 512, **common}
            | {"bpm": bpm + 5 if video_id == "home" else np.nan}
            | {"sequence": "" if video_id == "home" else f"dance_{video_id}", "source": video_id}
        )
        if video_id != "mute":
            soundfile.write(f"data/audio/{video_id}.wav", music(bpm), SR, subtype="PCM_16")
        for start in (0.0, 5.0):
            clip_id = f"{video_id}_{round(start * 1000):06d}"
            clips.append({"clip_id": clip_id, "video_id": video_id, "split": "test", "start_s": start})
            if clip_id != "home_005000":  # not generated
                part = music(bpm)[round(start * SR) :][: 5 * SR]  # a perfect generator
                soundfile.write(f"data/generated/{clip_id}.wav", part, SR, subtype="PCM_16")
    for video_id in ("one", "two"):
        joints2d = 20 + 400 * np.random.default_rng(1).random((300, 17, 2))
        arrays = {"joints3d": pose(), "joints2d": joints2d, "beats": beats_of(VIDEOS[video_id][1]), "fps": 30.0}
        arrays["strength"] = {"one": 0.9, "two": 0.2}[video_id]
        np.savez(f"truth/{video_id}.npz", **arrays)
        keypoints = np.concatenate([joints2d / 2, np.full((300, 17, 1), 0.75)], axis=-1).astype(np.float32)
        size, detected = np.array([256, 256]), np.arange(300) >= 30
        np.savez(
            f"data/keypoints/{video_id}.npz", keypoints=keypoints, layout="h36m", fps=30.0, size=size, detected=detected
        )
        np.savez(f"data/pose3d/{video_id}.npz", pose=(0.2 * pose()).astype(np.float32), fps=30.0)
    train = {"video_id": "t", "split": "train"}
    videos.append({**videos[0], **train, "music_id": "m9", "source": "t"})  # the dance of one, from another camera
    clips += [{"clip_id": f"t_{i}", "start_s": float(i), **train} for i in range(3)]
    np.savez("data/pose3d/t.npz", pose=pose().astype(np.float32), fps=30.0)
    soundfile.write("data/audio/t.wav", music(75.0), SR, subtype="PCM_16")
    pd.DataFrame(videos).to_parquet("data/index/videos.parquet")
    pd.DataFrame(clips).to_parquet("data/index/clips.parquet")
    Path("data/index/failures.json").write_text('{"broken": "not a video"}')

    tiny_autoencoder.save("models/vae")
    return tmp_path


def read():
    metrics = json.loads(Path("reports/metrics.json").read_text())
    with open("reports/per_clip.csv", newline="") as file:
        return metrics, list(csv.DictReader(file))


@pytest.mark.long
def test_stage(miniature, capsys, monkeypatch):
    for module in (metric_validity, jackknife):
        monkeypatch.setattr(module, "MIN_SOURCES", 3)
    evaluate.main([])
    metrics, records = read()
    assert metrics["data"] == {
        "split": "test", "test_videos": 4, "test_clips": 8, "missing_clips": 3, "faulty_clips": 0, "true_beat_clips": 4,
        "train_clips": 3, "failed_videos": 3,
        "leak": {"music": 0, "dance": 2, "video": 0, "unknown_music": 2, "unknown_dance": 2},
    }  # fmt: skip
    rhythm = metrics["rhythm"]
    assert set(rhythm) == set(ROWS)
    for row in ROWS:
        assert set(rhythm[row]) == {"d2mgan", "loris", "strict", "dynamics", "alignment"}
        assert set(rhythm[row]["dynamics"]) == {"loudness", "density"}
        assert set(rhythm[row]["d2mgan"]) == set(rhythm[row]["loris"]) == {"bcs", "csd", "bhs", "hsd", "f1"}
        assert set(rhythm[row]["strict"]) == STRICT
        assert 0 < rhythm[row]["alignment"]["bas"] < 1
    assert rhythm["truth"]["loris"] == {"bcs": 100.0, "csd": 0.0, "bhs": 100.0, "hsd": 0.0, "f1": 100.0}
    assert rhythm["generated"] == rhythm["truth"]
    assert rhythm["truth"]["strict"]["onset_f50"] == 1.0
    assert rhythm["truth"]["strict"]["beat_f70"] >= 0.9
    # The music swells by 5 dB; the quarter of a second hardly counts. Clicks, all alike, have no dynamics.
    assert rhythm["truth"]["dynamics"]["loudness"] == 1.0
    assert rhythm["delayed"]["dynamics"]["loudness"] > 0.9 > 0.5 > rhythm["shuffled"]["dynamics"]["loudness"]
    assert rhythm["clock"]["dynamics"] == {"loudness": None, "density": None}
    assert metrics["missing"]["clock"]["dynamics"] == {"loudness": 4, "density": 4}
    assert rhythm["delayed"]["loris"]["f1"] > 90 > 10 > 100 * rhythm["delayed"]["strict"]["beat_f70"]
    assert 0 < rhythm["shuffled"]["strict"]["onset_f70"] < 0.6
    assert rhythm["clicks"]["loris"]["bhs"] == 100.0

    assert metrics["pose"] == {"confidence": 0.75, "detected": 0.9, "pck10": 1.0}
    assert metrics["lift"]["mpjpe"] == pytest.approx(0.0, abs=1e-4)
    assert metrics["lift"]["energy_fast"] == pytest.approx(1.0, abs=1e-4)
    assert 0 < metrics["vae"]["mel_l1"] < 1
    assert set(metrics["vae"]["strict"]) == set(rhythm["ceiling"]["strict"])

    assert 0 < rhythm["random"]["strict"]["onset_f70"] < 0.6
    # The untrained VAE ruins what mel image and vocoder alone keep.
    assert rhythm["mel"]["strict"]["onset_f70"] > 0.8 > rhythm["ceiling"]["strict"]["onset_f70"]
    assert rhythm["mel"]["strict"]["beat_f70"] > rhythm["ceiling"]["strict"]["beat_f70"]

    distances = metrics["fad"]
    assert set(distances) == {*ROWS, "not_computed", "warning"} - {"truth", "shuffled"}
    assert {name: list(values) for name, values in distances.items() if name in ROWS} == {
        row: ["descriptors"] for row in distances if row in ROWS
    }
    assert distances["generated"]["descriptors"] == {
        "d": 38, "fad": pytest.approx(0, abs=1e-3), "n": 25, "n_reference": 25, "clips": 5,
    }  # fmt: skip
    assert distances["ceiling"]["descriptors"]["fad"] > 10 * distances["delayed"]["descriptors"]["fad"]
    assert set(distances["not_computed"]) == {"vggish", "cnn14", "clap"}
    assert distances["warning"] == {"descriptors": ANY}
    for row in ("ceiling", "random", "delayed", "clicks"):  # by the three dances
        low, high = metrics["interval"][row]["descriptors"]["fad"]
        assert 0 <= low < distances[row]["descriptors"]["fad"] < high
    # An untrained VAE makes a ceiling that hardly any row of chance is worse than.
    blind = metrics["uninformative"]
    assert set(blind) == {"d2mgan", "loris", "strict", "dynamics", "alignment", "descriptors"}
    assert set(blind["strict"]) == STRICT and set(blind["loris"]) == set(rhythm["truth"]["loris"])
    assert {"shuffled", "clicks", "delayed"} <= set(blind["loris"]["f1"])
    assert {"random", "delayed"} <= set(blind["descriptors"]["fad"])

    assert metrics["beats"] == {"tracker": "librosa", "lateness_ms": 30}
    assert {record["beats"] for record in records} == {"librosa"}
    assert metrics["not_above_clock"] == {}  # two dances have a pose, too few for a test
    assert metrics["not_above_shuffled"]["strict"] == [] and "f1" in metrics["not_above_shuffled"]["loris"]
    difference = metrics["own_minus_shuffled"]["strict"]["beat_f70"]
    assert difference["difference"] == pytest.approx(
        rhythm["generated"]["strict"]["beat_f70"] - rhythm["shuffled"]["strict"]["beat_f70"], abs=0.05
    )
    low, high = difference["interval"]
    assert 0.2 < low < difference["difference"] < high < 1

    # Of `home` no strength is known. Of two dances one is weak and one strong, too few for intervals.
    by_third = metrics["strength"]
    assert set(by_third) == {"weak", "strong"}
    assert (by_third["weak"]["strength"], by_third["strong"]["strength"]) == ([0.2, 0.2], [0.9, 0.9])
    assert {record["dance"]: record["strength"] for record in records} == {
        "dance_one": "0.9", "dance_two": "0.2", "home": "",
    }  # fmt: skip
    for third, dance in (("weak", "dance_two"), ("strong", "dance_one")):
        assert (by_third[third]["dances"], by_third[third]["clips"]) == (1, 2)
        assert by_third[third]["interval"] == by_third[third]["own_minus_shuffled"] == {}
        assert "shuffled" not in by_third[third]["rhythm"] and set(by_third[third]["rhythm"]["clock"]) == {
            "strict", "dynamics",
        }  # fmt: skip
        for row in ("generated", "delayed"):
            values = [
                float(record["strict_beat_f70"])
                for record in records
                if (record["dance"], record["row"]) == (dance, row)
            ]
            assert by_third[third]["rhythm"][row]["strict"]["beat_f70"] == pytest.approx(np.mean(values), abs=1e-6)
    assert len(records) == 5 * len(ROWS) - 2
    assert {record["row"] for record in records if record["clip_id"] == "home_000000"} == {*ROWS} - {
        "clock",
        "retrieval",
    }
    own = {record["clip_id"]: record for record in records if record["row"] == "generated"}
    assert set(own) == {"one_000000", "one_005000", "two_000000", "two_005000", "home_000000"}
    assert float(own["two_005000"]["loris_bcs"]) == 100.0
    motion = read_motion_beats(Path("data/pose3d/two.npz"), 5.0, 10.0).times
    beats = events(music(120.0)[5 * SR :], SR).beats
    assert float(own["two_005000"]["alignment_bas"]) == pytest.approx(alignment_score(beats, motion), abs=1e-6)
    assert own["home_000000"]["alignment_bas"] == ""  # it has no pose
    heard = events(music(110.0)[: 5 * SR], SR).tempo  # its true tempo is the one that the list of videos names
    assert float(own["home_000000"]["strict_tempo_error_bpm"]) == pytest.approx(abs(heard - 115.0), abs=1e-5)
    mean = np.mean([float(record["strict_beat_f70"]) for record in own.values()])
    assert mean == pytest.approx(rhythm["generated"]["strict"]["beat_f70"], abs=1e-5)
    said = capsys.readouterr().out
    assert "5 of 8 test clips scored" in said
    assert f"generated minus shuffled: beat F {difference['difference']:+.3f} [" in said
    lines = said.splitlines()
    first = lines.index("by strength of the dances: weak (1), middle, strong (1) third")
    shown = {line.split()[0]: line.split()[1:] for line in lines[first + 2 : first + 7]}
    assert list(shown) == ["generated", "ceiling", "truth", "clock", "retrieval"]
    assert shown["truth"][3:6] == ["1.00", "–", "1.00"]


@pytest.mark.long
def test_intervals_and_dances(miniature):
    """Clips of one dance go together: of `home`, whose dance is not known, the video stands for it."""
    evaluate.main([])
    metrics, records = read()
    dances = {record["video_id"]: record["dance"] for record in records}
    assert dances == {"one": "dance_one", "two": "dance_two", "home": "home"}
    own = [record for record in records if record["row"] == "delayed"]
    values = np.array([[float(record["strict_onset_f50"])] for record in own])
    expected = bootstrap.interval(values, [record["dance"] for record in own])[0]
    assert metrics["interval"]["delayed"]["strict"]["onset_f50"] == pytest.approx(list(expected), abs=1e-5)
    assert metrics["interval"]["generated"]["loris"]["f1"] == [100.0, 100.0]
    # Three dances are too few for a distance, which so is not tested either.
    assert "descriptors" not in metrics["interval"]["delayed"] and "descriptors" not in metrics["uninformative"]


@pytest.mark.long
def test_validation_split(miniature):
    """The clips of the wanted split are scored, counted and compared with training; nothing of another split is."""
    clips, videos = (pd.read_parquet(f"data/index/{name}.parquet") for name in ("clips", "videos"))
    for frame in (clips, videos):
        frame.loc[frame.video_id.isin(["one", "two"]), "split"] = "val"
        frame.to_parquet(f"data/index/{'clips' if 'clip_id' in frame else 'videos'}.parquet")
    settings = YAML(typ="safe").load(Path("params.yaml").read_text())
    settings["sample"]["split"] = "val"
    with open("params.yaml", "w") as file:
        YAML().dump(settings, file)
    evaluate.main([])
    metrics, records = read()
    assert metrics["data"] == {
        "split": "val", "val_videos": 2, "val_clips": 4, "missing_clips": 0, "faulty_clips": 0, "true_beat_clips": 4,
        "train_clips": 3, "failed_videos": 3,
        "leak": {"music": 0, "dance": 2, "video": 0, "unknown_music": 0, "unknown_dance": 0},
    }  # fmt: skip
    assert {record["video_id"] for record in records} == {"one", "two"}


@pytest.mark.long
def test_outputs_are_the_same_with_two_workers_and_without_truth_sections_are_left_out(miniature, monkeypatch):
    evaluate.main([])
    first = Path("reports/metrics.json").read_bytes(), Path("reports/per_clip.csv").read_bytes()
    monkeypatch.setenv("PACE_WORKERS", "2")
    evaluate.main([])
    assert first == (Path("reports/metrics.json").read_bytes(), Path("reports/per_clip.csv").read_bytes())
    for path in (*Path("truth").iterdir(), *Path("data/pose3d").iterdir()):
        path.unlink()
    monkeypatch.setenv("PACE_WORKERS", "0")
    evaluate.main([])
    metrics, records = read()
    assert "lift" not in metrics
    assert set(metrics["pose"]) == {"confidence", "detected"}
    assert metrics["data"]["true_beat_clips"] == 0
    assert "alignment" not in metrics["rhythm"]["truth"]
    assert "strength" not in metrics and "strength" not in records[0]
    assert metrics["rhythm"]["truth"]["strict"]["beat_f70"] == 1.0  # against beats tracked in itself


def test_nothing_to_score_stops_with_one_line(miniature):
    for path in Path("data/generated").iterdir():
        path.unlink()
    with pytest.raises(ValueError, match="none of 8 test clips has both"):
        evaluate.main([])


@pytest.mark.long
def test_faulty_music_is_scored_as_it_is_named_and_counted(miniature, capsys):
    """What sounds at another rate is the same music; NaN is silence; silence and an empty file score 0."""
    good, _ = soundfile.read("data/generated/two_005000.wav", dtype="float32")
    faster = np.repeat(good, 2)
    soundfile.write("data/generated/two_005000.wav", np.stack([faster, faster], axis=1), 2 * SR)
    nan = good.copy()
    nan[-SR:] = np.nan
    soundfile.write("data/generated/two_000000.wav", nan, SR, subtype="FLOAT")
    soundfile.write("data/generated/one_000000.wav", 0 * good, SR)
    soundfile.write("data/generated/one_005000.wav", good[:0], SR)
    evaluate.main([])
    metrics, records = read()
    assert (metrics["data"]["missing_clips"], metrics["data"]["faulty_clips"]) == (3, 4)
    assert metrics["faults"] == {
        "one_000000": "silent", "one_005000": "empty; 0.000 s instead of 5",
        "two_000000": f"not finite: {SR} samples set to 0", "two_005000": "44100 Hz instead of 22050",
    }  # fmt: skip
    said = capsys.readouterr().out.splitlines()
    assert {f"evaluate: {name}: {text}" for name, text in metrics["faults"].items()} < set(said)
    own = {record["clip_id"]: float(record["strict_onset_f70"]) for record in records if record["row"] == "generated"}
    assert own["home_000000"] == 1 and own["two_005000"] > 0.9 and 0.7 < own["two_000000"] < 1
    assert own["one_000000"] == own["one_005000"] == 0
    assert metrics["rhythm"]["generated"]["strict"]["onset_f70"] == pytest.approx(sum(own.values()) / 5, abs=1e-5)
    distance = metrics["fad"]["generated"]["descriptors"]
    assert (distance["n"], distance["n_reference"]) == (21, 25) and np.isfinite(distance["fad"])


@pytest.mark.long
def test_music_that_cannot_be_read_is_a_missing_clip_with_its_reason(miniature, capsys):
    Path("data/generated/one_000000.wav").write_text("no music")
    evaluate.main([])
    metrics, records = read()
    assert (metrics["data"]["missing_clips"], metrics["data"]["faulty_clips"]) == (4, 1)
    assert metrics["faults"]["one_000000"].startswith("not scored: one_000000.wav: not a readable media file")
    assert "4 of 8 test clips scored" in capsys.readouterr().out
    assert "one_000000" not in {record["clip_id"] for record in records}
    for path in Path("data/generated").iterdir():
        path.write_text("no music")
    with pytest.raises(ValueError, match=r"no generated clip can be read; the first, not scored: .*not a readable"):
        evaluate.main([])


@pytest.mark.long
def test_clips_without_audible_truth_are_in_no_row_named_and_counted(miniature, capsys):
    """Silent true music (here a constant with dither), a track that cannot be read, a pose with NaN, a steady tone."""
    track, _ = soundfile.read("data/audio/one.wav", dtype="float32")
    track[5 * SR :] = 0.25 + np.random.default_rng(0).integers(-1, 2, len(track) - 5 * SR) / 2**15
    track[: 5 * SR] = 0.1 * np.sin(np.arange(5 * SR) / 10)  # an onset at its start and no beat
    soundfile.write("data/audio/one.wav", track, SR, subtype="PCM_16")
    Path("data/audio/home.wav").write_text("no music")
    with np.load("data/pose3d/two.npz") as file:
        bent = file["pose"]
    bent[200, 3] = np.nan
    bent[10:60, 5] = np.nan
    np.savez("data/pose3d/two.npz", pose=bent, fps=30.0)
    evaluate.main([])
    metrics, records = read()
    said = capsys.readouterr().out
    of_beats = [name for name in STRICT_ORDER if not name.startswith("onset")]
    assert set(metrics["unscored"]) == {"one_000000", "one_005000", "two_000000", "home_000000"}
    assert metrics["unscored"]["one_005000"] == "left out of every row: its true music is silent"
    assert metrics["unscored"]["home_000000"].startswith("left out of every row: its true music cannot be read: ")
    assert "home.wav" in metrics["unscored"]["home_000000"] and str(miniature) not in metrics["unscored"]["home_000000"]
    assert metrics["unscored"]["one_000000"] == (
        f"left out of strict ({', '.join(of_beats)}), alignment (bas, bas_music) in every row: "
        "no beat is heard in its true music"
    )
    assert metrics["unscored"]["two_000000"] == (
        "left out of alignment in every row: "
        "NaN or infinity over more than 0.25 s in a row, in 50 of 150 frames of two.npz"
    )
    for name, text in metrics["unscored"].items():
        assert f"evaluate: {name}: {text}" in said.splitlines()
    assert metrics["data"]["missing_clips"] == 5 and "3 of 8 test clips scored" in said
    assert {record["clip_id"] for record in records} == {"one_000000", "two_000000", "two_005000"}
    assert "home_000000" not in metrics.get("faults", {})
    rows = {row: values for row, values in metrics["missing"].items() if row != "shuffled"}
    assert rows["truth"]["dynamics"] == {"loudness": 1, "density": 3}  # of regular clicks and a tone
    rows = {row: {name: values[name] for name in ("strict", "alignment")} for row, values in rows.items()}
    lost = {"strict": dict.fromkeys(of_beats, 1), "alignment": {"bas": 1, "bas_music": 1}}
    assert rows == {row: lost for row in ROWS if row != "shuffled"}
    truth = metrics["rhythm"]["truth"]
    assert truth["loris"]["f1"] == 100 and truth["strict"]["onset_f50"] == 1 and truth["strict"]["beat_f70"] >= 0.9
    assert 0 < truth["alignment"]["bas"] < 1
    cells = {(record["clip_id"], record["row"]): record["strict_beat_f70"] for record in records}
    assert cells["one_000000", "generated"] == "" and float(cells["two_005000", "generated"]) >= 0.9
    numbers = []  # NaN and Infinity, which are no JSON
    json.loads(Path("reports/metrics.json").read_text(), parse_constant=numbers.append)
    assert numbers == []


@pytest.mark.long
def test_networks_that_listen_have_all_threads(miniature, monkeypatch):
    """A single worker is the main process, where the ceiling must not leave PyTorch with one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        network_threads = []
        monkeypatch.setattr(
            evaluate.embeddings, "embed_clip",
            lambda *given: network_threads.append(torch.get_num_threads()) or embed_clip(*given),
        )  # fmt: skip
        evaluate.main([])
        ceiling_track(music(100.0)[: 5 * SR], Path("models/vae"), VocoderParams(1, 0.0))
        assert {*network_threads, torch.get_num_threads()} == {3}
    finally:
        torch.set_num_threads(threads)
