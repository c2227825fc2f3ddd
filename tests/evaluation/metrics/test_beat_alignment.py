"""Beat alignment of dance and music, on movements whose turning points are known."""

import numpy as np
import pytest
from scipy.signal import argrelextrema

from pace.evaluation.metrics.beat_alignment import alignment_score, compare, motion_beats, read_motion_beats

FPS = 60.0


def swing(period=1.0, first=0.3, seconds=8.0, fps=FPS):
    """Joints (N,17,3) that swing as cosines of `period`; they stand still every half period from `first` on."""
    t = np.arange(round(seconds * fps)) / fps
    size = np.random.default_rng(0).normal(size=(17, 3))
    return size * np.cos(2 * np.pi * (t - first) / period)[:, None, None]


@pytest.mark.parametrize("fps", [30.0, 60.0])
def test_motion_beats_are_where_the_body_stands_still(fps):
    beats = motion_beats(swing(fps=fps), fps)
    expected = np.arange(0.3, 8, 0.5)
    assert len(beats) == len(expected)
    assert np.abs(beats - expected).max() <= 0.5 / fps + 1e-9


def test_unit_and_place_of_the_body_do_not_matter():
    pose = swing()
    np.testing.assert_allclose(motion_beats(100 * pose + 7, FPS), motion_beats(pose, FPS))


def test_minima_are_the_lowest_within_a_sixth_of_a_second():
    """As in AIST++, 10 frames on either side at 60 frames/s: stops 250 ms apart count, those 120 ms apart do not."""
    assert len(motion_beats(swing(period=0.5), FPS)) == pytest.approx(8 / 0.25, abs=1)
    assert len(motion_beats(swing(period=0.24), FPS)) < 8 / 0.12 / 2
    rng = np.random.default_rng(1)
    noise = np.cumsum(rng.normal(size=(600, 17, 3)), axis=0)
    beats = motion_beats(noise, FPS)
    assert len(beats) > 5 and np.diff(beats).min() > 10 / 60


def test_a_still_body_has_no_beats():
    assert motion_beats(np.ones((100, 17, 3)), FPS).size == 0


def test_score_is_the_mean_of_gaussians_of_the_nearest_distance():
    """Sigma is 3 frames at 60 frames/s: 50 ms."""
    motion = np.array([1.0, 2.05, 3.1])
    music = np.array([1.0, 2.0, 3.0, 4.0, 0.1])
    expected = (1 + np.exp(-0.5) + np.exp(-2)) / 3
    assert alignment_score(music, motion) == pytest.approx(expected)
    assert alignment_score(motion, music) == pytest.approx((expected * 3 + np.exp(-162) + np.exp(-162)) / 5)
    assert compare(motion, music) == {
        "bas": alignment_score(music, motion),
        "bas_music": alignment_score(motion, music),
    }


def test_agrees_with_the_published_definition_on_frames():
    """The definition written out: frames at 60 Hz, sigma 3 frames, minima of order 10."""
    rng = np.random.default_rng(2)
    motion, music = (np.sort(rng.choice(300, size, replace=False)) for size in (12, 9))
    total = 0.0
    for frame in motion:
        total += np.exp(-min((frame - other) ** 2 for other in music) / 2 / 3**2)
    assert alignment_score(music / 60, motion / 60) == pytest.approx(total / len(motion))
    pose = swing(period=0.9, first=0.207)
    speed = np.linalg.norm(pose[1:] - pose[:-1], axis=2).sum(axis=1)
    (frames,) = argrelextrema(speed, np.less, order=10)
    beats = motion_beats(pose, FPS)
    assert np.abs(beats - (frames + 0.5) / FPS).max() <= 1 / FPS  # the low-pass moves a stop by no more than a frame


def test_music_without_beats_scores_zero_and_a_dance_without_beats_has_no_score():
    beats, none = np.array([0.4, 1.1, 2.0]), np.zeros(0)
    assert compare(beats, beats) == {"bas": 1.0, "bas_music": 1.0}
    assert compare(beats, none) == {"bas": 0.0, "bas_music": 0.0}
    for music in (beats, none):
        assert np.isnan([*compare(none, music).values()]).all()
    assert alignment_score(none, beats) == 0 and np.isnan(alignment_score(beats, none))


def test_the_other_direction_exposes_dense_music():
    """Clicks every 100 ms: the nearest is spread evenly over one sigma, where the Gaussian's mean is 0.856."""
    motion = np.random.default_rng(0).uniform(0, 100, 4000)
    dense = np.arange(0, 100, 0.1)
    assert alignment_score(dense, motion) == pytest.approx(0.856, abs=0.01)
    dance = np.arange(0.33, 100, 1.0)
    assert alignment_score(dance, dense) < 0.15 < 0.8 < alignment_score(dense, dance)


def test_reading_cuts_the_clip_from_the_whole_track(tmp_path):
    np.savez(tmp_path / "a.npz", pose=swing(), fps=FPS)
    np.testing.assert_allclose(read_motion_beats(tmp_path / "a.npz", 5.0, 8.0).times, np.arange(0.3, 3, 0.5), atol=0.02)
    assert read_motion_beats(tmp_path / "c.npz", 0.0, 5.0) is None


def read(path, pose, fps=FPS, start=0.0, end=8.0):
    np.savez(path, pose=pose, fps=fps)
    return read_motion_beats(path, start, end)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_short_gaps_in_a_joint_are_interpolated_and_counted(tmp_path, bad):
    """At 60 frames/s 15 frames are 0.25 s. The 17 joints swing together, so one of them hardly moves the beats."""
    pose = swing()
    pose[100, 3] = bad
    pose[200:215, 5, 1] = bad
    pose[:15, 9], pose[-15:, 9] = bad, bad
    found = read(tmp_path / "a.npz", pose)
    assert (found.unusable, found.filled) == ("", 1 + 15 + 15 + 15)
    np.testing.assert_allclose(found.times[1:-1], np.arange(0.3, 8, 0.5)[1:-1], atol=0.04)
    assert read(tmp_path / "a.npz", pose, start=1.0, end=3.0).filled == 1


def test_a_long_gap_makes_the_pose_unusable_where_it_is(tmp_path):
    pose = swing()
    pose[200:216, 5, 1] = np.nan
    found = read(tmp_path / "a.npz", pose)
    assert found.times is None
    assert found.unusable == "NaN or infinity over more than 0.25 s in a row, in 16 of 480 frames of a.npz"
    assert len(read(tmp_path / "a.npz", pose, start=5.0, end=8.0).times) == 6  # the gap is before the clip
    pose = swing()
    pose[:, 4] = np.nan  # a joint that no frame has
    assert "in 480 of 480 frames" in read(tmp_path / "a.npz", pose).unusable
    assert read(tmp_path / "a.npz", np.full((90, 17, 2), np.nan)).times is None


def test_poses_without_beats(tmp_path):
    """Too short a track or too low a rate is unusable. A still body has a pose and no beats."""
    for frames in (0, 1, 9):
        assert f"a.npz: track of {frames} frames" in read(tmp_path / "a.npz", swing()[:frames]).unusable
    assert "needs over 12 frames/s" in read(tmp_path / "a.npz", swing(), fps=10.0).unusable
    still = read(tmp_path / "a.npz", np.ones((90, 17, 3)))
    assert still.unusable == "" and still.times.shape == (0,)


@pytest.mark.parametrize(
    ("pose", "fps", "message"),
    [
        (np.zeros((90, 51)), 30.0, r"pose has shape \(90, 51\)"),
        (np.zeros((90, 17, 4)), 30.0, r"pose has shape \(90, 17, 4\)"),
        (np.zeros((90, 0, 3)), 30.0, r"pose has shape \(90, 0, 3\)"),
        (np.zeros((90, 17, 3)), 0.0, "fps is 0"),
        (np.zeros((90, 17, 3)), np.nan, "fps is nan"),
        (np.full((90, 17, 3), "x"), 30.0, "could not convert"),
    ],
)
def test_a_file_that_is_no_pose_is_named(tmp_path, pose, fps, message):
    with pytest.raises(ValueError, match=rf"a\.npz: not a pose \({message}.*\); give arrays pose \(N,J,3\) and fps"):
        read(tmp_path / "a.npz", pose, fps)
