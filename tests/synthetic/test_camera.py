import numpy as np
import pytest

from pace.synthetic.camera import MAX_YAW, look, random_camera
from pace.synthetic.choreography import choreograph
from pace.synthetic.clock import Clock
from pace.synthetic.styles import STYLES


def test_known_projection():
    camera = look(0.0, 0.0, np.array([0.0, 1.0, 0.0]), distance=4.0, focal=300.0, size=256)
    point = np.array([0.5, 1.5, 0.0])
    np.testing.assert_allclose(camera.to_camera(point), [0.5, -0.5, 4.0])
    np.testing.assert_allclose(camera.project(point), [128 + 37.5, 128 - 37.5])
    np.testing.assert_allclose(camera.resized(128).project(point), [64 + 18.75, 64 - 18.75])


def test_yaw_moves_the_camera_to_the_right_and_pitch_up():
    camera = look(np.radians(90), 0.0, np.zeros(3), 3.0, 100.0, 64)
    np.testing.assert_allclose(camera.position, [3, 0, 0], atol=1e-12)
    np.testing.assert_allclose(camera.to_camera(np.array([0.0, 0.0, 1.0])), [-1, 0, 3], atol=1e-12)
    assert look(0.0, np.radians(10), np.zeros(3), 3.0, 100.0, 64).position[1] > 0.5


@pytest.mark.parametrize("style", STYLES)
def test_dancer_stays_in_frame(style):
    shares = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        motion = choreograph(style, Clock(100.0, 0.5), 10.0, 30.0, rng).motion
        camera = random_camera(rng, 256, motion)
        np.testing.assert_allclose(camera.rotation @ camera.rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(camera.rotation) == pytest.approx(1.0)
        assert abs(np.arctan2(-camera.rotation[2, 0], -camera.rotation[2, 2])) <= MAX_YAW + 1e-9
        pixels = camera.project(np.concatenate([motion.joints, motion.hands, motion.toes], axis=1))
        assert pixels.min() > 5 and pixels.max() < 251
        depth = camera.to_camera(motion.joints[:, 0])[:, 2]
        shares.append(motion.body.height * camera.focal / depth.mean() / 256)
    assert min(shares) > 0.55 and max(shares) < 0.78 and np.median(shares) > 0.62
