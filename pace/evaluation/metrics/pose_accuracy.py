"""Accuracy of keypoints and lifted poses, for datasets with true joints.

A figure that cannot be had is missing (NaN): the confidence of a video without a detection, the correlation of an
energy that does not change. Joints that are NaN or infinite are errors, and so are tracks without frames.
"""

import math

import numpy as np

from pace.evaluation.ground_truth import Truth
from pace.finite import check_finite
from pace.motion.energy import EnergyParams, energies, torso_length
from pace.pose.skeleton import PARTS, to_h36m

PCK_THRESHOLD = 0.1  # of the body height


def at_times(track: np.ndarray, fps: float, times: np.ndarray) -> np.ndarray:
    """Interpolate a track (N,...), frame i at i / fps seconds, linearly at other times (M,): (M,...) float64.

    Times before the first or after the last frame get that frame's value. Raises ValueError for a track without frames.
    """
    if not len(track):
        raise ValueError("a track without frames cannot be interpolated")
    position = np.clip(np.asarray(times) * fps, 0, len(track) - 1)
    low = np.minimum(position.astype(int), max(len(track) - 2, 0))
    high = np.minimum(low + 1, len(track) - 1)
    weight = (position - low).reshape(-1, *[1] * (track.ndim - 1))
    interpolated: np.ndarray = (1 - weight) * track[low] + weight * track[high]
    return interpolated


def body_height(joints: np.ndarray) -> float:
    """Median over frames of the vertical extent of 2D joints (N,J,2), in pixels."""
    return float(np.median(joints[..., 1].max(axis=1) - joints[..., 1].min(axis=1)))


def pck(keypoints: np.ndarray, truth: np.ndarray) -> float:
    """Share of keypoints (N,J,2) within 0.1 body heights of the true joints (N,J,2), over all frames and joints.

    Frames without a detection count too, with the positions that were filled in for them.
    Raises ValueError for joints that are not finite, and for true joints without a height.
    """
    _check_joints(keypoints, truth)
    if not (height := body_height(truth)) > 0:
        raise ValueError("the true joints of most frames lie at one height: the body has no size")
    distance = np.linalg.norm(keypoints - truth, axis=-1)
    return float(np.mean(distance <= PCK_THRESHOLD * height))


def mpjpe(pose: np.ndarray, truth: np.ndarray) -> float:
    """Mean per-joint position error of a lifted pose (N,17,3) against true joints (N,17,3), in torso lengths.

    Both are centred on their root. One least-squares scale for the whole video brings the pose to the truth's unit;
    there is no rotation. As usual, the mean includes the root joint, whose error is zero by construction.
    Raises ValueError for joints that are not finite, and for a true torso without length.
    """
    _check_joints(pose, truth)
    if not (torso := torso_length(truth)) > 0:
        raise ValueError("the true torso has no length: root and neck coincide")
    pose, truth = pose - pose[:, :1], truth - truth[:, :1]
    power = float((pose * pose).sum())
    scale = float((pose * truth).sum()) / power if power else 0.0
    return float(np.linalg.norm(scale * pose - truth, axis=-1).mean() / torso)


def correlations(measured: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Pearson correlation over time of each column of two series (N,5): (5,). It is NaN where either is constant.

    Raises ValueError for series without items and for NaN and infinity.
    """
    if not len(measured):
        raise ValueError("series without frames do not correlate")
    for series in (measured, true):
        check_finite(series, "frames", "look at the poses")
    measured, true = measured - measured.mean(axis=0), true - true.mean(axis=0)
    norm = np.sqrt((measured**2).sum(axis=0) * (true**2).sum(axis=0))
    correlation: np.ndarray = (measured * true).sum(axis=0) / np.where(norm > 0, norm, np.nan)
    return correlation


def keypoint_metrics(
    keypoints: np.ndarray,
    layout: str,
    fps: float,
    size: np.ndarray,
    detected: np.ndarray,
    truth: Truth | None,
    original_size: tuple[int, int],
) -> dict[str, float]:
    """Compute the metrics of one video's keypoints (N,K,3), given in pixels of a frame of `size` (w, h).

    - `detected`: share of frames with a person, the mean of the argument `detected` (N,).
    - `confidence`: mean confidence of the keypoints in those frames; NaN without any.
    - `pck10`: PCK over the 17 H36M joints. Needs the truth, in pixels of the original frame of `original_size` (w, h).

    Raises ValueError for an unknown layout, for keypoints without frames and for those that are not finite.
    """
    _check_joints(keypoints)
    out = {
        "detected": float(detected.mean()),
        "confidence": float(keypoints[detected, :, 2].mean()) if detected.any() else math.nan,
    }
    if truth:
        true = at_times(truth.joints2d, truth.fps, np.arange(len(keypoints)) / fps)
        out["pck10"] = pck(to_h36m(keypoints, layout)[..., :2], true * (np.asarray(size) / original_size))
    return out


def pose_metrics(pose: np.ndarray, fps: float, truth: Truth, energy: EnergyParams) -> dict[str, float]:
    """Compute the metrics of one video's lifted pose (N,17,3).

    - `mpjpe`: mean per-joint position error.
    - `energy_slow_{part}`, `energy_fast_{part}`: correlation of a part's energy with that of the true joints.
    - `energy_slow`, `energy_fast`: their means over the parts that have one. The correlation of an energy that does not
      change is NaN.

    Raises ValueError for joints that are not finite, and when energies cannot be computed (the track is too short, or
    the torso has no length).
    """
    _check_joints(pose)
    true = at_times(truth.joints3d, truth.fps, np.arange(len(pose)) / fps)
    out = {"mpjpe": mpjpe(pose, true)}
    bands = zip(("slow", "fast"), energies(pose, fps, energy), energies(true, fps, energy), strict=True)
    for name, lifted, expected in bands:
        values = correlations(lifted, expected)
        out |= {f"energy_{name}_{part}": float(value) for part, value in zip(PARTS, values, strict=True)}
        known = values[np.isfinite(values)]
        out[f"energy_{name}"] = float(known.mean()) if len(known) else math.nan
    return out


def mean(videos: list[dict[str, float]]) -> dict[str, float]:
    """Mean of each metric over the videos that have it; NaN where it is missing in all of them."""
    means = {}
    for key in sorted({key for video in videos for key in video}):
        values = [video[key] for video in videos if not math.isnan(video.get(key, math.nan))]
        means[key] = float(np.mean(values)) if values else math.nan
    return means


def _check_joints(*tracks: np.ndarray) -> None:
    for track in tracks:
        if not len(track):
            raise ValueError("a track without frames cannot be compared")
        check_finite(track, "frames", "look at its keypoints and at the true joints")
