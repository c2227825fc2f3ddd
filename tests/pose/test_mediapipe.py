"""BlazePose on a rendered dancer, and its landmarks in Halpe-26."""

import re

import numpy as np
import pytest

from pace.pose import mediapipe, skeleton
from pace.synthetic.camera import random_camera
from pace.synthetic.choreography import choreograph
from pace.synthetic.clock import Clock
from pace.synthetic.render import render


def test_landmarks_by_name():
    """BlazePose's order of landmarks, from its model card."""
    landmarks = np.column_stack([np.arange(33), 100 + np.arange(33), np.linspace(0, 1, 33)])
    points = mediapipe.to_halpe26(landmarks)
    blaze = {
        "nose": 0, "leye": 2, "reye": 5, "lear": 7, "rear": 8, "lshoulder": 11, "rshoulder": 12, "lelbow": 13,
        "relbow": 14, "lwrist": 15, "rwrist": 16, "lhip": 23, "rhip": 24, "lknee": 25, "rknee": 26, "lankle": 27,
        "rankle": 28, "lbigtoe": 31, "rbigtoe": 32, "lsmalltoe": 31, "rsmalltoe": 32, "lheel": 29, "rheel": 30,
    }  # fmt: skip
    for name, source in blaze.items():
        assert np.array_equal(points[skeleton.HALPE26.index(name)], landmarks[source]), name
    neck, hip, head = (points[skeleton.HALPE26.index(name)] for name in ("neck", "hip", "head"))
    assert np.allclose(neck, landmarks[[11, 12]].mean(axis=0)) and np.allclose(hip, landmarks[[23, 24]].mean(axis=0))
    ears = landmarks[[7, 8]].mean(axis=0)
    assert np.allclose(head[:2], (ears + mediapipe.HEAD_TOP * (ears - neck))[:2])
    assert head[2] == min(ears[2], neck[2])


@pytest.fixture(scope="module")
def dance():
    rng = np.random.default_rng(5)
    motion = choreograph("house", Clock(112, 0.3), 3.0, 30, rng).motion
    camera = random_camera(rng, 256, motion)
    frames = list(render(motion, camera, 256, rng))
    return frames, camera.project(motion.joints)


def delay(truth, seen):
    """Frames by which a track comes late: the maximum of the cross-correlation of velocities."""
    speed, late = np.diff(truth), np.diff(seen)
    inner = np.arange(4, len(speed) - 4, 0.1)
    lags = np.arange(-3, 3.01, 0.1)
    match = [np.corrcoef(np.interp(inner, np.arange(len(speed)), speed),
                         np.interp(inner + lag, np.arange(len(late)), late))[0, 1] for lag in lags]  # fmt: skip
    return lags[int(np.argmax(match))]


@pytest.mark.long
def test_rendered_dancer(dance):
    """Every frame found, joints within 10 % of body height, wrists and ankles not delayed, the same again."""
    frames, truth = dance
    dancer = mediapipe.estimate(iter(frames), 30.0, "v")
    assert dancer.keypoints.shape == (len(frames), 26, 3) and dancer.detected.all()
    assert (dancer.layout, dancer.fps, dancer.size) == ("halpe26", 30.0, (256, 256))
    pose = skeleton.to_h36m(dancer.keypoints, "halpe26")
    height = np.ptp(truth[..., 1], axis=1).max()
    error = np.hypot(*(pose[..., :2] - truth).transpose(2, 0, 1))
    assert (error < 0.1 * height).mean() > 0.95
    delays = [delay(truth[:, j, c], pose[:, j, c]) for j in (3, 6, 13, 16) for c in (0, 1)]
    assert abs(np.median(delays)) <= 0.15  # 5 ms
    assert np.array_equal(mediapipe.estimate(iter(frames), 30.0, "v").keypoints, dancer.keypoints)


@pytest.mark.long
def test_frames_without_a_person_are_gaps(dance):
    frames, _ = dance
    blank = np.full_like(frames[0], 128)
    dancer = mediapipe.estimate([*frames[:20], *[blank] * 5, *frames[25:40]], 30.0, "v")
    missing = np.flatnonzero(~dancer.detected)
    assert set(missing) <= set(range(20, 27)) and len(missing) >= 4
    assert (dancer.keypoints[missing, :, 2] == 0).all()
    assert np.isfinite(dancer.keypoints).all()
    nobody = mediapipe.estimate([blank] * 3, 30.0, "v")
    assert not nobody.detected.any() and nobody.keypoints.shape == (3, 26, 3)


def beside(first, second):
    """Two pictures side by side."""
    return np.ascontiguousarray(np.concatenate([first, second], axis=1))


@pytest.mark.slow
def test_the_followed_dancer_leaves_and_comes_back(dance, caplog):
    """Of two dancers one is followed; where that one is not, nobody is, until BlazePose finds the same one again."""
    frames, _ = dance
    blank = np.full_like(frames[0], 128)
    together = [beside(frame[:, ::-1], frame) for frame in frames]
    first = mediapipe.estimate(iter(together[:5]), 30.0, "v")
    right = bool(first.keypoints[0, 19, 0] > 256)
    assert not caplog.records
    seen = [
        (beside(frame[:, ::-1], blank) if right else beside(blank, frame)) if 40 <= i < 55 else together[i]
        for i, frame in enumerate(frames)
    ]
    dancer = mediapipe.estimate(iter(seen), 30.0, "v")
    assert re.search(
        r"v: followed one person until 1\.2 s; another appears at 1\.[34] s; the first is found", caplog.text
    )
    assert dancer.detected[:37].all() and not dancer.detected[40:55].any() and dancer.detected[60:].all()
    assert ((dancer.keypoints[dancer.detected, 19, 0] > 256) == right).all()
    assert (dancer.keypoints[~dancer.detected, :, 2] == 0).all()
