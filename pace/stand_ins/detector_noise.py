"""Adds the errors of a 2D pose estimator to true keypoints, so that the stand-in network learns to cope with them."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from pace.stand_ins.occlusion import hidden

# H36M joints that an estimator detects, with the spread of the detected position about the anatomical joint (share of
# the body's height). BlazePose on rendered dances shows .003-.009, with jitter of .005-.012. Hips, nose and head top
# get more, because estimators place these points differently.
_BIAS = {1: 0.013, 2: 0.009, 3: 0.006, 4: 0.013, 5: 0.009, 6: 0.006, 9: 0.010, 10: 0.012,
         11: 0.008, 12: 0.006, 13: 0.005, 14: 0.008, 15: 0.006, 16: 0.005}  # fmt: skip
_JITTER = (0.003, 0.010)  # range of a video's jitter, share of the body's height
_JITTER_FRAMES = 1.5  # its correlation in time: standard deviation of the smoothing kernel
# Joints that the body hides: spread of the error (share of the body's height) and confidence, as BlazePose shows them
# from the side. It keeps its confidence in shoulders and hips.
_HIDDEN = {1: (0.012, 1.0), 2: (0.022, 0.37), 3: (0.020, 0.5), 4: (0.012, 1.0), 5: (0.022, 0.37), 6: (0.020, 0.5),
           11: (0.014, 1.0), 12: (0.055, 0.2), 13: (0.110, 0.15), 14: (0.014, 1.0), 15: (0.055, 0.2),
           16: (0.110, 0.15)}  # fmt: skip
_HIDDEN_FRAMES = 4.0  # correlation in time of those errors, as above
_OCCLUDED_ERROR = 0.04
_GAPS_PER_FRAME, _OCCLUSIONS_PER_FRAME = 1 / 300, 1 / 40
# Left and right arms or legs are exchanged in 0.1 to 0.7 % of the frames of dancers who are seen from the side or turn.
_EXCHANGES_PER_FRAME, _EDGE_ON = 1 / 500, 0.15  # per frame in which the shoulders are this near, in metres across
_LIMBS = (([2, 3], [5, 6]), ([12, 13], [15, 16]))  # right and left leg, left and right arm


def detect(points: npt.NDArray[Any], body: npt.NDArray[Any], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Keypoints (N,17,3) (x, y, confidence) as an estimator would detect them for true points (N,17,2) in pixels.

    body: the joints (N,17,3) in camera coordinates, in metres.

    The errors are:
    - a constant position error of each joint in the video,
    - jitter that is correlated in time,
    - joints behind the body, with a larger error and a low confidence,
    - arms or legs whose left and right are exchanged for some frames, where the body is seen from the side,
    - other occluded joints, with a slowly varying error and a low confidence or 0,
    - frames without a person, interpolated with confidence 0.
    Root and neck are the midpoints of hips and shoulders, and the belly is the midpoint of both, as
    pace.pose.skeleton maps most layouts.
    """
    frames = len(points)
    height = np.median(np.ptp(points[..., 1], axis=1))
    bias = np.zeros((17, 2))
    for joint, spread in _BIAS.items():
        bias[joint] = rng.normal(0, spread, 2)
    jitter = _smooth_noise(rng, points.shape, _JITTER_FRAMES) * rng.uniform(*_JITTER)
    out = np.empty((frames, 17, 3))
    out[..., :2] = points + height * (bias + jitter)
    steady = rng.uniform(0.75, 1.0, 17)
    out[..., 2] = (steady + 0.05 * _smooth_noise(rng, (frames, 17), 5.0)).clip(0.3, 1.0)
    _hide(out, hidden(body), height, rng)
    _exchange(out, abs(body[:, 11, 0] - body[:, 14, 0]) < _EDGE_ON, rng)
    _occlude(out, height, rng)
    _derive_midpoints(out)
    _drop_frames(out, rng)
    return out.astype(np.float32)


def _smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], frames: float) -> npt.NDArray[np.float64]:
    """Noise of unit variance, smoothed along the first axis."""
    noise: npt.NDArray[np.float64] = gaussian_filter1d(rng.normal(size=shape), frames, axis=0, mode="wrap")
    scaled: npt.NDArray[np.float64] = noise / np.sqrt(1 / (2 * np.sqrt(np.pi) * frames))
    return scaled


def _hide(out: npt.NDArray[Any], behind: npt.NDArray[np.bool_], height: float, rng: np.random.Generator) -> None:
    """Give joints where they are `behind` the body (N,17) an error and a low confidence, in place."""
    share = gaussian_filter1d(behind.astype(float), 2.0, axis=0)
    for joint, (spread, confidence) in _HIDDEN.items():
        error = _smooth_noise(rng, (len(out), 2), _HIDDEN_FRAMES) * spread * height
        out[:, joint, :2] += share[:, joint, None] * error
        out[:, joint, 2] *= 1 - share[:, joint] * (1 - confidence)


def _exchange(out: npt.NDArray[Any], edge_on: npt.NDArray[np.bool_], rng: np.random.Generator) -> None:
    """Exchange left and right arm or leg for a few frames now and then, from a frame `edge_on` (N,) on, in place."""
    frames = np.flatnonzero(edge_on)
    for _ in range(rng.poisson(len(frames) * _EXCHANGES_PER_FRAME)):
        start = int(rng.choice(frames))
        one, other = _LIMBS[rng.integers(len(_LIMBS))]
        part = slice(start, start + int(rng.integers(2, 9)))
        out[part, one + other] = out[part, other + one]


def _occlude(out: npt.NDArray[Any], height: float, rng: np.random.Generator) -> None:
    """Give some joints a bump of error and a low confidence for a few frames, in place."""
    frames = len(out)
    for _ in range(rng.poisson(frames * _OCCLUSIONS_PER_FRAME)):
        joint, start = rng.choice(list(_BIAS)), rng.integers(frames)
        part = slice(start, start + int(rng.integers(3, 20)))
        length = len(out[part])
        error = (
            rng.normal(0, _OCCLUDED_ERROR * height, 2)
            * np.sin(np.pi * np.arange(1, length + 1) / (length + 1))[:, None]
        )
        out[part, joint, :2] += error
        out[part, joint, 2] = 0 if rng.random() < 0.3 else rng.uniform(0.05, 0.5)


def _derive_midpoints(out: npt.NDArray[Any]) -> None:
    """Set root, neck and belly to midpoints, in place."""
    out[:, 0] = (out[:, 1] + out[:, 4]) / 2
    out[:, 8] = (out[:, 11] + out[:, 14]) / 2
    out[:, 7] = (out[:, 0] + out[:, 8]) / 2


def _drop_frames(out: npt.NDArray[Any], rng: np.random.Generator) -> None:
    """Interpolate a few frames and set their confidence to 0, in place."""
    frames = len(out)
    for _ in range(rng.poisson(frames * _GAPS_PER_FRAME)):
        start = int(rng.integers(1, frames - 1))
        stop = min(start + int(rng.integers(1, 9)), frames - 1)
        share = (np.arange(start, stop) - start + 1)[:, None, None] / (stop - start + 1)
        out[start:stop] = (1 - share) * out[start - 1] + share * out[stop]
        out[start:stop, :, 2] = 0
