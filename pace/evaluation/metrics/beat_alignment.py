"""AIST++'s beat alignment score (Li et al. 2021; FACTS 7): how near the dance's own beats lie to the music's.

Motion beats are the local minima of the summed speed of all joints: moments at which the dancer arrives. The score is
the mean over motion beats x of exp(-d(x)^2 / 2 sigma^2), d being the distance to the nearest music beat and sigma 3
frames at 60 frames/s. It needs no reference music, and it grows with every beat that the music adds: a click every
100 ms scores 0.86 with any dance. So it is given in both directions; the other one, the mean over music beats (the form
of Siyao et al. 2022, Bailando), falls where the music has beats that the dance has not.
"""

from pathlib import Path

import numpy as np
from scipy import signal

from pace.motion.energy import lowpass

ALIGNMENT = "alignment"  # its name beside the protocols of rhythm
SIGMA = 3 / 60  # seconds
NEIGHBOURHOOD = 10 / 60  # seconds: a minimum is lower than all that lies this near on either side
SMOOTH_HZ = 6.0  # low-pass of the joints against jitter, as for the energies (FACTS 6); the authors' joints are smooth
SMOOTH_ORDER = 2


def motion_beats(pose: np.ndarray, fps: float) -> np.ndarray:
    """Times (M,) in seconds of the motion beats of a whole track of joints (N,J,2 or 3), frame i at i / fps.

    The speed between two frames belongs to the time halfway between them. Beats closer to an end of the track than
    the neighbourhood are kept where the speed is lower than all there is of it. A still body has none.
    Raises ValueError where the track is too short or the frame rate too low for the low-pass.
    """
    smooth = lowpass(np.asarray(pose, dtype=np.float64), fps, SMOOTH_HZ, SMOOTH_ORDER)
    speed = np.linalg.norm(np.diff(smooth, axis=0), axis=-1).sum(axis=1)
    order = max(1, round(NEIGHBOURHOOD * fps))
    (lowest,) = signal.argrelextrema(speed, np.less, order=order)
    return (lowest + 0.5) / fps


def alignment_score(music: np.ndarray, motion: np.ndarray, sigma: float = SIGMA) -> float:
    """Mean over motion beats (M,) of exp(-d^2 / 2 sigma^2), d the distance to the nearest music beat (B,), in seconds.

    Exchange the arguments for the mean over music beats. 0 where either has no beat.
    """
    if not len(music) or not len(motion):
        return 0.0
    distance = np.abs(np.subtract.outer(np.asarray(motion), np.asarray(music))).min(axis=1)
    return float(np.exp(-(distance**2) / (2 * sigma**2)).mean())


def compare(motion: np.ndarray, music: np.ndarray) -> dict[str, float]:
    """Both directions for one clip: `bas` (AIST++: over motion beats) and `bas_music` (over music beats)."""
    return {"bas": alignment_score(music, motion), "bas_music": alignment_score(motion, music)}


def read_motion_beats(path: Path, start: float, end: float) -> np.ndarray | None:
    """Motion beats of a pose file (arrays pose (N,J,3), fps) at or after `start` and before `end`, after `start`.

    None where there is no such file or its track is too short to have any.
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
