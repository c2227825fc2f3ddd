"""AIST++'s beat alignment score (Li et al. 2021; FACTS 7): how close the dance's own beats are to the music's.

Motion beats are the local minima of the summed speed of all joints, the moments at which the dancer arrives. The score
is the mean over motion beats x of exp(-d(x)^2 / 2 sigma^2). Here d is the distance to the nearest music beat, and sigma
is 3 frames at 60 frames/s.

The score needs no reference music, and it rises with every beat that the music adds: a click every 100 ms scores 0.86
with any dance. It is therefore computed in both directions. The other direction, the mean over music beats (the form of
Siyao et al. 2022, Bailando), falls when the music has beats that the dance lacks.
"""

from pathlib import Path

import numpy as np
from scipy import signal

from pace.motion.energy import lowpass

ALIGNMENT = "alignment"  # the key of these scores, next to the protocols of `rhythm`
SIGMA = 3 / 60  # seconds
NEIGHBOURHOOD = 10 / 60  # seconds: a minimum is the lowest value within this distance on either side
SMOOTH_HZ = 6.0  # low-pass against jitter, as for the energies (FACTS 6); the authors' own joints are smooth
SMOOTH_ORDER = 2


def motion_beats(pose: np.ndarray, fps: float) -> np.ndarray:
    """Find the motion beats of a whole track of joints (N,J,2 or 3); frame i shows time i / fps.

    Returns times (M,) in seconds. The speed between two frames counts for the time halfway between them. Near an end of
    the track, a minimum is compared with as much of its neighbourhood as exists. A still body has no beats.
    Raises ValueError when the track is too short or the frame rate too low for the low-pass.
    """
    smooth = lowpass(np.asarray(pose, dtype=np.float64), fps, SMOOTH_HZ, SMOOTH_ORDER)
    speed = np.linalg.norm(np.diff(smooth, axis=0), axis=-1).sum(axis=1)
    order = max(1, round(NEIGHBOURHOOD * fps))
    minima: np.ndarray
    (minima,) = signal.argrelextrema(speed, np.less, order=order)
    times: np.ndarray = (minima + 0.5) / fps
    return times


def alignment_score(music: np.ndarray, motion: np.ndarray, sigma: float = SIGMA) -> float:
    """Mean over motion beats (M,) of exp(-d^2 / 2 sigma^2), with d the distance to the nearest music beat (B,).

    All times are in seconds. Swap the arguments for the mean over music beats. Returns 0 when either has no beats.
    """
    if not len(music) or not len(motion):
        return 0.0
    distance = np.abs(np.subtract.outer(np.asarray(motion), np.asarray(music))).min(axis=1)
    return float(np.exp(-(distance**2) / (2 * sigma**2)).mean())


def compare(motion: np.ndarray, music: np.ndarray) -> dict[str, float]:
    """Score one clip in both directions: `bas` over motion beats (as AIST++) and `bas_music` over music beats."""
    return {"bas": alignment_score(music, motion), "bas_music": alignment_score(motion, music)}


def read_motion_beats(path: Path, start: float, end: float) -> np.ndarray | None:
    """Read a pose file (arrays pose (N,J,3) and fps) and return its motion beats in [start, end).

    The times are relative to `start`. Returns None when the file does not exist or its track is too short for beats.
    """
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as file:
        pose, fps = file["pose"], float(file["fps"])
    try:
        beats = motion_beats(pose, fps)
    except ValueError:
        return None
    return beats[(beats >= start) & (beats < end)] - start
