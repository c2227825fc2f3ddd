"""Keypoints of people who stand and sway, for tests of following, framing and result files."""

import numpy as np

from pace.pose.skeleton import HALPE26

# x and y of each joint's name, or the part of it after l or r, in heights of the body; y from the top of the head.
_PLACES = {
    "nose": (0.0, 0.06), "eye": (0.02, 0.05), "ear": (0.04, 0.06), "shoulder": (0.12, 0.19), "elbow": (0.17, 0.36),
    "wrist": (0.2, 0.5), "hip": (0.07, 0.52), "knee": (0.08, 0.74), "ankle": (0.08, 0.95), "head": (0.0, 0.0),
    "neck": (0.0, 0.18), "bigtoe": (0.12, 1.0), "smalltoe": (0.14, 0.99), "heel": (0.08, 0.98),
}  # fmt: skip


def standing(x: float, top: float, height: float, confidence: float = 0.9) -> np.ndarray:
    """Halpe-26 keypoints (26,3) of a person who stands at `x`, in pixels; `top`: y of the top of the head."""
    places = []
    for name in HALPE26:
        side = 0 if name in _PLACES else 1 if name.startswith("l") else -1
        across, down = _PLACES[name if side == 0 else name[1:]]
        if name == "hip":
            across = 0.0
        places.append((x + side * across * height, top + down * height, confidence))
    return np.array(places, np.float32)


def dancing(count: int, x: float, top: float, height: float, fps: float = 30.0) -> np.ndarray:
    """Keypoints (count,26,3) of a person who sways by 5 % of `height` at 1 Hz and moves the wrists by 15 % at 2 Hz."""
    seconds = np.arange(count) / fps
    out = np.stack([standing(x, top, height)] * count)
    out[..., 0] += 0.05 * height * np.sin(2 * np.pi * seconds)[:, None]
    wrists = [HALPE26.index("lwrist"), HALPE26.index("rwrist")]
    out[:, wrists, 1] += 0.15 * height * np.sin(4 * np.pi * seconds)[:, None]
    return out
