"""AIST++'s own 3D joints as poses, in place of lifting (FACTS 4)."""

from pathlib import Path

import numpy as np

from pace.datasets import aistpp
from pace.motion.aistpp_cameras import camera_files, read_camera
from pace.pose import skeleton
from pace.pose.aistpp_annotations import FPS, read_dictionary, to_array, to_seconds
from pace.pose.keypoints import KeypointsError, load

# Views that AIST++ lists as out of sync with the other cameras: the 3D joints do not fit them.
OUT_OF_SYNC = frozenset({"gBR_sBM_c05_d04_mBR0_ch01"})


def annotation_files(annotations: Path, video_id: str) -> tuple[Path, ...]:
    """The files from which a video's pose is computed: 3D joints, time stamps where there are any, cameras."""
    name = aistpp.parse_name(video_id)
    sequence = name.sequence if name else video_id
    stamps = annotations / "keypoints2d" / f"{sequence}.pkl"
    return (
        annotations / "keypoints3d" / f"{sequence}.pkl",
        *([stamps] if stamps.is_file() else []),
        *camera_files(annotations / "cameras"),
    )


def pose_video(annotations: Path, video_id: str, inputs: tuple[Path, ...], folder: Path) -> None:
    """Write `pose3d.npz` (pose (N,17,3) float32, fps) for one video; inputs: its keypoints file, annotation files.

    The pose takes its frame rate and its number of frames from the keypoints file.
    """
    if video_id in OUT_OF_SYNC:
        raise KeypointsError(f"{video_id}: its camera is out of sync with the others; use lift.source: keypoints")
    keypoints = load(inputs[0])
    pose = normalise(camera_pose(annotations, video_id, len(keypoints.keypoints), keypoints.fps))
    np.savez(folder / "pose3d.npz", pose=pose.astype(np.float32), fps=np.float32(keypoints.fps))


def camera_pose(annotations: Path, video_id: str, count: int, fps: float) -> np.ndarray:
    """A video's joints (count,17,3) float64 in its camera's coordinates, H36M order, centimetres, frame i at i/fps.

    x right, y down, z away from the camera. Linear in time between the 60 annotated frames per second, the ends held;
    joints that are NaN are interpolated. Raises KeypointsError.
    """
    name = aistpp.parse_video_name(video_id, "lift.source aistpp")
    path, key = annotations / "keypoints3d" / f"{name.sequence}.pkl", "keypoints3d_optim"
    world = to_array(read_dictionary(path, key)[key], key, path)
    if world.ndim != 3 or world.shape[1:] != (17, 3):
        raise KeypointsError(f"{path}: {key} {world.shape}; expected (N, 17, 3)")
    times = _frame_times(annotations, name.sequence, len(world))
    finite = np.isfinite(world).all(axis=2)
    if not finite.any(axis=0).all():
        missing = skeleton.COCO17[int(np.argmin(finite.any(axis=0)))]
        raise KeypointsError(f"{path}: the {missing} is missing throughout; put the sequence on the ignore list")
    rotation, translation = read_camera(annotations / "cameras", name.sequence, name.camera)
    grid = np.arange(count) / fps
    resampled = np.empty((count, 17, 3))
    for joint in range(17):
        present = finite[:, joint]
        for axis in range(3):
            resampled[:, joint, axis] = np.interp(grid, times[present], world[present, joint, axis])
    return skeleton.coco17_to_h36m(resampled @ rotation.T + translation)


def normalise(pose: np.ndarray) -> np.ndarray:
    """A pose (N,17,3) in camera coordinates at the scale of lifted poses.

    Lifted poses have the scale of normalised keypoints, so the square around x and y over the whole video goes to
    [-1,1] here too. z has the same scale, and is 0 at the root of the first frame.
    """
    low, high = pose[..., :2].min(axis=(0, 1)), pose[..., :2].max(axis=(0, 1))
    half = (high - low).max() / 2
    if not half > 0:
        raise KeypointsError("all joints of the pose lie in one place; look at the video's 3D keypoints")
    return np.asarray((pose - np.array([*((low + high) / 2), pose[0, 0, 2]])) / half)


def _frame_times(annotations: Path, sequence: str, count: int) -> np.ndarray:
    """Times (count,) of the 3D frames: those of the 2D annotation that they come from; without it, 60 a second."""
    path = annotations / "keypoints2d" / f"{sequence}.pkl"
    if not path.is_file():
        return np.arange(count) / FPS
    times = to_seconds(read_dictionary(path, "timestamps")["timestamps"], path)
    if len(times) != count:
        raise KeypointsError(f"{path}: {len(times)} time stamps for {count} frames of 3D joints; get an intact copy")
    return times
