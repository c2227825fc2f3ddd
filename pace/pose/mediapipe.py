"""BlazePose of MediaPipe: 2D keypoints of the most prominent person, offline."""

import contextlib
import functools
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pace.pose import blazepose, keypoints
from pace.pose.tracks import MAX_ABSENCE, Detection, follow, found_again

if TYPE_CHECKING:
    from mediapipe.python.solution_base import SolutionBase

# BlazePose's landmark for each keypoint of Halpe-26 that it has. It has one toe per foot, which serves as both.
_NOSE_TO_ANKLES = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
_FEET = (31, 32, 31, 32, 29, 30)
WINDOW = 1.0  # body sizes from the middle of the torso to the edges of the window in which a lost person is looked for
SMALLEST = 16  # pixels: narrower windows are not searched
HEAD_TOP = 0.65  # how far the top of the head lies beyond the ears, in distances of neck and ears


def estimate(frames: Iterable[np.ndarray], fps: float, name: str) -> keypoints.Keypoints:
    """Track one person through frames (H,W,3) uint8 RGB of constant rate `fps`: layout Halpe-26, same fps.

    Where BlazePose goes over to another person, the first is looked for around the last place; frames without the
    main dancer are not detected, and warnings under `name` say which.

    Landmarks are not smoothed: MediaPipe's own filter delays them by 8 ms on average (up to 13 ms) and makes wrists
    and ankles a fifth less accurate on rendered dancers; without it the delay is 0 ms.
    """
    detections: list[Detection] = []
    size, count = (0, 0), 0
    with contextlib.ExitStack() as networks, contextlib.ExitStack() as startup:
        startup.enter_context(_quiet())  # until the first frame is through: the networks load in the background
        folder = Path(networks.enter_context(tempfile.TemporaryDirectory()))
        tracker = networks.enter_context(blazepose.load(folder, static=False))
        search = _Search(lambda: networks.enter_context(blazepose.load(folder, static=True)), fps)
        for frame in frames:
            size = (frame.shape[1], frame.shape[0])
            found = _people(tracker, frame, count)
            startup.close()
            detections += found + search.beside(found, frame)
            count += 1
    points, detected = np.zeros((count, 26, 3), np.float32), np.zeros(count, bool)
    for index, detection in follow(detections, fps, name).items():
        points[index], detected[index] = detection.points, True
    return keypoints.Keypoints(keypoints.fill_gaps(points, detected), "halpe26", fps, size, detected)


class _Search:
    """Looks for a lost person in a window around the last place, with a second network made when first needed."""

    def __init__(self, make: Callable[[], "SolutionBase"], fps: float) -> None:
        self._make, self._fps = functools.cache(make), fps
        self._last: Detection | None = None

    def beside(self, found: list[Detection], frame: np.ndarray) -> list[Detection]:
        """The lost person as a list, empty where nobody is lost or found. `found`: whom the tracker sees in `frame`."""
        if not found:
            return []
        seen, last = found[0], self._last
        if last is None or found_again(last, seen, self._fps) or seen.frame - last.frame > MAX_ABSENCE * self._fps:
            self._last = seen
            return []
        (left, top), (right, bottom) = (
            np.clip(last.centre + side * WINDOW * last.extent, 0, frame.shape[1::-1]).astype(int) for side in (-1, 1)
        )
        if min(right - left, bottom - top) < SMALLEST:
            return []
        with _quiet():
            again = _people(self._make(), np.ascontiguousarray(frame[top:bottom, left:right]), seen.frame, (left, top))
        if not again or not found_again(last, again[0], self._fps):
            return []
        self._last = again[0]
        return again


def _people(
    tracker: "SolutionBase", frame: np.ndarray, index: int, corner: tuple[int, int] = (0, 0)
) -> list[Detection]:
    """The person in a frame (H,W,3), if any, with `corner` (x, y) added to the pixels."""
    landmarks = tracker.process(frame).pose_landmarks
    if not landmarks:
        return []
    points = _to_pixels(landmarks.landmark, (frame.shape[1], frame.shape[0])) + np.array([*corner, 0])
    return [Detection(index, points.astype(np.float32))]


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
