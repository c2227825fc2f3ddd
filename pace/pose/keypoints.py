"""2D keypoints of one dancer through a video: the file that every backend writes, filled gaps, changes of rate."""

import dataclasses
from pathlib import Path

import numpy as np


class KeypointsError(ValueError):
    """Keypoints cannot be used; the message names the file, the fault and the remedy."""


@dataclasses.dataclass(frozen=True)
class Keypoints:
    """One dancer's keypoints, frame i at i/fps seconds.

    keypoints: (N,K,3) float32, x and y in pixels of an image of `size` (width, height), confidence in [0,1].
    layout: a name in `skeleton.LAYOUTS`. detected: (N,) bool; other frames are interpolated with confidence 0.
    """

    keypoints: np.ndarray
    layout: str
    fps: float
    size: tuple[int, int]
    detected: np.ndarray

    def save(self, path: Path) -> None:
        """Write an npz that `load` reads."""
        np.savez(
            path,
            keypoints=self.keypoints.astype(np.float32),
            layout=np.array(self.layout),
            fps=np.float64(self.fps),
            size=np.array(self.size, np.int64),
            detected=self.detected.astype(bool),
        )


def load(path: Path) -> Keypoints:
    """Read a file of `Keypoints.save`. Raises KeypointsError for any other file."""
    try:
        with np.load(path, allow_pickle=False) as file:
            width, height = (int(side) for side in file["size"])
            return Keypoints(
                file["keypoints"], str(file["layout"]), float(file["fps"]), (width, height), file["detected"]
            )
    except (KeyError, ValueError, OSError) as error:
        raise KeypointsError(f"{path}: not a keypoints file ({error}); run the stage keypoints again") from None


def fill_gaps(keypoints: np.ndarray, detected: np.ndarray) -> np.ndarray:
    """Keypoints (N,K,3) float32 with the frames not `detected` (N,) interpolated in time, at confidence 0.

    Before the first detected frame and after the last, the keypoints of that frame are held.
    """
    out = np.asarray(keypoints, np.float32).copy()
    present, missing = np.flatnonzero(detected), np.flatnonzero(~detected)
    if len(present) and len(missing):
        position = np.clip(np.interp(missing, present, np.arange(len(present))), 0, len(present) - 1)
        before = np.minimum(position.astype(int), len(present) - 1)
        after = np.minimum(before + 1, len(present) - 1)
        weight = (position - before)[:, None, None].astype(np.float32)
        out[missing] = (1 - weight) * out[present[before]] + weight * out[present[after]]
    out[missing, :, 2] = 0
    return out


def resample(source: Keypoints, times: np.ndarray, fps: float, count: int) -> Keypoints:
    """The same motion at `fps` on `count` frames; times: (N,) seconds at which the source's frames were shown.

    Linear in time, the ends held. A frame is detected when both frames around it are; otherwise its confidence is 0.
    """
    position = np.interp(np.arange(count) / fps, times, np.arange(len(times)))
    before = np.floor(position + 1e-3).astype(int)
    after = np.minimum(before + 1, len(times) - 1)
    weight = np.clip(position - before, 0, 1).astype(np.float32)
    weight[weight < 1e-3] = 0
    share = weight[:, None, None]
    mixed = (1 - share) * source.keypoints[before] + share * source.keypoints[after]
    detected = source.detected[before] & (source.detected[after] | (weight == 0))
    mixed[~detected, :, 2] = 0
    return Keypoints(mixed.astype(np.float32), source.layout, fps, source.size, detected)


def require_person(keypoints: Keypoints, min_detected: float, name: str) -> None:
    """Raise KeypointsError when the share of frames with a person is smaller than `min_detected`, or 0."""
    share = float(keypoints.detected.mean()) if len(keypoints.detected) else 0.0
    if share < min_detected or share == 0:
        raise KeypointsError(
            f"{name}: no person in {100 * (1 - share):.0f} % of its frames; give a video that shows one dancer whole, "
            f"or lower keypoints.min_detected ({min_detected:g})"
        )
