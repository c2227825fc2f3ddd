"""AIST++'s own 2D keypoints, on the frame grid of the decoded video (FACTS 4)."""

import dataclasses
from pathlib import Path

import numpy as np

from pace.datasets import aistpp as names
from pace.media.video import VideoInfo, frame_count, probe
from pace.pose import numpy_pickles
from pace.pose.keypoints import Keypoints, KeypointsError, fill_gaps, resample

VIEWS = 9
FPS = 60.0  # of all of AIST++'s annotations
# What one count of the time stamps may be, in seconds: second, millisecond, microsecond, or frame.
_UNITS = (1.0, 1e-3, 1e-6, 1 / FPS)
_PAST_END = 1.0  # seconds that keypoints may run past their video
_REACH = 1.6 / FPS  # seconds around an annotated frame in which its joints hold: gaps of up to 3/60 s are bridged


def keypoints_file(source: Path, video_id: str) -> Path:
    """The file of a video's keypoints in an annotation folder. Raises KeypointsError for another folder."""
    if not (source / "keypoints2d").is_dir():
        raise KeypointsError(f"{source}: no folder keypoints2d; set keypoints.source to AIST++'s annotation folder")
    name = names.parse(video_id)
    return source / "keypoints2d" / f"{name.sequence if name else video_id}.pkl"


def estimate(path: Path, video: Path, fps: float) -> Keypoints:
    """Read the keypoints of a video's camera, on frames at i/fps, in pixels of the original video.

    Frames that the annotation does not reach, and those in its longer gaps, are not detected. Raises KeypointsError for
    a file of another layout or of another video, PickleError for a refused one, MediaError for an unreadable video.
    """
    info = probe(video)
    source, times = read(path, names.parse_video(video.stem, str(video)).view, info)
    _check_frame(source, path, video)
    if times[-1] > info.duration_s + _PAST_END:
        raise KeypointsError(
            f"{path}: runs to {times[-1]:.2f} s, but {video} lasts {info.duration_s:.2f} s; is it of another video?"
        )
    found = resample(source, times, fps, frame_count(info, fps))
    grid = np.arange(len(found.keypoints)) / fps
    after = np.searchsorted(times, grid).clip(1, len(times) - 1)
    outside = np.minimum(abs(grid - times[after - 1]), abs(grid - times[after])) > _REACH
    found.keypoints[outside, :, 2] = 0
    return dataclasses.replace(found, detected=found.detected & ~outside)


def read(path: Path, view: int, info: VideoInfo) -> tuple[Keypoints, np.ndarray]:
    """Keypoints of one view in every annotated frame, and the frames' times (N,) in seconds. Raises KeypointsError.

    A frame without any joint or with a detection score of 0 is not detected. A joint that is NaN has confidence 0 and
    is interpolated in time; one that is missing throughout lies in the middle of the others.
    """
    data = content(path, "keypoints2d", "det_scores", "timestamps")
    points, scores = (numbers(data[key], key, path) for key in ("keypoints2d", "det_scores"))
    times = seconds(data["timestamps"], path)
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


def fill_joints(points: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Points (N,17,3) with those not `known` (N,17) interpolated in time, joint by joint, and 0 in the last channel.

    A joint that is never known gets the mean of the others in each frame. Returns float32.
    """
    out = np.where(known[..., None], points, 0).astype(np.float32)
    for joint in range(out.shape[1]):
        out[:, [joint]] = fill_gaps(out[:, [joint]], known[:, joint])
    seen = known.any(axis=0)
    if seen.any():
        out[:, ~seen, :2] = out[:, seen, :2].mean(axis=1, keepdims=True)
    return out


def seconds(stamps: object, path: Path) -> np.ndarray:
    """Times (N,) in seconds of time stamps that count seconds, milliseconds, microseconds or frames.

    Told apart by their usual step, which must be that of 60 frames per second. Raises KeypointsError.
    """
    stamps = numbers(stamps, "timestamps", path)
    step = float(np.median(np.diff(stamps))) if stamps.ndim == 1 and len(stamps) > 1 else float("nan")
    for unit in _UNITS:
        if abs(step * unit * FPS - 1) < 0.2 and (np.diff(stamps) > 0).all():
            return stamps * unit
    raise KeypointsError(f"{path}: timestamps with a usual step of {step:g}; expected rising ones of 60 frames/s")


def numbers(value: object, key: str, path: Path) -> np.ndarray:
    """A value of a pickled dictionary as float64. Raises KeypointsError for one that is no array of numbers."""
    try:
        return np.asarray(value, np.float64)
    except (TypeError, ValueError) as error:
        raise KeypointsError(f"{path}: its {key!r} is no array of numbers ({error}); get a sound copy") from None


def content(path: Path, *keys: str) -> dict:
    """A pickled dictionary with these keys. Raises KeypointsError, PickleError."""
    data = numpy_pickles.load(path)
    missing = [key for key in keys if key not in data] if isinstance(data, dict) else list(keys)
    if missing:
        raise KeypointsError(f"{path}: has no {missing[0]!r}; expected a file of AIST++'s annotations")
    return data


def _check_frame(found: Keypoints, path: Path, video: Path) -> None:
    """Raises KeypointsError when most detected joints lie outside the video's frame: its size is not the annotated."""
    points = found.keypoints[found.keypoints[..., 2] > 0]
    outside = ((points[:, :2] < 0) | (points[:, :2] >= found.size)).any(axis=1)
    if len(points) and outside.mean() > 0.5:
        raise KeypointsError(
            f"{path}: {100 * outside.mean():.0f} % of its joints lie outside the {found.size[0]} x {found.size[1]} "
            f"pixels of {video}; give AIST's video at its own size"
        )
