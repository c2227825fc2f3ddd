"""Result files that were made from another picture than the video's."""

import logging

import numpy as np
import pytest
from helpers.people import dancing

from pace.pose import plausibility
from pace.pose.keypoints import Keypoints, KeypointsError

WIDE, TALL = (640, 360), (360, 640)


def results(points, size=WIDE):
    return Keypoints(points.astype(np.float32), "halpe26", 30.0, size, np.ones(len(points), bool))


def scaled(points, factor):
    return points * np.array([factor, factor, 1])


def rotated(points, size):
    """As an estimator sees frames of `size` (w, h) turned by 90 degrees clockwise."""
    return np.stack([size[1] - points[..., 1], points[..., 0], points[..., 2]], axis=-1)


def check(points, size=WIDE):
    plausibility.check(results(points, size), "r.json", "v.mp4")


@pytest.mark.parametrize("size", [WIDE, TALL, (400, 400), (1920, 1080)])
def test_dancers_anywhere_in_the_picture_pass(size, caplog):
    for height in (0.25, 0.6, 0.95):
        for x in (0.15, 0.5, 0.85):
            tall = height * min(size)
            check(dancing(60, x * size[0], size[1] - 1.02 * tall, tall), size)
    assert not caplog.records


def test_results_of_a_larger_picture():
    dance = dancing(60, 320, 30, 300)
    message = (
        r"r\.json: in \d+ % of frames joints lie outside the 640 x 360 pixels of v\.mp4: they reach x = \d+, y = \d+; "
        r"were they made from a copy of another size\? run the estimator on the video itself"
    )
    for factor in (1.5, 2, 3, 6):
        with pytest.raises(KeypointsError, match=message):
            check(scaled(dance, factor))


def test_results_of_a_smaller_picture():
    dance = dancing(60, 320, 30, 300)
    for factor in (0.5, 1 / 3, 0.25):
        with pytest.raises(
            KeypointsError, match=r"never leaves the upper left quarter of the 640 x 360 pixels of v\.mp4"
        ):
            check(scaled(dance, factor))


@pytest.mark.parametrize("size", [WIDE, TALL, (400, 400)])
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_results_of_a_turned_picture(size, turns):
    points, shown = dancing(60, 0.5 * size[0], 0.1 * size[1], 0.8 * size[1]), size
    for _ in range(turns):
        points, shown = rotated(points, shown), shown[::-1]
    with pytest.raises(KeypointsError, match="turned copy") as error:
        check(points, size)
    assert "r.json" in str(error.value) and "v.mp4" in str(error.value)


def test_floor_work_and_hand_stands_pass():
    """A third of the frames upright, a third lying to the left, a third on the hands."""
    dance = dancing(60, 200, 60, 200)
    lying = rotated(dance, (400, 400))
    check(np.concatenate([dance, lying, dance * [1, -1, 1] + [0, 340, 0]]), (400, 400))


def test_half_a_body_passes():
    """Legs below the picture, as confident as BlazePose is of them."""
    dance = dancing(60, 320, 30, 600)
    below = dance[..., 1] >= 360
    dance[..., 2] = np.where(below, 0.15, 0.95)
    check(dance)


def test_a_tiny_dancer_is_told(caplog):
    with caplog.at_level(logging.WARNING):
        check(dancing(60, 500, 250, 40))
    assert (
        "r.json: in 100 % of frames the dancer is smaller than 1/8 of the short side of the 640 x 360 pixels"
        in caplog.text
    )
