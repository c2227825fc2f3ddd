"""Joints outside the frame: weights, confidence, and the parts that are not in the picture."""

import dataclasses
import logging

import numpy as np
import pytest
from helpers.people import dancing

from pace.pose import framing, skeleton
from pace.pose.keypoints import Keypoints


def of(points, size=(640, 360)):
    return Keypoints(points.astype(np.float32), "halpe26", 30.0, size, np.ones(len(points), bool))


def test_weights_fall_over_a_tenth_of_the_body():
    """A box of 300 x 400 pixels: the body measures 500, and the margin 50."""
    x = np.array([0, 300, 150, -0.0, 100])
    y = np.array([-25, 375, 100, -60, -5])
    points = np.stack([x, y], axis=1)[None]
    points[0, 3, 1] = -25
    extent = np.hypot(300, 400)
    assert framing.inside(points, (301, 376))[0] == pytest.approx(
        [1 - 25 / (0.1 * extent), 1, 1, 1 - 25 / (0.1 * extent), 1 - 5 / (0.1 * extent)]
    )
    assert framing.inside(points, (225, 376))[0, 1] == 0  # 75 pixels beyond the right edge
    points = points.astype(float)
    points[0, 2] = np.nan
    assert framing.inside(points, (301, 376))[0, 2] == 0


def test_a_whole_body_stays_as_it_is(caplog):
    dancer = of(dancing(30, 320, 30, 300))
    assert framing.dim_outside(dancer, "v") is dancer
    assert not caplog.records


@pytest.mark.parametrize(
    "move, message",
    [
        ([0, 140], "v: legs not in the picture in 100 % of frames; what lies outside does not count as motion"),
        ([-345, 0], "v: right arm not in the picture in"),
        ([0, -240], "v: torso not in the picture in 100 % of frames, arms not"),
    ],
)
def test_parts_outside_are_told(move, message, caplog):
    points = dancing(30, 360, 60, 290)
    points[..., :2] += move
    dancer = of(points)
    with caplog.at_level(logging.WARNING):
        dimmed = framing.dim_outside(dancer, "v")
    assert message in caplog.text
    far = framing.inside(dancer.keypoints, dancer.size) == 0
    inside = framing.inside(dancer.keypoints, dancer.size) == 1
    assert far.any() and np.allclose(dimmed.keypoints[far, 2], 0.009)
    assert np.array_equal(dimmed.keypoints[inside], dancer.keypoints[inside])
    assert np.array_equal(dimmed.keypoints[..., :2], dancer.keypoints[..., :2])


def test_a_part_that_leaves_for_a_while(caplog):
    """40 of 100 frames; frames without a person do not count."""
    points = dancing(100, 320, 30, 300)
    points[:40, :, 1] += 250
    detected = np.arange(100) < 80
    with caplog.at_level(logging.WARNING):
        framing.dim_outside(dataclasses.replace(of(points), detected=detected), "v")
    assert "legs not in the picture in 50 % of frames" in caplog.text
    assert skeleton.PART_NAMES["ll"] not in caplog.text
