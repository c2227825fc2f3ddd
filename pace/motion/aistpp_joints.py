"""AIST++'s own 3D joints as poses, in place of lifting (FACTS 4)."""

import json
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from pace.datasets import aistpp as names
from pace.pose import aistpp, skeleton
from pace.pose.keypoints import KeypointsError, load

# Views that the publishers found out of step with the other cameras, whose joints therefore are not theirs.
OUT_OF_STEP = frozenset({"gBR_sBM_c05_d04_mBR0_ch01"})


def annotation_files(annotations: Path, video_id: str) -> tuple[Path, ...]:
    """The files that a video's pose is made from: 3D joints, time stamps where there are any, cameras."""
    name = names.parse(video_id)
    sequence = name.sequence if name else video_id
    stamps = annotations / "keypoints2d" / f"{sequence}.pkl"
    cameras = annotations / "cameras"
    return (
        annotations / "keypoints3d" / f"{sequence}.pkl",
        *([stamps] if stamps.is_file() else []),
        cameras / "mapping.txt",
        *sorted(cameras.glob("*.json")),
    )


def pose_video(annotations: Path, video_id: str, inputs: tuple[Path, ...], folder: Path) -> None:
    """Write `pose3d.npz` (pose (N,17,3) float32, fps) for one video; inputs: its keypoints file, annotation files.

    The pose has a frame for each one of the keypoints file, which settles the frame rate too.
    """
    if video_id in OUT_OF_STEP:
        raise KeypointsError(f"{video_id}: its camera is out of step with the others; use lift.source: keypoints")
    keypoints = load(inputs[0])
    pose = normalise(camera_pose(annotations, video_id, len(keypoints.keypoints), keypoints.fps))
    np.savez(folder / "pose3d.npz", pose=pose.astype(np.float32), fps=np.float32(keypoints.fps))


def camera_pose(annotations: Path, video_id: str, count: int, fps: float) -> np.ndarray:
    """A video's joints (count,17,3) float64 in its camera's coordinates, H36M order, centimetres, frame i at i/fps.

    x right, y down, z away from the camera. Linear in time between the 60 annotated frames per second, the ends held;
    joints that are NaN are interpolated. Raises KeypointsError.
    """
    name = names.parse_video(video_id, "lift.source aistpp")
    path, key = annotations / "keypoints3d" / f"{name.sequence}.pkl", "keypoints3d_optim"
    world = aistpp.numbers(aistpp.content(path, key)[key], key, path)
    if world.ndim != 3 or world.shape[1:] != (17, 3):
        raise KeypointsError(f"{path}: {key} {world.shape}; expected (N, 17, 3)")
    times = _times(annotations, name.sequence, len(world))
    finite = np.isfinite(world).all(axis=2)
    if not finite.any(axis=0).all():
        joint = skeleton.COCO17[int(np.argmin(finite.any(axis=0)))]
        raise KeypointsError(f"{path}: the {joint} is missing throughout; put the sequence on the ignore list")
    rotation, translation = read_camera(annotations / "cameras", name.sequence, name.camera)
    grid = np.arange(count) / fps
    seen = np.empty((count, 17, 3))
    for joint in range(17):
        known = finite[:, joint]
        for axis in range(3):
            seen[:, joint, axis] = np.interp(grid, times[known], world[known, joint, axis])
    return skeleton.coco17_to_h36m(seen @ rotation.T + translation)


def normalise(pose: np.ndarray) -> np.ndarray:
    """A pose (N,17,3) in camera coordinates at the scale of lifted poses.

    Lifted poses have the scale of normalised keypoints, so here too the square around x and y over the whole video
    goes to [-1,1]; z has the same scale, and is 0 at the root of the first frame.
    """
    low, high = pose[..., :2].min(axis=(0, 1)), pose[..., :2].max(axis=(0, 1))
    half = (high - low).max() / 2
    if not half > 0:
        raise KeypointsError("all joints of the pose lie in one place; look at the video's 3D keypoints")
    return (pose - np.array([*((low + high) / 2), pose[0, 0, 2]])) / half


def read_camera(cameras: Path, sequence: str, camera: str) -> tuple[np.ndarray, np.ndarray]:
    """Rotation (3,3) and translation (3,) in centimetres, world to camera, of a sequence's camera (c01 ... c09).

    The environment of the sequence is in mapping.txt, its cameras in {environment}.json. Raises KeypointsError.
    """
    mapping = cameras / "mapping.txt"
    lines = [line.split() for line in mapping.read_text(encoding="utf-8").splitlines() if line.strip()]
    environment = next((line[1] for line in lines if len(line) == 2 and line[0] == sequence), None)
    if environment is None:
        raise KeypointsError(f"{mapping}: no environment for {sequence}; expected lines of sequence and environment")
    path = cameras / f"{environment}.json"
    if not path.is_file():
        raise KeypointsError(f"{path}: no such file; {mapping} names it for {sequence}")
    try:
        entries = {item["name"]: item for item in json.loads(path.read_text(encoding="utf-8"))}
        rotation, translation = (np.array(entries[camera][key], np.float64) for key in ("rotation", "translation"))
        return Rotation.from_rotvec(rotation).as_matrix(), translation.reshape(3)
    except (KeyError, TypeError, ValueError) as error:
        raise KeypointsError(
            f"{path}: no sound camera {camera} in it ({error}); expected a list of name, rotation and translation"
        ) from None


def _times(annotations: Path, sequence: str, count: int) -> np.ndarray:
    """Times of the 3D frames: those of the 2D annotation, of which they were made; without it, 60 a second."""
    path = annotations / "keypoints2d" / f"{sequence}.pkl"
    if not path.is_file():
        return np.arange(count) / aistpp.FPS
    times = aistpp.seconds(aistpp.content(path, "timestamps")["timestamps"], path)
    if len(times) != count:
        raise KeypointsError(f"{path}: {len(times)} time stamps for {count} frames of 3D joints")
    return times
