"""The 2D keypoints of one video by the chosen backend (paper 4.1)."""

import dataclasses
from pathlib import Path

from pace import media
from pace.params import choice, limits
from pace.pose import aistpp, alphapose, mediapipe
from pace.pose.keypoints import require_person


@dataclasses.dataclass(frozen=True)
class KeypointsParams:
    """Section `keypoints`: estimator, folder it reads, and the least share of frames with a person."""

    backend: str = choice("mediapipe", "alphapose", "aistpp")
    source: str
    min_detected: float = limits(0, 1)


def find_keypoints(params: KeypointsParams, fps: float, _: str, inputs: tuple[Path, ...], folder: Path) -> None:
    """Write keypoints.npz of one video, frame i at i/fps; inputs: (decoded video,), or (result file, original video).

    Raises ValueError for an unusable file and when too few frames show a person.
    """
    if params.backend == "alphapose":
        found = alphapose.estimate(*inputs, fps)
    elif params.backend == "aistpp":
        found = aistpp.estimate(*inputs, fps)
    else:
        found = mediapipe.estimate(media.read_frames(inputs[0]), fps)
    require_person(found, params.min_detected, str(inputs[0]))
    found.save(folder / "keypoints.npz")
