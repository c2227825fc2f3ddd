"""Slow and fast motion energy of five body parts (paper 4.1, "Part-Wise Slow-Fast Motion Energy Decomposition").

Constants and defaults: FACTS 6.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import signal

from pace.finite import check_finite
from pace.pipeline.params import choice, limits
from pace.pose.skeleton import H36M, PARTS

# Masses lumped at the joints, as shares of the body's mass, after Winter. Nose and head share the head's 0.081.
_WINTER = {
    "root": 0.142, "belly": 0.139, "neck": 0.216, "nose": 0.0405, "head": 0.0405,
    "hip": 0.0567, "knee": 0.0673, "ankle": 0.0370, "shoulder": 0.0158, "elbow": 0.0192, "wrist": 0.0150,
}  # fmt: skip
MASSES = {
    "unit": np.ones(len(H36M)),
    "winter": np.array([_WINTER[name] if name in _WINTER else _WINTER[name[1:]] for name in H36M]),
}
COLUMNS = tuple(f"{band}_{part}" for band in ("slow", "fast") for part in PARTS)


@dataclass(frozen=True)
class EnergyParams:
    """Section `energy`: cutoffs in Hz, order of each filter pass, joint masses, and whether the root's path counts."""

    smooth_hz: float = limits(0.1)
    split_hz: float = limits(0.01)
    order: int = limits(1, 8)
    masses: str = choice("unit", "winter")
    root: str = choice("keep", "remove")


def lowpass(track: np.ndarray, fps: float, cutoff_hz: float, order: int) -> np.ndarray:
    """Zero-phase Butterworth low-pass of a track (N,...) along its first axis, float64.

    order: that of each of the two passes. The design frequency is prewarped and corrected for the two passes, so that
    the -3 dB point of the whole filter lies exactly at `cutoff_hz` (FACTS 6).
    Raises ValueError where the frame rate is too low for the cutoff or the track too short for the filter.
    """
    if cutoff_hz >= fps / 2:
        raise ValueError(f"a cutoff of {cutoff_hz:g} Hz needs over {2 * cutoff_hz:g} frames/s; the track has {fps:g}")
    shortest = 3 * (order + 1) + 1
    if len(track) < shortest:
        raise ValueError(f"track of {len(track)} frames; the filter of order {order} needs at least {shortest}")
    correction = (np.sqrt(2) - 1) ** (1 / (2 * order))
    design = 2 * np.arctan(np.tan(np.pi * cutoff_hz / fps) / correction) / np.pi  # share of the Nyquist frequency
    sos = signal.butter(order, design, output="sos")
    # The odd extension at the ends lasts a period of the cutoff: SciPy's default of a few frames leaves a transient.
    padding = min(len(track) - 1, max(shortest - 1, round(fps / cutoff_hz)))
    return np.asarray(signal.sosfiltfilt(sos, track, axis=0, padlen=padding))


def part_energies(track: np.ndarray, fps: float, masses: np.ndarray) -> np.ndarray:
    """Kinetic energy (N,5) of the parts: the sum of 1/2 m |v|^2 over a part's joints of a track (N,17,3)."""
    velocity = np.gradient(track, axis=0) * fps  # central differences
    energy = 0.5 * masses * np.einsum("njc,njc->nj", velocity, velocity)
    return np.stack([energy[:, list(joints)].sum(axis=1) for joints in PARTS.values()], axis=1)


def torso_length(pose: np.ndarray, seen: np.ndarray | None = None) -> float:
    """Median distance of root and neck over a video's pose (N,17,3): the unit of length of the energies.

    seen: weights (N,17); frames without root and neck do not count, unless there are no others.
    """
    neck = H36M.index("neck")
    lengths = np.linalg.norm(pose[:, neck] - pose[:, 0], axis=-1)
    if seen is not None:
        whole = (seen[:, 0] > 0.5) & (seen[:, neck] > 0.5)
        lengths = lengths[whole] if whole.any() else lengths
    return float(np.median(lengths))


def only_seen(track: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """A track (N,17,3) whose joints stand still where they are not seen; seen: weights (N,17), 0 to 1.

    A step between two frames is scaled by the smaller weight of the two; what follows is shifted to continue it. So a
    gap between two places, or an invented joint, gives no velocity, and a track seen throughout stays as it is.
    """
    weight = np.minimum(seen[1:], seen[:-1])[..., None]
    out = track.copy()
    out[1:] -= np.cumsum((1 - weight) * np.diff(track, axis=0), axis=0)
    return out


def energies(
    pose: np.ndarray, fps: float, params: EnergyParams, seen: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Slow and fast energies S, F, each (N,5), of a whole video's pose (N,17,3), in (torso lengths / s)^2.

    seen: weights (N,17) of the joints, 0 where one is not seen, whose motion then does not count.
    The track is smoothed at `smooth_hz`. Slow is the energy of its part below `split_hz`, fast that of the remainder:
    the two tracks sum to the smoothed one. Raises ValueError for a wrong cutoff, for NaN and infinity, and for a torso
    of length 0.
    """
    if not params.split_hz < params.smooth_hz:
        raise ValueError(f"energy.split_hz {params.split_hz:g} must lie below energy.smooth_hz {params.smooth_hz:g}")
    if not len(pose):
        raise ValueError("the pose has no frames; look at the video's keypoints")
    check_finite(pose, "frames of the pose", "look at the video's keypoints")
    length = torso_length(pose, seen)
    if not length > 0:
        raise ValueError(f"the torso has length {length:g}: root and neck coincide; look at the video's keypoints")
    track = pose - pose[:, :1] if params.root == "remove" else pose
    if seen is not None:
        track = only_seen(track, seen)
    smooth = lowpass(track / length, fps, params.smooth_hz, params.order)
    slow = lowpass(smooth, fps, params.split_hz, params.order)
    masses = MASSES[params.masses]
    return part_energies(slow, fps, masses), part_energies(smooth - slow, fps, masses)


def energy_video(params: EnergyParams, video_id: str, inputs: tuple[Path, ...], folder: Path) -> None:
    """Write `energy.parquet` (frame, time_s, slow_{part}, fast_{part}) for one video. inputs: its pose3d file."""
    import pandas as pd

    with np.load(inputs[0], allow_pickle=False) as file:
        pose, fps = file["pose"], float(file["fps"])
        seen = file.get("seen")
    try:
        bands = np.concatenate(energies(pose, fps, params, seen), axis=1)
    except ValueError as error:
        raise ValueError(f"video {video_id}: {error}") from None
    frame = np.arange(len(pose), dtype=np.int32)
    table = {"frame": frame, "time_s": frame / fps}
    table |= {name: bands[:, i].astype(np.float32) for i, name in enumerate(COLUMNS)}
    pd.DataFrame(table).to_parquet(folder / "energy.parquet", index=False)
