import numpy as np
import pytest

from pace.synthetic.backdrop import room
from pace.synthetic.camera import look, random_camera
from pace.synthetic.choreography import choreograph
from pace.synthetic.clock import Clock
from pace.synthetic.render import Figure, draw_order, paint, render
from pace.synthetic.shapes import SHIFT, capsule, ellipse
from pace.synthetic.wardrobe import Look


@pytest.fixture(scope="module")
def scene():
    rng = np.random.default_rng(11)
    motion = choreograph("street_jazz", Clock(110.0, 0.2), 1.0, 30.0, rng).motion
    return motion, random_camera(rng, 256, motion)


def test_frames_are_rgb_bytes_and_repeat_with_the_seed(scene):
    motion, camera = scene
    first = list(render(motion, camera, 256, np.random.default_rng(1)))
    again = list(render(motion, camera, 256, np.random.default_rng(1)))
    other = next(render(motion, camera, 256, np.random.default_rng(2)))
    assert len(first) == 30 and first[0].shape == (256, 256, 3) and first[0].dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    assert np.abs(first[0].astype(int) - other).mean() > 10
    assert next(render(motion, camera, 96, np.random.default_rng(1))).shape == (96, 96, 3)


def test_figure_lies_where_the_joints_are(scene):
    motion, camera = scene
    inside = []
    for seed in range(4):
        empty = room(camera, np.random.default_rng(seed)).astype(int)
        frame = next(render(motion, camera, 256, np.random.default_rng(seed))).astype(int)
        drawn = np.abs(frame - empty).max(-1) > 25
        for u, v in np.round(camera.project(motion.joints[0])).astype(int):
            inside.append(drawn[v - 1 : v + 2, u - 1 : u + 2].mean() > 0.5)
        extremes = np.concatenate([motion.joints[0], motion.hands[0], motion.toes[0]])
        low, high = camera.project(extremes).min(0), camera.project(extremes).max(0)
        corners = np.percentile(np.argwhere(drawn)[:, ::-1], [0.5, 99.5], axis=0)
        assert np.abs(corners - [low, high]).max() < 10
    assert np.mean(inside) > 0.85


def test_capsule_outline():
    one = np.ones(1)
    a, b = np.array([[10.0, 20.0]]), np.array([[30.0, 20.0]])
    outline = capsule(a, b, 2 * one, 4 * one, one, (100, 100, 100)).layers[0][0][0] / (1 << SHIFT)
    np.testing.assert_allclose([outline.min(0), outline.max(0)], [[8, 16], [34, 24]], atol=0.1)


def test_part_of_an_ellipse():
    up, side, centre = np.array([[0.0, -10.0]]), np.array([[5.0, 0.0]]), np.array([[50.0, 50.0]])
    half = ellipse(centre, up, side, (-90, 90))[0] / (1 << SHIFT)
    np.testing.assert_allclose([half[:, 1].min(), half[:, 1].max()], [40, 50], atol=0.2)


def test_the_nearer_limb_hides_the_farther():
    """Where two limbs cross, the pixel has the colour of the limb nearer to the camera."""
    motion = choreograph("pop", Clock(100.0, 0.3), 0.1, 30.0, np.random.default_rng(0)).motion
    camera = look(0.0, 0.0, np.array([0.0, 1.0, 0.0]), 4.0, 300.0, 256)
    clothes = Look((1.0,) * 3, (2.0,) * 3, (3.0,) * 3, (4.0,) * 3, (5.0,) * 3, True, False, False)
    figure = Figure(motion, camera, clothes)
    ones = np.ones((3, 1))
    for z, expected in ((0.5, 200), (-0.5, 50)):
        first = figure.limb(ones * [-0.4, 1, 0], ones * [0.4, 1, 0], ("knee", "knee"), (50.0,) * 3)
        second = figure.limb(ones * [0, 0.6, z], ones * [0, 1.4, z], ("knee", "knee"), (200.0,) * 3)
        image = np.zeros((256, 256, 3), np.uint8)
        paint(image, [first, second], draw_order([first, second])[:, 1], 1)
        assert abs(int(image[128, 128, 0]) - expected) < 0.2 * expected
