"""Tables of a small dataset with every kind of bad video in it."""

import dataclasses
import json
import os
import subprocess
import sys
import wave

import av
import numpy as np
import pandas as pd
import pytest
from helpers.dataset_layouts import ROOT, write_params

from pace.datasets import index
from pace.media import streams, video, writing
from stages import decode as decode_stage
from stages import index as index_stage

PARAMS = {
    "name": "synthetic", "annotations": "data/none", "cameras": ("c01",), "split_lists": "data/none", "seed": 0,
    "val_fraction": 0.1, "test_fraction": 0.1, "train_stride": 1.0, "eval_stride": 5.0,
}  # fmt: skip


def write_dataset(root, **videos):
    """Name -> (split, seconds or the content of a broken file or None for a missing one)."""
    root.mkdir()
    rows = []
    for name, (split, content) in videos.items():
        if isinstance(content, float):
            frames = (np.full((32, 48, 3), 9 * i % 200, np.uint8) for i in range(round(content * 10)))
            writing.write_video(
                root / f"{name}.mp4", frames, 10, np.zeros(100, np.float32) if split == "test" else None
            )
        elif content is not None:
            (root / f"{name}.mp4").write_bytes(content)
        rows.append((name, f"{name}.mp4", split, "break", f"m{split}", "d1"))
    pd.DataFrame(rows, columns=list(index.COLUMNS)).to_csv(root / "videos.csv", index=False)
    return root


@pytest.fixture
def dataset(tmp_path):
    return write_dataset(
        tmp_path / "set", b=("train", 8.2), a=("test", 10.0), short=("train", 4.8), gone=("val", None),
        text=("test", b"nothing"), edge=("val", 5.0),
    )  # fmt: skip


def test_tables(dataset):
    tables = index.build(index.IndexParams(root=str(dataset), **PARAMS))
    videos, clips, failures = tables.videos, tables.clips, tables.failures
    assert list(videos.video_id) == ["a", "b", "edge"]
    assert list(videos.path) == [f"{dataset}/{name}.mp4" for name in ("a", "b", "edge")]
    assert list(videos.duration_s) == pytest.approx([10.0, 8.2, 5.0])
    assert list(videos.has_audio) == [True, False, False]
    assert (videos.width == 48).all() and (videos.height == 32).all() and (videos.fps == 10).all()
    assert list(clips.clip_id) == [
        "a_000000",
        "a_005000",
        "b_000000",
        "b_001000",
        "b_002000",
        "b_003000",
        "edge_000000",
    ]
    assert list(clips.start_s) == [0, 5, 0, 1, 2, 3, 0]
    assert list(clips.split) == ["test"] * 2 + ["train"] * 4 + ["val"]
    assert set(failures) == {"short", "gone", "text"}
    assert "short.mp4: 4.80 s long, shorter than a clip of 5 s" in failures["short"]
    assert "gone.mp4: no such file" in failures["gone"]
    assert "text.mp4: not a readable media file" in failures["text"]
    assert list(videos.columns[:10]) == [
        "video_id", "path", "split", "genre", "music_id", "dancer", "bpm", "camera", "sequence", "source",
    ]  # fmt: skip
    assert list(videos.sequence) == list(videos.source) == ["a", "b", "edge"]
    assert videos.bpm.isna().all() and videos.bpm.dtype == float and (videos.camera == "").all()
    summary = index.summary(tables)
    assert "test: 1 videos, 2 clips, 1 pieces of music" in summary
    assert "of 2 test clips, 0 share their music, 0 their dance and 0 their source video" in summary


@pytest.mark.parametrize("error", [av.error.PatchWelcomeError(1, "not yet"), OSError(5, "Input/output error")])
def test_a_video_that_fails_in_ffmpeg_or_on_disk_is_left_out(dataset, monkeypatch, error):
    real = streams.packets

    def fail(container, *chosen):
        if container.name.endswith("a.mp4"):
            raise error
        return real(container, *chosen)

    monkeypatch.setattr(streams, "packets", fail)
    tables = index.build(index.IndexParams(root=str(dataset), **PARAMS))
    assert list(tables.videos.video_id) == ["b", "edge"] and error.strerror in tables.failures["a"]


def test_no_error_of_a_library_stops_the_other_videos(dataset, monkeypatch):
    real = video.probe

    def fail(path):
        if path.name == "a.mp4":
            raise TypeError("unsupported operand")
        return real(path)

    monkeypatch.setattr(video, "probe", fail)
    tables = index.build(index.IndexParams(root=str(dataset), **PARAMS))
    assert list(tables.videos.video_id) == ["b", "edge"]
    assert tables.failures["a"] == f"{dataset}/a.mp4: cannot be read (TypeError: unsupported operand); leave it out"


@pytest.mark.parametrize(
    "duration, stride, count", [(4.97, 1, 0), (4.98, 1, 1), (5.99, 1, 2), (10, 5, 2), (9.97, 5, 1), (5.3, 0.1, 4)]
)
def test_clip_starts(duration, stride, count):
    starts = index.clip_starts(duration, stride)
    assert len(starts) == count
    assert starts == pytest.approx([i * stride for i in range(count)])
    assert all(start + 5.0 <= duration + 0.02 + 1e-9 for start in starts)


def test_wrong_tables(tmp_path):
    def build(root):
        return index.build(index.IndexParams(root=str(root), **PARAMS))

    with pytest.raises(index.DatasetError, match=r"videos\.csv: no such file"):
        build(tmp_path)
    with pytest.raises(index.DatasetError, match=r"none of its 1 videos can be used; the first: .*no such file"):
        build(write_dataset(tmp_path / "gone", a=("test", None)))
    with pytest.raises(index.DatasetError, match="video a has the split 'dev'; allowed: train, val, test"):
        build(write_dataset(tmp_path / "split", a=("dev", None)))
    root = write_dataset(tmp_path / "twice", a=("test", None))
    table = pd.read_csv(root / "videos.csv")
    pd.concat([table, table]).to_csv(root / "videos.csv", index=False)
    with pytest.raises(index.DatasetError, match=r"'a' is listed twice \(a\.mp4, a\.mp4\)"):
        build(root)
    table.drop(columns="dancer").to_csv(root / "videos.csv", index=False)
    with pytest.raises(index.DatasetError, match="no column 'dancer'"):
        build(root)
    table.assign(video_id="../a").to_csv(root / "videos.csv", index=False)
    with pytest.raises(index.DatasetError, match=r"video_id '\.\./a' cannot name files"):
        build(root)


def test_stages_index_and_decode(dataset, tmp_path, monkeypatch):
    """A bad video never stops the others; outputs have the promised lengths and the same bytes again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PACE_WORKERS", "0")
    (dataset / "late.mp4").write_bytes((dataset / "a.mp4").read_bytes())
    with open(dataset / "videos.csv", "a") as file:
        file.write("late,late.mp4,train,pop,m2,d2\n")
    write_params(tmp_path, dataset={"root": "set"}, decode={"fps": 20, "short_side": 24})
    index_stage.main([])
    tables = [(tmp_path / f"data/index/{name}.parquet").read_bytes() for name in ("videos", "clips")]
    assert set(json.loads((tmp_path / "data/index/failures.json").read_text())) == {"short", "gone", "text"}
    (dataset / "late.mp4").unlink()
    decode_stage.main([])
    failures = json.loads((tmp_path / "data/decoded/failures.json").read_text())
    assert set(failures) == {"late"}
    assert "late.mp4" in failures["late"]
    frames = list(video.read_frames(tmp_path / "data/decoded/b.mp4"))
    assert len(frames) == 164
    assert frames[0].shape == (24, 36, 3)
    assert sorted(path.name for path in (tmp_path / "data/audio").iterdir()) == ["a.wav"]
    with wave.open(str(tmp_path / "data/audio/a.wav")) as file:
        assert file.getparams()[:4] == (1, 2, 22050, 220500)
    first = (tmp_path / "data/decoded/b.mp4").read_bytes()
    video.decode(dataset / "b.mp4", tmp_path / "again.mp4", tmp_path / "again.wav", 20, 24)
    assert (tmp_path / "again.mp4").read_bytes() == first
    (dataset / "late.mp4").write_bytes((dataset / "a.mp4").read_bytes())
    index_stage.main([])
    assert tables == [(tmp_path / f"data/index/{name}.parquet").read_bytes() for name in ("videos", "clips")]


def test_every_dataset_name_has_a_reader():
    (name,) = (field for field in dataclasses.fields(index.IndexParams) if field.name == "name")
    assert set(name.metadata["choices"]) == set(index.READERS)


@pytest.mark.long
def test_a_wrong_input_ends_a_stage_with_one_line_that_names_the_file(tmp_path):
    def run(stage):
        command = [sys.executable, "-m", f"stages.{stage}"]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    write_params(tmp_path, dataset={"name": "folder", "root": "mine", "cameras": ["c10"]})
    done = run("index")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("index: params.yaml: `dataset.cameras` is 'c10'; allowed values: all, c01")
    assert done.stderr.count("\n") == 1
    write_params(tmp_path, dataset={"name": "folder", "root": "mine"})
    assert run("index").stderr == "index: mine: no such folder; set dataset.root to the folder of your videos\n"


DIES = """
import sys
from helpers import misbehaving
from pace.media import video
from pace.datasets import folder
real = video.probe
def probe(path):
    misbehaving.media(path)
    return real(path)
video.probe = folder.probe = probe
from stages import index
if __name__ == "__main__":
    index.main([])
"""


@pytest.mark.long
@pytest.mark.parametrize("name", ["folder", "synthetic"])
def test_a_file_that_crashes_its_reader_is_left_out(tmp_path, name):
    """With a probe that dies on one file, as a decoder may, and raises an odd error on another."""
    write_dataset(tmp_path / "set", a=("test", 5.0), crash=("train", b"x"), odd=("train", b"y"), b=("train", 6.0))
    write_params(tmp_path, dataset={"name": name, "root": str(tmp_path / "set")})
    (tmp_path / "dies.py").write_text(DIES)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}", "PACE_WORKERS": "2"}
    done = subprocess.run(
        [sys.executable, "dies.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert list(pd.read_parquet(tmp_path / "data/index/videos.parquet").video_id) == ["a", "b"]
    failures = json.loads((tmp_path / "data/index/failures.json").read_text())
    assert failures == {
        "crash": f"{tmp_path}/set/crash.mp4: its worker process died (SIGSEGV)",
        "odd": f"{tmp_path}/set/odd.mp4: cannot be read (TypeError: int expected); leave it out",
    }
