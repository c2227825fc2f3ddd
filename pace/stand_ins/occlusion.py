"""Which joints of a body the body itself hides from the camera."""

from typing import Any

import numpy as np
import numpy.typing as npt

# Limbs that hide what is behind them: two H36M joints and a radius in metres.
_LIMBS = (
    (0, 8, 0.13), (8, 10, 0.10),
    (1, 2, 0.07), (2, 3, 0.05), (4, 5, 0.07), (5, 6, 0.05),
    (11, 12, 0.05), (12, 13, 0.04), (14, 15, 0.05), (15, 16, 0.04),
)  # fmt: skip
_BEHIND = 0.06  # metres that a joint must lie behind a limb's axis


def hidden(body: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.bool_]:
    """Whether each joint is behind a limb: (N,17) for joints (N,17,3) in camera coordinates, in metres."""
    depth = body[..., 2]
    flat = body[..., :2] / depth[..., None] * depth[:, :1, None]  # metres at the root's depth
    out = np.zeros(depth.shape, dtype=bool)
    for first, second, radius in _LIMBS:
        start, along = flat[:, first, None], (flat[:, second] - flat[:, first])[:, None]
        share = ((flat - start) * along).sum(axis=-1) / ((along**2).sum(axis=-1) + 1e-9)
        share = share.clip(0, 1)
        aside = np.linalg.norm(flat - start - share[..., None] * along, axis=-1)
        limb_depth = (1 - share) * depth[:, first, None] + share * depth[:, second, None]
        behind = (aside < radius) & (limb_depth < depth - _BEHIND)
        behind[:, [first, second]] = False
        out |= behind
    return out
