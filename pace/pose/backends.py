"""The 2D keypoints of one video by the chosen backend (paper 4.1)."""

import dataclasses
from pathlib import Path

from pace.datasets.listing import stored_file
from pace.media.video import read_frames
from pace.pipeline.params import choice, limits
from pace.pose import aistpp_keypoints, alphapose, framing, mediapipe, plausibility, rtmpose
from pace.pose.keypoints import require_person


@dataclasses.dataclass(frozen=True, kw_only=True)
class KeypointsParams:
    """Section `keypoints`: backend, folder it reads, RTMPose's files, and the least share of frames with a person."""

    backend: str = choice("mediapipe", "alphapose", "rtmpose", "aistpp")
    source: str
    rtmpose_det: str
    rtmpose_pose: str
    min_detected: float = limits(0, 1)


def estimator_files(params: KeypointsParams) -> tuple[Path, ...]:
    """The files that an estimator reads besides the decoded video: RTMPose's two ONNX files, none for MediaPipe.

    Raises KeypointsError for a file that cannot be used.
    """
    if params.backend != "rtmpose":
        return ()
    files = rtmpose.model_files(params.rtmpose_det, params.rtmpose_pose)
    rtmpose.load(*files)
    return files


def result_file(params: KeypointsParams, video_id: str) -> Path:
    """The file of a video's keypoints in the folder `source`, for alphapose and aistpp.

    Raises KeypointsError for a folder that is not AIST++'s.
    """
    source = Path(params.source)
    if params.backend == "aistpp":
        return aistpp_keypoints.keypoints_file(source, video_id)
    return stored_file(source / f"{video_id}.json")


def find_keypoints(params: KeypointsParams, fps: float, video_id: str, inputs: tuple[Path, ...], folder: Path) -> None:
    """Write keypoints.npz of one video, frame i at i/fps.

    inputs: (decoded video, *estimator_files), or (result file, original video) for alphapose and aistpp.
    Joints outside the frame get a low confidence; a warning names the parts that are not in the picture.
    Raises ValueError for an unusable file, for results of another picture, and where too few frames show a person.
    """
    if params.backend == "alphapose":
        results, video = inputs
        keypoints = alphapose.estimate(results, video, fps)
        plausibility.check(keypoints, str(results), str(video))
    elif params.backend == "aistpp":
        annotation, video = inputs
        keypoints = aistpp_keypoints.estimate(annotation, video, fps)
        plausibility.check(keypoints, str(annotation), str(video))
    elif params.backend == "rtmpose":
        video, detector, pose = inputs
        keypoints = rtmpose.estimate(read_frames(video, fps), fps, detector, pose, video_id)
    else:
        (video,) = inputs
        keypoints = mediapipe.estimate(read_frames(video, fps), fps, video_id)
    require_person(keypoints, params.min_detected, str(inputs[0]))
    keypoints = framing.dim_outside(keypoints, video_id)
    keypoints.save(folder / "keypoints.npz")
