"""Joint orders, the maps between them, and the five body parts (FACTS 1, joint orders)."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

_Pose = TypeVar("_Pose", np.ndarray, "Tensor")

H36M = (
    "root", "rhip", "rknee", "rankle", "lhip", "lknee", "lankle", "belly", "neck", "nose", "head",
    "lshoulder", "lelbow", "lwrist", "rshoulder", "relbow", "rwrist",
)  # fmt: skip
COCO17 = (
    "nose", "leye", "reye", "lear", "rear", "lshoulder", "rshoulder", "lelbow", "relbow", "lwrist", "rwrist",
    "lhip", "rhip", "lknee", "rknee", "lankle", "rankle",
)  # fmt: skip
HALPE26 = (
    *COCO17, "head", "neck", "hip", "lbigtoe", "rbigtoe", "lsmalltoe", "rsmalltoe", "lheel", "rheel",
)  # fmt: skip
SMPL24 = (
    "root", "lhip", "rhip", "belly", "lknee", "rknee", "spine", "lankle", "rankle", "chest", "ltoes", "rtoes",
    "neck", "linshoulder", "rinshoulder", "head", "lshoulder", "rshoulder", "lelbow", "relbow", "lwrist", "rwrist",
    "lhand", "rhand",
)  # fmt: skip

# The joints of each part in H36M (the paper's 5+3+3+3+3). The order is the same everywhere: torso, left arm, right arm,
# left leg, right leg.
PARTS = {
    "to": (0, 7, 8, 9, 10),
    "la": (11, 12, 13),
    "ra": (14, 15, 16),
    "ll": (4, 5, 6),
    "rl": (1, 2, 3),
}
PART_NAMES = {"to": "torso", "la": "left arm", "ra": "right arm", "ll": "left leg", "rl": "right leg"}
MIRRORED_PARTS = (0, 2, 1, 4, 3)  # indices of the parts with left and right exchanged

# H36M joints exchanged by a left-right flip.
FLIP_LEFT = (4, 5, 6, 11, 12, 13)
FLIP_RIGHT = (1, 2, 3, 14, 15, 16)

# Number of keypoints -> layout name. Halpe full body has 136 points, the first 26 of which are Halpe-26.
LAYOUTS = {17: "coco17", 24: "smpl24", 26: "halpe26"}

BONES = (
    (0, 1), (1, 2), (2, 3), (0, 4), (4, 5), (5, 6), (0, 7), (7, 8), (8, 9), (9, 10),
    (8, 11), (11, 12), (12, 13), (8, 14), (14, 15), (15, 16),
)  # fmt: skip


def halpe26_to_h36m(keypoints: np.ndarray) -> np.ndarray:
    """Halpe-26 (N,26,C) to H36M-17 (N,17,C); the belly is the mean of neck and hip in every channel."""
    out = keypoints[:, [19, 12, 14, 16, 11, 13, 15, 18, 18, 0, 17, 5, 7, 9, 6, 8, 10]].copy()
    out[:, 7] = (keypoints[:, 18] + keypoints[:, 19]) / 2
    return out


def coco17_to_h36m(keypoints: np.ndarray) -> np.ndarray:
    """COCO-17 (N,17,C) to H36M-17 (N,17,C); root, neck, belly and head are means of their neighbours."""
    out = keypoints[:, [11, 12, 14, 16, 11, 13, 15, 11, 5, 0, 1, 5, 7, 9, 6, 8, 10]].copy()
    out[:, 0] = (keypoints[:, 11] + keypoints[:, 12]) / 2
    out[:, 8] = (keypoints[:, 5] + keypoints[:, 6]) / 2
    out[:, 7] = (out[:, 0] + out[:, 8]) / 2
    out[:, 10] = (keypoints[:, 1] + keypoints[:, 2]) / 2
    return out


def smpl24_to_h36m(keypoints: np.ndarray) -> np.ndarray:
    """SMPL-24 (N,24,C) to H36M-17 (N,17,C). SMPL has one head joint: it serves as nose and as head."""
    return keypoints[:, [0, 2, 5, 8, 1, 4, 7, 3, 12, 15, 15, 16, 18, 20, 17, 19, 21]].copy()


def to_h36m(keypoints: np.ndarray, layout: str) -> np.ndarray:
    """Map keypoints (N,K,C) of a named layout to H36M-17 (N,17,C).

    Raises ValueError for an unknown layout.
    """
    maps: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "halpe26": halpe26_to_h36m,
        "coco17": coco17_to_h36m,
        "smpl24": smpl24_to_h36m,
        "h36m": np.copy,
    }
    if layout not in maps:
        raise ValueError(f"keypoint layout {layout!r} is unknown; use one of {', '.join(maps)}")
    return maps[layout](keypoints)


def flip(pose: _Pose) -> _Pose:
    """Mirror an H36M pose (...,17,C), an array or a tensor: negate x, exchange left and right."""
    out = pose.copy() if isinstance(pose, np.ndarray) else pose.clone()
    out[..., 0] = -out[..., 0]
    left, right = list(FLIP_LEFT), list(FLIP_RIGHT)
    out[..., left + right, :] = out[..., right + left, :]
    return out
