"""Errors that a 2D pose estimator makes, put on true keypoints: the stand-in network learns to live with them."""

import numpy as np
from scipy.ndimage import gaussian_filter1d

# H36M joints that an estimator finds, with the spread of their place about the anatomical joint (share of the body's
# height). BlazePose on rendered dances shows .003-.009, with jitter of .005-.012. Hips, nose and head top get more,
# since they mean different points to different estimators.
_BIAS = {1: 0.013, 2: 0.009, 3: 0.006, 4: 0.013, 5: 0.009, 6: 0.006, 9: 0.010, 10: 0.012,
         11: 0.008, 12: 0.006, 13: 0.005, 14: 0.008, 15: 0.006, 16: 0.005}  # fmt: skip
_JITTER = (0.003, 0.010)  # range of a video's jitter, share of the body's height
_JITTER_FRAMES = 1.5  # its correlation: standard deviation of the smoothing kernel
_OCCLUDED_ERROR = 0.04
_GAPS_PER_FRAME, _OCCLUSIONS_PER_FRAME = 1 / 300, 1 / 40


def detect(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Keypoints (N,17,3) (x, y, confidence) as an estimator would give them for true points (N,17,2) in pixels.

    A place error per joint and video, jitter that is correlated in time, occluded joints (a wandering error, low
    confidence or none) and frames without a person (interpolated, confidence 0). Root and neck are the midpoints of
    hips and shoulders and the belly theirs, as pace.skeleton maps most layouts.
    """
    frames = len(points)
    height = np.median(np.ptp(points[..., 1], axis=1))
    bias = np.zeros((17, 2))
    for joint, spread in _BIAS.items():
        bias[joint] = rng.normal(0, spread, 2)
    jitter = _wander(rng, points.shape, _JITTER_FRAMES) * rng.uniform(*_JITTER)
    out = np.empty((frames, 17, 3))
    out[..., :2] = points + height * (bias + jitter)
    steady = rng.uniform(0.75, 1.0, 17)
    out[..., 2] = (steady + 0.05 * _wander(rng, (frames, 17), 5.0)).clip(0.3, 1.0)
    _occlude(out, height, rng)
    _derive_midpoints(out)
    _drop_frames(out, rng)
    return out.astype(np.float32)


def _wander(rng: np.random.Generator, shape: tuple[int, ...], frames: float) -> np.ndarray:
    """Noise of unit variance, smoothed along the first axis."""
    noise = gaussian_filter1d(rng.normal(size=shape), frames, axis=0, mode="wrap")
    return noise / np.sqrt(1 / (2 * np.sqrt(np.pi) * frames))


def _occlude(out: np.ndarray, height: float, rng: np.random.Generator) -> None:
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


def _derive_midpoints(out: np.ndarray) -> None:
    out[:, 0] = (out[:, 1] + out[:, 4]) / 2
    out[:, 8] = (out[:, 11] + out[:, 14]) / 2
    out[:, 7] = (out[:, 0] + out[:, 8]) / 2


def _drop_frames(out: np.ndarray, rng: np.random.Generator) -> None:
    frames = len(out)
    for _ in range(rng.poisson(frames * _GAPS_PER_FRAME)):
        start = int(rng.integers(1, frames - 1))
        stop = min(start + int(rng.integers(1, 9)), frames - 1)
        share = (np.arange(start, stop) - start + 1)[:, None, None] / (stop - start + 1)
        out[start:stop] = (1 - share) * out[start - 1] + share * out[stop]
        out[start:stop, :, 2] = 0
