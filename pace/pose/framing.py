"""What of the body lies in the picture: joints outside it are invented, and count little."""

import dataclasses
import logging

import numpy as np

from pace.pose import skeleton
from pace.pose.keypoints import Keypoints

MARGIN = 0.1  # body sizes beyond the frame's edge over which a joint's weight falls from 1 to 0
FLOOR = 0.01  # share of the confidence that a joint outside keeps: it still shows how large the body is
MIN_TOLD = 0.1  # smallest share of frames without a part that is worth a message

log = logging.getLogger(__name__)


def inside(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Weights (N,K) of keypoints (N,K,2+) in a frame of `size` (w, h): 1 inside, falling to 0 at MARGIN outside.

    MARGIN is in body sizes, the diagonal of the keypoints' box. Points that are not finite have weight 0.
    """
    xy = points[..., :2].astype(np.float64)
    finite = np.asarray(np.isfinite(xy).all(axis=-1))
    xy = np.where(finite[..., None], xy, 0)
    beyond = np.maximum(np.maximum(-xy, xy - np.array(size)), 0).max(axis=-1)
    extent = np.hypot(*np.moveaxis(np.ptp(xy, axis=1), -1, 0))[:, None]
    weight: np.ndarray = np.where(finite, np.clip(1 - beyond / np.maximum(MARGIN * extent, 1e-6), 0, 1), 0)
    return weight


def dim_outside(keypoints: Keypoints, name: str) -> Keypoints:
    """Lower the confidence of the joints outside the frame, down to FLOOR of it; name the parts that are not in it."""
    weight = inside(keypoints.keypoints, keypoints.size)
    if (weight == 1).all():
        return keypoints
    for sentence in absent_parts(keypoints):
        log.warning("%s: %s", name, sentence)
    points = keypoints.keypoints.copy()
    points[..., 2] *= np.maximum(weight, FLOOR).astype(np.float32)
    return dataclasses.replace(keypoints, keypoints=points)


def absent_parts(keypoints: Keypoints) -> list[str]:
    """A sentence for the parts of which more than half lies outside the frame in MIN_TOLD of the detected frames."""
    body = skeleton.to_h36m(keypoints.keypoints, keypoints.layout)[keypoints.detected]
    weight = inside(body, keypoints.size)
    shares = {
        skeleton.PART_NAMES[part]: float((weight[:, list(joints)].mean(axis=1) < 0.5).mean()) if len(body) else 0.0
        for part, joints in skeleton.PARTS.items()
    }
    for limb in ("arm", "leg"):
        left, right = shares[f"left {limb}"], shares[f"right {limb}"]
        if min(left, right) >= MIN_TOLD and abs(left - right) < 0.05:
            del shares[f"left {limb}"], shares[f"right {limb}"]
            shares[f"{limb}s"] = (left + right) / 2
    told = [f"{part} not in the picture in {100 * share:.0f} % of frames" for part, share in shares.items()
            if share >= MIN_TOLD]  # fmt: skip
    return [f"{', '.join(told)}; what lies outside does not count as motion"] if told else []
