"""Sections `pose` and `lift` of metrics.json: how close keypoints and lifted poses come to the ground truth."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pace.evaluation.ground_truth import Truth, read_truth
from pace.evaluation.metrics import pose_accuracy
from pace.motion.energy import EnergyParams


def pose_sections(
    videos: pd.DataFrame, truths: Path, keypoints: Path, poses: Path, energy: EnergyParams
) -> dict[str, dict[str, float]]:
    """Section -> metrics averaged over the videos that have them; a section that no video has is left out.

    `left_out`: how many videos could not be compared, if any; the console says why. videos: video_id, width, height.
    truths, keypoints, poses: folders of {video_id}.npz.
    """
    rows = [(video, read_truth(truths, str(video.video_id))) for video in videos.itertuples()]
    sections = {
        "pose": [keypoint_scores(keypoints / f"{video.video_id}.npz", video, truth) for video, truth in rows],
        "lift": [pose_scores(poses / f"{video.video_id}.npz", truth, energy) for video, truth in rows],
    }
    averages: dict[str, dict[str, float]] = {}
    for name, scores in sections.items():
        if known := [score for score in scores if score]:
            averages[name] = pose_accuracy.mean(known)
        if left_out := sum(score == {} for score in scores):
            averages.setdefault(name, {})["left_out"] = left_out
    return averages


def keypoint_scores(path: Path, video: Any, truth: Truth | None) -> dict[str, float] | None:
    """Accuracy of one video's keypoints; None where it has no file, empty where they cannot be compared.

    video: a row with width and height in pixels.
    """
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as file:
        arguments = {name: file[name] for name in ("keypoints", "size", "detected")}
        layout, fps = str(file["layout"]), float(file["fps"])
    try:
        return pose_accuracy.keypoint_metrics(
            **arguments, layout=layout, fps=fps, truth=truth, original_size=(video.width, video.height)
        )
    except ValueError as error:  # one bad video leaves the others' accuracy standing
        print(f"evaluate: left out of section pose: {path}: {error}")
        return {}


def pose_scores(path: Path, truth: Truth | None, energy: EnergyParams) -> dict[str, float] | None:
    """Accuracy of one video's lifted pose; None where pose or truth is missing, empty where they cannot be compared."""
    if truth is None or not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as file:
        pose, fps = file["pose"], float(file["fps"])
    try:
        return pose_accuracy.pose_metrics(pose, fps, truth, energy)
    except ValueError as error:  # one bad pose leaves the others' accuracy standing
        print(f"evaluate: left out of section lift: {path}: {error}")
        return {}
