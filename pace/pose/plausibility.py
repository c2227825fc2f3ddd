"""Whether a result file fits the picture of its video: results of a resized or turned copy lie elsewhere."""

import logging

import numpy as np

from pace.pose import skeleton
from pace.pose.keypoints import Keypoints, KeypointsError

MAX_OUTSIDE = 0.25  # share of a frame's joints, weighed with their confidence: half a body's invented legs make 0.15
MIN_TURNED = 0.75  # share of frames in which the head points to one wrong side: 0.3 at most in breaking (AIST++)
CORNER = 0.505  # share of width and height within which a copy of half the size fits; AIST++'s dancers reach 0.65
SMALL = 1 / 8  # body size in short sides of the frame: 0.23 at least in AIST++

_REMEDY = "run the estimator on the video itself, at its own size and as it is shown"

log = logging.getLogger(__name__)


def check(keypoints: Keypoints, results: str, video: str) -> None:
    """Raise KeypointsError where `results` were made from another picture than that of `video`; warn of tiny bodies.

    Errors: in most frames more than MAX_OUTSIDE of the joints lie outside the frame; the head points to the same wrong
    side; the whole dance stays in the upper left quarter. Copies between half and full size cannot be told.
    """
    body = skeleton.to_h36m(keypoints.keypoints, keypoints.layout)[keypoints.detected].astype(np.float64)
    if not len(body):
        return
    width, height = keypoints.size
    picture = f"the {width} x {height} pixels of {video}"
    points = body[..., :2]
    found = keypoints.keypoints[keypoints.detected].astype(np.float64)
    confidence = found[..., 2]
    outside = ((found[..., :2] < 0) | (found[..., :2] >= keypoints.size)).any(axis=2)
    share = (outside * confidence).sum(axis=1) / np.maximum(confidence.sum(axis=1), 1e-9)
    far = found[confidence > 0.1][:, :2] if (confidence > 0.1).any() else points.reshape(-1, 2)
    right, bottom = np.percentile(far, 99, axis=0)
    if (share > MAX_OUTSIDE).mean() > 0.5:
        turned = width != height and right < 1.05 * height and bottom < 1.05 * width and far.min() > -0.05 * width
        cause = "turned copy (a phone's video read without its rotation)" if turned else "copy of another size"
        raise KeypointsError(
            f"{results}: in {100 * (share > MAX_OUTSIDE).mean():.0f} % of frames joints lie outside {picture}: they "
            f"reach x = {right:.0f}, y = {bottom:.0f}; were they made from a {cause}? {_REMEDY}"
        )
    side, times = _head_side(points)
    if side and times >= MIN_TURNED:
        raise KeypointsError(
            f"{results}: in {100 * times:.0f} % of frames the dancer's head points {side}; were they made from a "
            f"turned copy of {video} (a phone's video read without its rotation)? {_REMEDY}"
        )
    if right < CORNER * width and bottom < CORNER * height:
        raise KeypointsError(
            f"{results}: the dancer never leaves the upper left quarter of {picture} (x to {right:.0f}, y to "
            f"{bottom:.0f}); were they made from a smaller copy? {_REMEDY}"
        )
    small = np.hypot(*np.ptp(points, axis=1).T) < SMALL * min(width, height)
    if small.mean() > 0.5:
        log.warning(
            "%s: in %.0f %% of frames the dancer is smaller than 1/%d of the short side of %s; if they were made from "
            "a smaller copy, %s",
            *(results, 100 * small.mean(), round(1 / SMALL), picture, _REMEDY),
        )


def _head_side(points: np.ndarray) -> tuple[str, float]:
    """The side to which the head points most often, seen from hips and ankles: "" for up, and its share of frames."""
    joints = [skeleton.H36M.index(joint) for joint in ("root", "rankle", "lankle")]
    x, y = (points[:, skeleton.H36M.index("neck")] - points[:, joints].mean(axis=1)).T
    sides = {"": (abs(x) <= abs(y)) & (y <= 0), "down": (abs(x) <= abs(y)) & (y > 0),
             "to the left": (abs(x) > abs(y)) & (x < 0), "to the right": (abs(x) > abs(y)) & (x > 0)}  # fmt: skip
    side = max(sides, key=lambda name: sides[name].mean())
    return side, float(sides[side].mean())
