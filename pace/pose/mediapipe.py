"""BlazePose of MediaPipe: 2D keypoints of the most prominent person, offline."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np

from pace.pose import keypoints

# BlazePose's landmark for each keypoint of Halpe-26 that it has. It has one toe per foot, which serves as both.
_NOSE_TO_ANKLES = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
_FEET = (31, 32, 31, 32, 29, 30)
HEAD_TOP = 0.65  # how far the top of the head lies beyond the ears, in distances of neck and ears


def estimate(frames: Iterable[np.ndarray], fps: float) -> keypoints.Keypoints:
    """Track one person through frames (H,W,3) uint8 RGB of constant rate `fps`: layout Halpe-26, same fps.

    Landmarks are not smoothed: MediaPipe's own filter delays them by 8 ms on average (up to 13 ms) and makes wrists
    and ankles a fifth less accurate on rendered dancers; without it the delay is 0 ms.
    """
    poses: list[np.ndarray | None] = []
    size = (0, 0)
    with contextlib.ExitStack() as startup:
        startup.enter_context(_quiet())  # until the first frame is through: the networks load in the background
        from mediapipe.python.solutions import pose

        with pose.Pose(static_image_mode=False, model_complexity=1, smooth_landmarks=False) as tracker:
            for frame in frames:
                size = (frame.shape[1], frame.shape[0])
                landmarks = tracker.process(frame).pose_landmarks
                poses.append(_to_pixels(landmarks.landmark, size) if landmarks else None)
                startup.close()
    detected = np.array([points is not None for points in poses], bool)
    empty = np.zeros((26, 3), np.float32)
    filled = [empty if points is None else points for points in poses]
    points = np.array(filled, np.float32).reshape(-1, 26, 3)
    return keypoints.Keypoints(keypoints.fill_gaps(points, detected), "halpe26", fps, size, detected)


def to_halpe26(landmarks: np.ndarray) -> np.ndarray:
    """BlazePose (33,3) x, y, visibility to Halpe-26 (26,3).

    Neck and hip are midpoints; the top of the head is extrapolated.
    """
    middle = [(landmarks[i] + landmarks[i + 1]) / 2 for i in (7, 11, 23)]
    ears, neck, hip = middle
    head = ears + HEAD_TOP * (ears - neck)
    head[2] = min(ears[2], neck[2])
    return np.stack([*landmarks[list(_NOSE_TO_ANKLES)], head, neck, hip, *landmarks[list(_FEET)]])


class _Landmark(Protocol):
    """One landmark of MediaPipe: x and y as fractions of the image's sides."""

    x: float
    y: float
    visibility: float


def _to_pixels(landmarks: Iterable[_Landmark], size: tuple[int, int]) -> np.ndarray:
    """MediaPipe's landmarks to Halpe-26 in pixels of an image of `size` (width, height)."""
    scale = np.array([*size, 1.0])
    return to_halpe26(np.array([(point.x, point.y, point.visibility) for point in landmarks]) * scale)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep MediaPipe's C++ start-up messages, which no log level stops, off stderr. Python's errors still show."""
    saved = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
