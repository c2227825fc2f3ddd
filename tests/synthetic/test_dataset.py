import dataclasses

import av
import numpy as np
import pytest

from pace.media.video import probe
from pace.synthetic.dataset import SyntheticParams, Video, make, plan, strength
from pace.synthetic.styles import MAX_DRIFT, STYLES, bpm_range, draw_clock

PARAMS = SyntheticParams(80, 10, 20, seconds=2.0, size=128, fps=30.0, seed=0)


def test_plan_balances_styles_and_shares_no_music():
    videos = plan(PARAMS)
    assert len(videos) == 110 and len({video.video_id for video in videos}) == 110
    assert len({video.row["music_id"] for video in videos}) == 110
    for split, each in (("train", 8), ("val", 1), ("test", 2)):
        styles = [video.style for video in videos if video.split == split]
        assert all(styles.count(style) == each for style in STYLES)


@pytest.fixture(scope="module")
def made_video(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made_video")
    video = Video("test", 6)
    make(video, PARAMS, folder / "a.mp4", folder / "a.npz", folder / "a.mid")
    return folder, video


def test_video_and_truth_agree(made_video):
    folder, video = made_video
    info = probe(folder / "a.mp4")
    assert (info.width, info.height, info.has_audio) == (128, 128, True)
    with av.open(str(folder / "a.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 60
    with np.load(folder / "a.npz", allow_pickle=False) as truth:
        assert truth["joints3d"].shape == (60, 17, 3) and truth["joints2d"].shape == (60, 17, 2)
        assert truth["joints3d"].dtype == truth["joints2d"].dtype == np.float32
        low, high = bpm_range(video.style)
        assert str(truth["style"]) == video.style and low <= truth["bpm"] <= high
        beats = truth["beats"]
        assert beats[0] < 64 / truth["bpm"] and beats[-1] + 64 / truth["bpm"] >= 2.0 and (beats < 2.0).all()
        np.testing.assert_allclose(np.diff(beats), 60 / truth["bpm"], rtol=0.065)
        assert 0 <= truth["strength"] < 1
        assert set(truth["downbeats"]) <= set(beats)
        joints = truth["joints3d"]
        pixels = joints[..., :2] / joints[..., 2:] * truth["camera_focal"] + truth["camera_centre"]
        np.testing.assert_allclose(pixels, truth["joints2d"], atol=1e-2)
        assert (joints[:, 10, 1] < joints[:, 0, 1]).all()  # y points down: the head is above the hips


def test_more_videos_change_no_other(made_video, tmp_path):
    folder, video = made_video
    more = dataclasses.replace(PARAMS, train_videos=500)
    make(video, more, tmp_path / "a.mp4", tmp_path / "a.npz", tmp_path / "a.mid")
    assert (tmp_path / "a.npz").read_bytes() == (folder / "a.npz").read_bytes()
    assert (tmp_path / "a.mp4").read_bytes() == (folder / "a.mp4").read_bytes()
    assert (tmp_path / "a.mid").read_bytes() == (folder / "a.mid").read_bytes()
    other = dataclasses.replace(PARAMS, seed=1)
    make(video, other, tmp_path / "b.mp4", tmp_path / "b.npz", tmp_path / "b.mid")
    assert (tmp_path / "b.npz").read_bytes() != (folder / "a.npz").read_bytes()


def test_tempo_and_phase_within_the_bar_are_uniform():
    rng = np.random.default_rng(0)
    clocks = [draw_clock("house", rng) for _ in range(400)]
    low, high = bpm_range("house")
    assert np.histogram([clock.bpm for clock in clocks], 4, (low, high))[0].min() > 70
    phases = [clock.first_beat * clock.bpm / 240 for clock in clocks]
    assert np.histogram(phases, 4, (0, 1))[0].min() > 70
    drifts = [clock.drift for clock in clocks]
    assert 0 <= min(drifts) < 0.01 and MAX_DRIFT - 0.01 < max(drifts) <= MAX_DRIFT


def test_the_strengths_of_a_split_are_spread_evenly():
    strengths = [strength(Video("test", number), 0) for number in range(20)]
    assert np.abs(np.sort(strengths) - (np.arange(20) + 0.5) / 20).max() < 0.1
    assert strength(Video("test", 3), 1) != strengths[3] != strength(Video("val", 3), 0)
    of_a_style = [strength(Video("train", number), 0) for number in range(2, 80, 10)]
    assert np.ptp(of_a_style) > 0.6
