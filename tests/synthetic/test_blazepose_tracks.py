"""The pose estimator for real videos tracks the drawn dancer."""

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt

from pace.pose import mediapipe
from pace.pose.skeleton import halpe26_to_h36m
from pace.synthetic.camera import random_camera
from pace.synthetic.choreography import choreograph
from pace.synthetic.clock import Clock
from pace.synthetic.render import render

pytestmark = pytest.mark.long

FPS = 30.0
STYLES = ("break", "house", "waack", "krump", "ballet_jazz")


@pytest.fixture(scope="module")
def tracked():
    """For each style: detected (N,), error (N,17) in body heights, and the joints' true and estimated speed (N,17)."""
    out = []
    for number, style in enumerate(STYLES):
        rng = np.random.default_rng([77, number])
        motion = choreograph(style, Clock(95.0 + 8 * number, 0.2), 2.5, FPS, rng).motion
        camera = random_camera(rng, 256, motion)
        estimate = mediapipe.estimate(render(motion, camera, 256, rng), FPS, style)
        pose, truth = halpe26_to_h36m(estimate.keypoints)[..., :2], camera.project(motion.joints)
        stature = motion.body.height * camera.focal / camera.to_camera(motion.joints[:, 0])[:, 2]
        smooth = sosfiltfilt(butter(2, 6.0, fs=FPS, output="sos"), pose, axis=0)
        speeds = [np.linalg.norm(np.gradient(track, axis=0), axis=-1) for track in (truth, smooth)]
        out.append((estimate.detected, np.linalg.norm(pose - truth, axis=-1) / stature[:, None], *speeds))
    return out


def test_person_is_detected(tracked):
    assert np.mean(np.concatenate([detected for detected, *_ in tracked])) >= 0.98


def test_joints_are_within_a_tenth_of_body_height(tracked):
    correct = [(error < 0.1) & detected[:, None] for detected, error, *_ in tracked]
    assert np.mean(np.concatenate(correct)) >= 0.95


def test_limbs_move_as_in_truth(tracked):
    """The speeds of wrists and ankles, low-passed at 6 Hz as in the energy stage, follow the true speeds."""
    for joint in (3, 6, 13, 16):
        correlations = [np.corrcoef(truth[:, joint], estimate[:, joint])[0, 1] for *_, truth, estimate in tracked]
        assert np.mean(correlations) > 0.85
