"""Reader of AIST++'s camera poses, from cameras/mapping.txt and cameras/*.json (FACTS 4)."""

import json
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from pace.pose.keypoints import KeypointsError


def camera_files(cameras: Path) -> tuple[Path, ...]:
    """The files of the folder `cameras` that `read_camera` may read."""
    return (cameras / "mapping.txt", *sorted(cameras.glob("*.json")))


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
        entries = {entry["name"]: entry for entry in json.loads(path.read_text(encoding="utf-8"))}
        rotation, translation = (np.array(entries[camera][key], np.float64) for key in ("rotation", "translation"))
        return Rotation.from_rotvec(rotation).as_matrix(), translation.reshape(3)
    except (KeyError, TypeError, ValueError) as error:
        raise KeypointsError(
            f"{path}: no valid entry for camera {camera} ({error}); expected a list of name, rotation and translation"
        ) from None
