"""AIST++'s beat alignment score (Li et al. 2021; FACTS 7): how close the dance's own beats are to the music's.

Motion beats are the local minima of the summed speed of all joints, the moments at which the dancer arrives. The score
is the mean over motion beats x of exp(-d(x)^2 / 2 sigma^2). Here d is the distance to the nearest music beat, and sigma
is 3 frames at 60 frames/s.

The score needs no reference music, and it rises with every beat that the music adds: a click every 100 ms scores 0.86
with any dance. It is therefore computed in both directions. The other direction, the mean over music beats (the form of
Siyao et al. 2022, Bailando), falls when the music has beats that the dance lacks.
"""

import dataclasses
import math
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import signal

from pace.finite import check_finite
from pace.motion.energy import lowpass

ALIGNMENT = "alignment"  # the key of these scores, next to the protocols of `rhythm`
SIGMA = 3 / 60  # seconds
NEIGHBOURHOOD = 10 / 60  # seconds: a minimum is the lowest value within this distance on either side
SMOOTH_HZ = 6.0  # low-pass against jitter, as for the energies (FACTS 6); the authors' own joints are smooth
SMOOTH_ORDER = 2
LONGEST_GAP = 0.25  # seconds without a joint's position that are interpolated; a longer gap may hide a beat


@dataclasses.dataclass(frozen=True)
class MotionBeats:
    """The motion beats of a clip.

    times (M,): in seconds from the clip's start; None where the pose does not tell. unusable: why it does not.
    filled: frames of the clip in which a joint's position was missing and is interpolated.
    """

    times: npt.NDArray[np.float64] | None
    unusable: str = ""
    filled: int = 0


def motion_beats(pose: np.ndarray, fps: float) -> np.ndarray:
    """Find the motion beats of a whole track of joints (N,J,2 or 3); frame i shows time i / fps.

    Returns times (M,) in seconds. The speed between two frames counts for the time halfway between them. Near an end of
    the track, a minimum is compared with as much of its neighbourhood as exists. A still body has no beats.
    Raises ValueError when the track is too short or the frame rate too low for the low-pass, and for NaN and infinity.
    """
    check_finite(np.asarray(pose), "frames of the pose", "fill the gaps first")
    smooth = lowpass(np.asarray(pose, dtype=np.float64), fps, SMOOTH_HZ, SMOOTH_ORDER)
    speed = np.linalg.norm(np.diff(smooth, axis=0), axis=-1).sum(axis=1)
    order = max(1, round(NEIGHBOURHOOD * fps))
    minima: np.ndarray
    (minima,) = signal.argrelextrema(speed, np.less, order=order)
    times: np.ndarray = (minima + 0.5) / fps
    return times


def alignment_score(music: np.ndarray, motion: np.ndarray, sigma: float = SIGMA) -> float:
    """Mean over motion beats (M,) of exp(-d^2 / 2 sigma^2), with d the distance to the nearest music beat (B,).

    All times are in seconds. Swap the arguments for the mean over music beats. NaN without motion beats, whose mean it
    is; 0 where they have no music beat to be near.
    """
    if not len(motion):
        return math.nan
    if not len(music):
        return 0.0
    distance = np.abs(np.subtract.outer(np.asarray(motion), np.asarray(music))).min(axis=1)
    return float(np.exp(-(distance**2) / (2 * sigma**2)).mean())


def compare(motion: np.ndarray, music: np.ndarray) -> dict[str, float]:
    """Score one clip in both directions: `bas` over motion beats (as AIST++) and `bas_music` over music beats.

    Both are missing (NaN) where the dance has no beats, as of a body that stands still. Both are 0 for music without
    beats. Raises ValueError for times that are not finite.
    """
    if not (np.isfinite(motion).all() and np.isfinite(music).all()):
        raise ValueError("beats of dance or music are NaN or infinite")
    if not len(motion):
        return {"bas": math.nan, "bas_music": math.nan}
    if not len(music):
        return {"bas": 0.0, "bas_music": 0.0}
    return {"bas": alignment_score(music, motion), "bas_music": alignment_score(motion, music)}


def fill_gaps(pose: np.ndarray, fps: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Interpolate a pose (N,J,2 or 3) linearly in time, joint by joint, where it is NaN or infinite.

    Before a joint's first position and after its last one, that position is repeated. Returns the pose, the frames
    (N,) in which anything was interpolated, and the frames (N,) of gaps longer than 0.25 s.
    """
    filled = np.array(pose, dtype=np.float64)
    present = np.asarray(np.isfinite(filled).all(axis=-1))
    long_gaps = np.zeros(len(filled), dtype=bool)
    frames = np.arange(len(filled))
    for joint in np.flatnonzero(~present.all(axis=0)):
        here = present[:, joint]
        for axis in range(filled.shape[-1]):
            values = filled[here, joint, axis]
            filled[:, joint, axis] = np.interp(frames, frames[here], values) if len(values) else 0.0
        edges = np.flatnonzero(np.diff(np.concatenate([[0], ~here, [0]])))
        for first, end in edges.reshape(-1, 2):
            long_gaps[first:end] |= end - first > LONGEST_GAP * fps
    incomplete = np.asarray(~present.all(axis=1))
    return filled, incomplete, long_gaps


def read_motion_beats(path: Path, start: float, end: float) -> MotionBeats | None:
    """Read a pose file (arrays pose (N,J,2 or 3) and fps) and find its motion beats in [start, end).

    Positions that are NaN or infinite are interpolated over at most 0.25 s. A longer gap in [start, end), too few
    frames or a frame rate that is too low make the pose unusable. None where the file does not exist.
    Raises ValueError, naming the file, for one that is not a pose.
    """
    if not path.is_file():
        return None
    pose, fps, _, filled, long_gaps = read_pose(path)
    times = np.arange(len(pose)) / fps
    inside = (times >= start) & (times < end)
    if lost := np.count_nonzero(long_gaps & inside):
        return MotionBeats(
            None,
            f"NaN or infinity over more than {LONGEST_GAP:g} s in a row, in {lost} of {np.count_nonzero(inside)} "
            f"frames of {path.name}",
        )
    try:
        beats = motion_beats(pose, fps)
    except ValueError as error:
        return MotionBeats(None, f"{path.name}: {error}")
    return MotionBeats(beats[(beats >= start) & (beats < end)] - start, filled=int(np.count_nonzero(filled & inside)))


def read_pose(path: Path) -> tuple[np.ndarray, float, np.ndarray | None, np.ndarray, np.ndarray]:
    """A pose file without its gaps: pose (N,J,2 or 3), fps and, if the file has them, the weights `seen` (N,J).

    Then as `fill_gaps`: frames (N,) that are interpolated, and those of gaps longer than 0.25 s.
    Raises ValueError, naming the file, for one that is not a pose.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            pose, fps = np.asarray(file["pose"], dtype=np.float64), float(file["fps"])
            seen = file.get("seen")
        if pose.ndim != 3 or not pose.shape[1] or pose.shape[2] not in (2, 3):
            raise ValueError(f"pose has shape {pose.shape}")
        if not (math.isfinite(fps) and fps > 0):
            raise ValueError(f"fps is {fps:g}")
    except (KeyError, TypeError, AttributeError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: not a pose ({error}); give arrays pose (N,J,3) and fps, as in data/pose3d") from None
    pose, filled, long_gaps = fill_gaps(pose, fps)
    return pose, fps, seen, filled, long_gaps
