import dataclasses

import numpy as np
import pytest

from pace.synthetic.camera import NEAREST, VIEWS, draw_view, look, random_camera
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


def angles(camera):
    """Yaw and pitch in degrees."""
    forward = camera.rotation[2]
    return np.degrees(np.arctan2(-forward[0], -forward[2])), np.degrees(np.arcsin(-forward[1]))


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("style", STYLES)
def test_dancer_stays_in_frame(style, view):
    shares = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        motion = choreograph(style, Clock(100.0, 0.5), 10.0, 30.0, rng).motion
        camera = random_camera(rng, 256, motion, view)
        np.testing.assert_allclose(camera.rotation @ camera.rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(camera.rotation) == pytest.approx(1.0)
        yaw, pitch = angles(camera)
        assert VIEWS[view].yaw[0] - 1e-9 <= abs(yaw) <= VIEWS[view].yaw[1] + 1e-9
        assert VIEWS[view].pitch[0] - 1e-9 <= pitch <= VIEWS[view].pitch[1] + 1e-9
        pixels = camera.project(np.concatenate([motion.joints, motion.hands, motion.toes], axis=1))
        assert pixels.min() > 5 and pixels.max() < 251
        depth = camera.to_camera(motion.joints[:, 0])[:, 2]
        shares.append(motion.body.height * camera.focal / depth.mean() / 256)
    assert min(shares) > 0.55 and max(shares) < 0.85 and np.median(shares) > 0.62


def test_camera_keeps_clear_of_a_dancer_who_travels():
    """From the front, on a path of six metres towards the camera."""
    rng = np.random.default_rng(1)
    motion = choreograph("house", Clock(100.0, 0.5), 4.0, 30.0, rng).motion
    path = np.linspace(-3, 3, len(motion.joints))[:, None, None] * np.array([0, 0, 1.0])
    tracks = {name: getattr(motion, name) + path for name in ("joints", "hands", "toes")}
    motion = dataclasses.replace(motion, **tracks)
    for _ in range(20):
        camera = random_camera(rng, 256, motion, "front")
        points = np.concatenate(list(tracks.values()), axis=1)
        assert camera.to_camera(points)[..., 2].min() > NEAREST - 0.2
        assert camera.project(points).min() > 5 and camera.project(points).max() < 251


def test_views_come_in_their_shares():
    rng = np.random.default_rng(0)
    drawn = [draw_view(rng) for _ in range(2000)]
    assert {name: drawn.count(name) / 2000 for name in VIEWS} == pytest.approx(
        {name: view.share for name, view in VIEWS.items()}, abs=0.03
    )
    motion = choreograph("pop", Clock(100.0, 0.5), 1.0, 30.0, rng).motion
    seen = np.array([angles(random_camera(rng, 256, motion)) for _ in range(300)])
    assert np.mean(abs(seen[:, 0]) > 35) > 0.2 and np.mean(seen[:, 1] > 15) > 0.1
    assert min(np.mean(seen[:, 0] > 35), np.mean(seen[:, 0] < -35)) > 0.07
