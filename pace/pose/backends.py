"""The 2D keypoints of one video by the chosen backend (paper 4.1)."""

import dataclasses
from pathlib import Path

from pace.media.video import read_frames
from pace.pipeline.params import choice, limits
from pace.pose import aistpp, alphapose, mediapipe, rtmpose
from pace.pose.keypoints import require_person


@dataclasses.dataclass(frozen=True)
class KeypointsParams:
    """Section `keypoints`: estimator, folder it reads, RTMPose's files, and the least share of frames with a person."""

    backend: str = choice("mediapipe", "alphapose", "rtmpose", "aistpp")
    source: str
    rtmpose_det: str
    rtmpose_pose: str
    min_detected: float = limits(0, 1)


def estimator_files(params: KeypointsParams) -> tuple[Path, ...]:
    """What an estimator reads beside the decoded video: RTMPose's two ONNX files, nothing for MediaPipe.

    Raises KeypointsError when a file cannot be used.
    """
    if params.backend != "rtmpose":
        return ()
    files = rtmpose.model_files(params.rtmpose_det, params.rtmpose_pose)
    rtmpose.load(*files)
    return files


def result_file(params: KeypointsParams, video_id: str) -> Path:
    """The file of the folder `source` that has a video's keypoints, for alphapose and aistpp.

    Raises KeypointsError when the folder is not AIST++'s.
    """
    source = Path(params.source)
    return aistpp.keypoints_file(source, video_id) if params.backend == "aistpp" else source / f"{video_id}.json"


def find_keypoints(params: KeypointsParams, fps: float, item: str, inputs: tuple[Path, ...], folder: Path) -> None:
    """Write keypoints.npz of one video, frame i at i/fps.

    inputs: (decoded video, *estimator_files), or (result file, original video) for alphapose and aistpp.
    Raises ValueError for an unusable file and when too few frames show a person.
    """
    if params.backend == "alphapose":
        found = alphapose.estimate(*inputs, fps)
    elif params.backend == "aistpp":
        found = aistpp.estimate(*inputs, fps)
    elif params.backend == "rtmpose":
        video, detector, pose = inputs
        found = rtmpose.estimate(read_frames(video, fps), fps, detector, pose, item)
    else:
        found = mediapipe.estimate(read_frames(inputs[0], fps), fps)
    require_person(found, params.min_detected, str(inputs[0]))
    found.save(folder / "keypoints.npz")
