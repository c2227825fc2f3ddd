"""Accuracy of keypoints and lifted poses, for datasets with true joints."""

import numpy as np

from pace.evaluation.ground_truth import Truth
from pace.motion.energy import EnergyParams, energies, torso_length
from pace.pose.skeleton import PARTS, to_h36m

PCK_THRESHOLD = 0.1  # of the body height


def at_times(track: np.ndarray, fps: float, times: np.ndarray) -> np.ndarray:
    """Interpolate a track (N,...), frame i at i / fps seconds, linearly at other times (M,): (M,...) float64.

    Times before the first or after the last frame get that frame's value.
    """
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
    """
    distance = np.linalg.norm(keypoints - truth, axis=-1)
    return float(np.mean(distance <= PCK_THRESHOLD * body_height(truth)))


def mpjpe(pose: np.ndarray, truth: np.ndarray) -> float:
    """Mean per-joint position error of a lifted pose (N,17,3) against true joints (N,17,3), in torso lengths.

    Both are centred on their root. One least-squares scale for the whole video brings the pose to the truth's unit;
    there is no rotation. As usual, the mean includes the root joint, whose error is zero by construction.
    """
    torso = torso_length(truth)
    pose, truth = pose - pose[:, :1], truth - truth[:, :1]
    power = float((pose * pose).sum())
    scale = float((pose * truth).sum()) / power if power else 0.0
    return float(np.linalg.norm(scale * pose - truth, axis=-1).mean() / torso)


def correlations(measured: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Pearson correlation over time of each column of two series (N,5): (5,). It is 0 where either is constant."""
    measured, true = measured - measured.mean(axis=0), true - true.mean(axis=0)
    norm = np.sqrt((measured**2).sum(axis=0) * (true**2).sum(axis=0))
    correlation: np.ndarray = (measured * true).sum(axis=0) / np.where(norm > 0, norm, np.inf)
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
    - `confidence`: mean confidence of the keypoints in those frames.
    - `pck10`: PCK over the 17 H36M joints. Needs the truth, in pixels of the original frame of `original_size` (w, h).

    Raises ValueError for an unknown layout.
    """
    out = {
        "detected": float(detected.mean()),
        "confidence": float(keypoints[detected, :, 2].mean()) if detected.any() else 0.0,
    }
    if truth:
        true = at_times(truth.joints2d, truth.fps, np.arange(len(keypoints)) / fps)
        out["pck10"] = pck(to_h36m(keypoints, layout)[..., :2], true * (np.asarray(size) / original_size))
    return out


def pose_metrics(pose: np.ndarray, fps: float, truth: Truth, energy: EnergyParams) -> dict[str, float]:
    """Compute the metrics of one video's lifted pose (N,17,3).

    - `mpjpe`: mean per-joint position error.
    - `energy_slow_{part}`, `energy_fast_{part}`: correlation of a part's energy with that of the true joints.
    - `energy_slow`, `energy_fast`: their means over the five parts.

    Raises ValueError when energies cannot be computed (the track is too short, or the torso has no length).
    """
    true = at_times(truth.joints3d, truth.fps, np.arange(len(pose)) / fps)
    out = {"mpjpe": mpjpe(pose, true)}
    bands = zip(("slow", "fast"), energies(pose, fps, energy), energies(true, fps, energy), strict=True)
    for name, lifted, expected in bands:
        values = correlations(lifted, expected)
        out |= {f"energy_{name}_{part}": float(value) for part, value in zip(PARTS, values, strict=True)}
        out[f"energy_{name}"] = float(values.mean())
    return out


def mean(videos: list[dict[str, float]]) -> dict[str, float]:
    """Mean of each metric over the videos that have it."""
    keys = sorted({key for video in videos for key in video})
    return {key: float(np.mean([video[key] for video in videos if key in video])) for key in keys}
