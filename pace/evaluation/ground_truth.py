"""A dataset's ground truth of one video: joints and beats. Only `evaluate`, `make overview` and tests read it."""

import dataclasses
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pace.datasets.listing import stored_file


@dataclasses.dataclass(frozen=True)
class TruthParams:
    """Section `dataset`, as far as `evaluate` reads it: the folder of {video_id}.npz truth files."""

    truth: str


@dataclasses.dataclass(frozen=True)
class Truth:
    """One video's true joints, in H36M order, and beats; frame i shows time i / fps.

    joints3d (N,17,3): metres in camera coordinates. joints2d (N,17,2): pixels of the original video. beats (B,):
    seconds. strength: how clearly the dance shows the beat, 0 (weakest) to 1; None where the dataset does not say.
    """

    joints3d: npt.NDArray[np.float64]
    joints2d: npt.NDArray[np.float64]
    beats: npt.NDArray[np.float64]
    fps: float
    strength: float | None = None

    def beats_between(self, start: float, end: float) -> npt.NDArray[np.float64]:
        """Beats at or after `start` and before `end`, in seconds after `start`."""
        return self.beats[(self.beats >= start) & (self.beats < end)] - start


def read_truth(folder: Path | str, video_id: str) -> Truth | None:
    """Read the truth of a video; None where the dataset has none.

    Raises ValueError, naming the file, where an array is missing, for beats or a frame rate that are not finite, and
    for a strength outside [0,1].
    """
    path = stored_file(Path(folder) / f"{video_id}.npz")
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as file:
        missing = {"joints3d", "joints2d", "beats", "fps"} - set(file.files)
        if missing:
            raise ValueError(f"{path} has no array {', '.join(sorted(missing))}; see the format of dataset.truth")
        joints3d, joints2d, beats = (file[name].astype(np.float64) for name in ("joints3d", "joints2d", "beats"))
        fps = float(file["fps"])
        strength = float(file["strength"]) if "strength" in file.files else None
    if bad := np.count_nonzero(~np.isfinite(beats)):
        raise ValueError(f"{path}: {bad} of {len(beats)} beats are NaN or infinite; leave them out")
    if not (np.isfinite(fps) and fps > 0):
        raise ValueError(f"{path}: fps is {fps:g}; give the frames per second of its joints")
    if strength is not None and not 0 <= strength <= 1:
        raise ValueError(f"{path}: strength is {strength:g}; give a number from 0 (weakest) to 1, or leave it out")
    return Truth(joints3d, joints2d, beats, fps, strength)
