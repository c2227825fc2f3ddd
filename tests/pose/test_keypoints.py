"""The keypoints file, its gaps and its frame grid; the stage that writes it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.dataset_layouts import write_params

from pace.media import writing
from pace.pose import backends, skeleton
from pace.pose import keypoints as kp
from stages import index as index_stage
from stages import keypoints as keypoints_stage


def straight(count, fps=30.0, detected=None):
    """Keypoint k moves at k pixels per frame."""
    points = np.zeros((count, 26, 3), np.float32)
    points[..., 0] = np.arange(count)[:, None] * np.arange(26)
    points[..., 2] = 0.9
    detected = np.ones(count, bool) if detected is None else detected
    return kp.Keypoints(points, "halpe26", fps, (640, 360), detected)


def standing(x):
    """A person (26,3) that stands at `x` in a picture of 64 x 36: the head at y = 4, the feet at 32."""
    names = skeleton.HALPE26
    y = {"ankle": 30, "heel": 31, "toe": 32, "knee": 24, "hip": 17, "wrist": 17, "elbow": 14, "shoulder": 9, "neck": 8}
    heights = [next((value for part, value in y.items() if part in name), 4) for name in names]
    return np.array(
        [(x + 5 + 6 * name.startswith("r"), height, 1.0) for name, height in zip(names, heights, strict=True)]
    )


def test_save_and_load(tmp_path):
    first = straight(7)
    first.save(tmp_path / "a.npz")
    back = kp.load(tmp_path / "a.npz")
    assert np.array_equal(back.keypoints, first.keypoints) and back.keypoints.dtype == np.float32
    assert (back.layout, back.fps, back.size) == ("halpe26", 30.0, (640, 360))
    assert back.detected.dtype == bool and back.detected.all()
    first.save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    np.savez(tmp_path / "c.npz", pose=np.zeros(3))
    with pytest.raises(kp.KeypointsError, match=r"c\.npz: not a keypoints file"):
        kp.load(tmp_path / "c.npz")


def test_gaps_are_linear_with_confidence_zero():
    source = straight(12)
    detected = np.ones(12, bool)
    detected[[0, 4, 5, 6, 11]] = False
    broken = source.keypoints.copy()
    broken[~detected] = 777
    filled = kp.fill_gaps(broken, detected)
    assert np.allclose(filled[1:11, :, 0], source.keypoints[1:11, :, 0], atol=1e-4)
    assert np.array_equal(filled[0, :, :2], source.keypoints[1, :, :2])
    assert np.array_equal(filled[11, :, :2], source.keypoints[10, :, :2])
    assert (filled[~detected, :, 2] == 0).all() and (filled[detected, :, 2] == np.float32(0.9)).all()


def test_resample_keeps_time():
    """60 to 30 takes every second frame; 25 to 30 interpolates; both keep x = k * 30 t."""
    for rate in (60, 25, 29.97):
        source = straight(round(4 * rate), rate)
        out = kp.resample(source, np.arange(len(source.keypoints)) / rate, 30.0, 120)
        inside = np.arange(120) / 30 <= (len(source.keypoints) - 1) / rate
        expected = np.arange(120)[:, None] / 30 * rate * np.arange(26)
        assert np.allclose(out.keypoints[inside, :, 0], expected[inside], atol=0.05)
        assert out.fps == 30.0 and out.detected.all()
    detected = np.ones(50, bool)
    detected[20] = False
    out = kp.resample(straight(50, 25.0, detected), np.arange(50) / 25, 30.0, 60)
    assert list(np.flatnonzero(~out.detected)) == [23, 24, 25]  # 0.767 to 0.833 s, between frames 19 and 21
    assert (out.keypoints[23:26, :, 2] == 0).all()


def test_require_person():
    detected = np.arange(100) < 25
    kp.require_person(straight(100, detected=detected), 0.25, "v.mp4")
    with pytest.raises(kp.KeypointsError, match=r"v\.mp4: no person in 75 % of its frames"):
        kp.require_person(straight(100, detected=detected), 0.3, "v.mp4")
    with pytest.raises(kp.KeypointsError, match="no person in 100 %"):
        kp.require_person(straight(100, detected=detected & False), 0.0, "v.mp4")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Four short videos at 20 frames per second, indexed, as a project's working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PACE_WORKERS", "0")
    (tmp_path / "set").mkdir()
    rows = []
    for name in ("good", "torn", "lost", "blank"):
        writing.write_video(tmp_path / f"set/{name}.mp4", (np.full((36, 64, 3), 90, np.uint8) for _ in range(100)), 20)
        rows.append((name, f"{name}.mp4", "train", "", "m", ""))
    columns = ["video_id", "file", "split", "genre", "music_id", "dancer"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "set/videos.csv", index=False)

    def configure(backend, source):
        keypoints = {"backend": backend, "source": source, "min_detected": 0.3}
        keypoints |= {"rtmpose_det": "data/none", "rtmpose_pose": "data/none"}
        write_params(tmp_path, dataset={"root": "set"}, decode={"fps": 30, "short_side": 36}, keypoints=keypoints)
        index_stage.main([])

    return configure


def test_stage_with_result_files(project, tmp_path):
    """Original pixels, the decoded grid, and one bad file that does not stop the others."""
    project("alphapose", "results")
    (tmp_path / "results").mkdir()

    def people(frames):
        return [{"image_id": f"{i}.jpg", "keypoints": standing(i / 4).ravel().tolist(), "idx": 1} for i in frames]

    (tmp_path / "results/good.json").write_text(json.dumps(people(range(100))))
    (tmp_path / "results/blank.json").write_text(json.dumps(people(range(20))))
    (tmp_path / "results/torn.json").write_text("[{")
    keypoints_stage.main([])
    dancer = kp.load(tmp_path / "data/keypoints/good.npz")
    assert dancer.keypoints.shape == (150, 26, 3) and dancer.fps == 30 and dancer.size == (64, 36)
    assert np.allclose(dancer.keypoints[:148, 3, 0], np.arange(148) / 30 * 5 + standing(0)[3, 0], atol=0.01)
    failures = json.loads((tmp_path / "data/keypoints/failures.json").read_text())
    assert set(failures) == {"torn", "lost", "blank"}
    assert "torn.json: not JSON" in failures["torn"]
    assert failures["lost"].startswith("results/lost.json: no such file; run AlphaPose on the video")
    assert "blank.json: no person in 81 % of its frames" in failures["blank"]


@pytest.mark.long
def test_stage_reports_videos_without_a_person(project, tmp_path):
    project("mediapipe", "set")
    with pytest.raises(RuntimeError, match=r"none of 4 videos could be processed.*no person in 100 % of its frames"):
        keypoints_stage.main([])


@pytest.mark.parametrize("backend", ["mediapipe", "rtmpose"])
def test_frames_of_another_rate_come_on_the_grid(tmp_path, monkeypatch, backend):
    """Videos of `keypoints.source` need not be the decoded ones: 20 frames a second for 5 s are 150 at 30."""
    writing.write_video(tmp_path / "v.mp4", (np.full((36, 64, 3), 2 * i, np.uint8) for i in range(100)), 20)
    seen = []

    def estimate(frames, fps, *_):
        seen.extend(round(float(frame.mean()) / 2) for frame in frames)
        return straight(len(seen), fps)

    monkeypatch.setattr(getattr(backends, backend), "estimate", estimate)
    settings = backends.KeypointsParams(
        backend=backend, source="x", rtmpose_det="data/none", rtmpose_pose="data/none", min_detected=0.3
    )
    inputs = (tmp_path / "v.mp4", *([Path("det"), Path("pose")] if backend == "rtmpose" else []))
    backends.find_keypoints(settings, 30.0, "v", inputs, tmp_path)
    assert len(seen) == 150 and kp.load(tmp_path / "keypoints.npz").fps == 30
    assert abs(np.array(seen) - np.arange(150) * 20 / 30).max() < 1.5  # the greys are quantised
