"""Sections `pose` and `lift` of metrics.json: how close keypoints and lifted poses come to the ground truth."""

from collections.abc import Iterable
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

    videos: video_id, width, height. truths, keypoints, poses: folders of {video_id}.npz.
    """
    rows = [(video, read_truth(truths, str(video.video_id))) for video in videos.itertuples()]
    sections = {
        "pose": [keypoint_scores(keypoints / f"{video.video_id}.npz", video, truth) for video, truth in rows],
        "lift": [pose_scores(poses / f"{video.video_id}.npz", truth, energy) for video, truth in rows],
    }
    return {name: pose_accuracy.mean(known) for name, scores in sections.items() if (known := _without_none(scores))}


def keypoint_scores(path: Path, video: Any, truth: Truth | None) -> dict[str, float] | None:
    """Accuracy of one video's keypoints; None where it has no file. video: a row with width and height in pixels."""
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as file:
        return pose_accuracy.keypoint_metrics(
            keypoints=file["keypoints"],
            layout=str(file["layout"]),
            fps=float(file["fps"]),
            size=file["size"],
            detected=file["detected"],
            truth=truth,
            original_size=(video.width, video.height),
        )


def pose_scores(path: Path, truth: Truth | None, energy: EnergyParams) -> dict[str, float] | None:
    """Accuracy of one video's lifted pose; None where pose or truth is missing, or where the pose has no energies."""
    if truth is None or not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as file:
        pose, fps = file["pose"], float(file["fps"])
    try:
        return pose_accuracy.pose_metrics(pose, fps, truth, energy)
    except ValueError as error:  # one bad pose leaves the others' accuracy standing
        print(f"evaluate: left out of section lift: {path}: {error}")
        return None


def _without_none(scores: Iterable[dict[str, float] | None]) -> list[dict[str, float]]:
    return [score for score in scores if score]
