"""AIST++'s own 2D keypoints, on the frame grid of the decoded video (FACTS 4)."""

import dataclasses
from pathlib import Path

import numpy as np

from pace.datasets import aistpp
from pace.media.video import VideoInfo, frame_count, probe
from pace.pose.aistpp_annotations import FPS, read_dictionary, to_array, to_seconds
from pace.pose.keypoints import Keypoints, KeypointsError, fill_gaps, resample
from pace.pose.tracks import Detection, follow

VIEWS = 9
_PAST_END = 1.0  # seconds that keypoints may run past their video
_REACH = 1.6 / FPS  # seconds around an annotated frame in which its joints hold: gaps of up to 3/60 s are bridged


def keypoints_file(annotations: Path, video_id: str) -> Path:
    """The file of a video's keypoints in an annotation folder. Raises KeypointsError for another folder."""
    if not (annotations / "keypoints2d").is_dir():
        raise KeypointsError(
            f"{annotations}: no folder keypoints2d; set keypoints.source to AIST++'s annotation folder"
        )
    name = aistpp.parse_name(video_id)
    return annotations / "keypoints2d" / f"{name.sequence if name else video_id}.pkl"


def estimate(path: Path, video: Path, fps: float) -> Keypoints:
    """Read the keypoints that the video's camera sees, on frames at i/fps, in pixels of the original video.

    Frames farther than 1.6/60 s from every annotated one are not detected. Raises KeypointsError for a file of another
    layout or of another video, PickleError for a refused one, MediaError for an unreadable video.
    """
    info = probe(video)
    annotated, times = read(path, aistpp.parse_video_name(video.stem, str(video)).view, info)
    if times[-1] > info.duration_s + _PAST_END:
        raise KeypointsError(
            f"{path}: runs to {times[-1]:.2f} s, but {video} lasts {info.duration_s:.2f} s; is it of another video?"
        )
    annotated = _one_dancer(annotated, str(path))
    resampled = resample(annotated, times, fps, frame_count(info, fps))
    grid = np.arange(len(resampled.keypoints)) / fps
    after = np.searchsorted(times, grid).clip(1, len(times) - 1)
    outside = np.minimum(abs(grid - times[after - 1]), abs(grid - times[after])) > _REACH
    resampled.keypoints[outside, :, 2] = 0
    return dataclasses.replace(resampled, detected=resampled.detected & ~outside)


def read(path: Path, view: int, info: VideoInfo) -> tuple[Keypoints, np.ndarray]:
    """Keypoints of one view in every annotated frame, and the frames' times (N,) in seconds. Raises KeypointsError.

    A frame without any joint or with a detection score of 0 is not detected. A joint that is NaN has confidence 0 and
    is interpolated in time; one that is missing throughout lies in the middle of the others.
    """
    content = read_dictionary(path, "keypoints2d", "det_scores", "timestamps")
    points, scores = (to_array(content[key], key, path) for key in ("keypoints2d", "det_scores"))
    times = to_seconds(content["timestamps"], path)
    if points.shape != (VIEWS, len(times), 17, 3) or scores.shape != points.shape[:2]:
        raise KeypointsError(
            f"{path}: keypoints2d {points.shape}, det_scores {scores.shape}, timestamps {times.shape}; expected "
            "(9, N, 17, 3), (9, N), (N,)"
        )
    points, finite = points[view], np.isfinite(points[view]).all(axis=2)
    detected = finite.any(axis=1) & (scores[view] > 0)
    filled = fill_joints(points, finite & detected[:, None])
    filled[..., 2] = np.clip(filled[..., 2], 0, 1)
    return Keypoints(filled, "coco17", FPS, (info.width, info.height), detected), times


def fill_joints(points: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Points (N,17,3) float32 with those not `present` (N,17) interpolated in time, joint by joint, at confidence 0.

    A joint that is never present gets the mean of the others in each frame.
    """
    out = np.where(present[..., None], points, 0).astype(np.float32)
    for joint in range(out.shape[1]):
        out[:, [joint]] = fill_gaps(out[:, [joint]], present[:, joint])
    ever_present = present.any(axis=0)
    if ever_present.any():
        out[:, ~ever_present, :2] = out[:, ever_present, :2].mean(axis=1, keepdims=True)
    return out


def _one_dancer(annotated: Keypoints, name: str) -> Keypoints:
    """The keypoints without the frames that show another person than the main dancer."""
    detections = [Detection(int(i), annotated.keypoints[i], 0) for i in np.flatnonzero(annotated.detected)]
    kept = np.zeros(len(annotated.detected), bool)
    kept[list(follow(detections, annotated.fps, name))] = True
    if (kept == annotated.detected).all():
        return annotated
    return dataclasses.replace(annotated, keypoints=fill_gaps(annotated.keypoints, kept), detected=kept)
