"""Reader of AlphaPose's result files in all their forms (FACTS 2), on the frame grid of the decoded video."""

import json
import logging
import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from pace.media.video import VideoInfo, frame_count, frame_times, probe
from pace.pose import skeleton
from pace.pose.keypoints import Keypoints, KeypointsError, fill_gaps, resample
from pace.pose.tracks import Detection, follow

log = logging.getLogger(__name__)

# Where COCO-17's keypoints are among OpenPose's 18, which include the neck.
_OPENPOSE18_TO_COCO17 = (0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10)


def estimate(path: Path, video: Path, fps: float) -> Keypoints:
    """Read the results for a video: its main dancer, on frames at i/fps, in pixels of the original video.

    Raises KeypointsError for a file of another layout or of another video, MediaError for an unreadable video.
    """
    info, times = probe(video), frame_times(video)
    return resample(read(path, len(times), info), times, fps, frame_count(info, fps))


def read(path: Path, count: int, info: VideoInfo) -> Keypoints:
    """Read a result file of a video with `count` frames: its main dancer in every frame, gaps interpolated.

    The number in `image_id` is the frame's. Raises KeypointsError.
    """
    people = _detections(_load(path), path)
    detections = [person for person in people if np.isfinite(person.points).all()]
    if not people:
        raise KeypointsError(f"{path}: no person in it; give a video that shows a dancer")
    if not detections:
        raise KeypointsError(f"{path}: no person whose keypoints are finite numbers; run AlphaPose again")
    if len(detections) < len(people):
        log.warning(
            "%s: left out %d of %d persons, whose keypoints are not finite numbers",
            *(path, len(people) - len(detections), len(people)),
        )
    keypoint_counts = {len(detection.points) for detection in detections}
    if len(keypoint_counts) > 1:
        raise KeypointsError(
            f"{path}: persons with {' and '.join(map(str, sorted(keypoint_counts)))} keypoints; expected one layout"
        )
    keypoint_count = keypoint_counts.pop()
    first = min(detection.frame for detection in detections)
    last = max(detection.frame for detection in detections)
    offset = 1 if last == count and first >= 1 else 0  # numbered from 1, as in a folder of extracted frames
    if last - offset >= count:
        raise KeypointsError(f"{path}: has frame {last}, but its video has {count} frames; is it of another video?")
    if first < 0:
        raise KeypointsError(f"{path}: has frame {first}; expected image_id to count the video's frames from 0")
    if last < 0.75 * count:
        log.warning(
            "%s: ends at frame %d of %d; if it was made from a copy with fewer frames, its times are wrong: "
            "run AlphaPose on every frame of the original",
            *(path, last, count),
        )
    points, detected = np.zeros((count, keypoint_count, 3), np.float32), np.zeros(count, bool)
    for frame, detection in follow(detections, info.fps, str(path)).items():
        points[frame - offset], detected[frame - offset] = detection.points, True
    layout, size = skeleton.LAYOUTS[keypoint_count], (info.width, info.height)
    return Keypoints(fill_gaps(points, detected), layout, info.fps, size, detected)


def _load(path: Path) -> object:
    if not path.is_file():
        raise KeypointsError(f"{path}: no such file; run AlphaPose on the video, or set keypoints.backend: mediapipe")
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise KeypointsError(f"{path}: not JSON ({error}); expected a result file of AlphaPose") from None


def _detections(content: object, path: Path) -> list[Detection]:
    """Every person of every frame, from a flat list or from a dictionary keyed by image."""
    entries: list[tuple[object, object]]  # image, person
    if isinstance(content, list):
        entries = [(person.get("image_id") if isinstance(person, dict) else None, person) for person in content]
    elif isinstance(content, dict):
        entries = [(image, person) for image, value in content.items() for person in _people(value, image, path)]
    else:
        raise _unexpected(path, f"a JSON {type(content).__name__}")
    detections = []
    for image, entry in entries:
        person = _person(entry, path)
        detections.append(Detection(_frame(image, path), _points(person, image, path), _label(person.get("idx"))))
    return detections


def _people(value: object, image: str, path: Path) -> list[Any]:
    fields = value if isinstance(value, dict) else {}
    people = next((fields[key] for key in ("bodies", "people") if key in fields), None)
    if not isinstance(people, list):
        raise _unexpected(path, f"{image!r} without a list `bodies` or `people`")
    return people


def _person(entry: object, path: Path) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise _unexpected(path, f"{json.dumps(entry)[:40]} instead of a person")
    return entry


def _points(person: dict[str, Any], image: object, path: Path) -> np.ndarray:
    """Keypoints (K,3) of one person in a layout of `skeleton.LAYOUTS`, confidence within [0,1]."""
    name = next((key for key in ("keypoints", "joints", "pose_keypoints_2d") if key in person), None)
    points = _numbers(person[name], f"{name} of {image!r}", "x, y, confidence", path) if name else None
    if points is None:
        raise _unexpected(path, f"{image!r} with the keys {', '.join(map(str, person)) or 'none'}")
    if len(points) == 18:
        points = points[list(_OPENPOSE18_TO_COCO17)]
    elif len(points) == 136:
        points = points[:26]
    elif len(points) not in skeleton.LAYOUTS and "pred_xyz_jts" in person:
        points = _project_xyz(person["pred_xyz_jts"], points, path)
    if len(points) not in skeleton.LAYOUTS:
        layouts = ", ".join(f"{number} ({layout})" for number, layout in skeleton.LAYOUTS.items())
        raise _unexpected(path, f"{len(points)} keypoints per person; known: {layouts}, 18 (OpenPose), 136 (Halpe)")
    points[:, 2] = np.clip(points[:, 2], 0, 1)
    with np.errstate(over="ignore"):  # a coordinate too large for float32 becomes infinite, and the person is left out
        return points.astype(np.float32)


def _numbers(values: object, what: str, columns: str, path: Path) -> np.ndarray:
    """A list of numbers, flat or in threes, as (K,3) float64. Text, truth values and null are no numbers."""
    try:
        flat = np.array(values, object).ravel().tolist()
        if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in flat):
            raise TypeError
        return np.array(flat, np.float64).reshape(-1, 3)
    except (ValueError, TypeError, OverflowError):
        raise _unexpected(path, f"{what} that are not numbers {columns}") from None


def _project_xyz(joints: object, points: np.ndarray, path: Path) -> np.ndarray:
    """SMPL-24 in the image from the 3D joints `pred_xyz_jts`, scaled and moved onto the box of the 2D keypoints."""
    xyz = _numbers(joints, "pred_xyz_jts", "x, y, z", path)[:24]
    if len(xyz) < 24 or not len(points):
        raise _unexpected(path, f"{len(points)} keypoints and {len(xyz)} pred_xyz_jts; expected at least 1 and 24")
    if not (np.isfinite(xyz).all() and np.isfinite(points).all()):
        return np.full((24, 3), np.nan)
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    scale = (high - low).max() / max(np.ptp(xyz[:, :2], axis=0).max(), 1e-9)
    centre = (xyz[:, :2].min(axis=0) + xyz[:, :2].max(axis=0)) / 2
    flat = (low + high) / 2 + scale * (xyz[:, :2] - centre)
    return np.column_stack([flat, np.full(len(flat), points[:, 2].mean())])


def _frame(image: object, path: Path) -> int:
    """Frame index from an image_id such as 12, "12.jpg" or "frame_000012.jpg"."""
    if isinstance(image, int) and not isinstance(image, bool):
        return image
    if isinstance(image, float) and image.is_integer():
        return int(image)
    numbers = re.findall(r"[0-9]+", Path(image).stem) if isinstance(image, str) else []
    if not numbers or len(numbers[-1]) > 18:
        raise _unexpected(path, f"image_id {str(image)[:40]!r} without a frame number")
    return int(numbers[-1])


def _label(idx: object) -> int | str | None:
    """AlphaPose's label of the person: a number, rounded, or a text; also in a nested list. None for anything else."""
    while isinstance(idx, list):
        idx = idx[0] if idx else None
    if isinstance(idx, float):
        return round(idx) if math.isfinite(idx) else None
    return idx if isinstance(idx, int | str) else None


def _unexpected(path: Path, content: str) -> KeypointsError:
    return KeypointsError(
        f"{path}: found {content}; expected AlphaPose results: a list of persons with image_id and keypoints, "
        "or a dictionary of images with bodies or people"
    )
