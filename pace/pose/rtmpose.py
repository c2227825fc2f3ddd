"""RTMPose through rtmlib: 2D keypoints (Halpe-26) of the main dancer from two ONNX networks (FACTS 3)."""

import contextlib
import dataclasses
import functools
import io
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pace.datasets.listing import is_set
from pace.pose import skeleton
from pace.pose.keypoints import Keypoints, KeypointsError, fill_gaps
from pace.pose.tracks import Detection, follow

if TYPE_CHECKING:
    import onnxruntime
    import rtmlib

MODE = "balanced"  # rtmlib's name for the pair of files YOLOX-m and RTMPose-m
PERSON = 0  # class index of people for a detector of COCO's 80 classes
SPLIT = 2  # SimCC bins per pixel of the pose network's input

log = logging.getLogger(__name__)


def estimate(frames: Iterable[np.ndarray], fps: float, detector: Path, pose: Path, name: str) -> Keypoints:
    """Keypoints of the main dancer in frames (H,W,3) uint8 RGB of constant rate `fps`: layout Halpe-26, same fps.

    detector, pose: ONNX files of a YOLOX detector and a Halpe-26 RTMPose. A frame in which the detector finds nobody
    is not detected. Of several people one is followed; a warning under `name` counts the detections dropped.
    Raises KeypointsError for unusable ONNX files.
    """
    networks = load(detector, pose)
    detections: list[Detection] = []
    size, count = (0, 0), 0
    for frame in frames:
        size = (frame.shape[1], frame.shape[0])
        detections += [Detection(count, points) for points in networks.people(frame)]
        count += 1
    points, detected = np.zeros((count, 26, 3), np.float32), np.zeros(count, bool)
    for index, detection in follow(detections, fps, name).items():
        points[index], detected[index] = detection.points, True
    return Keypoints(fill_gaps(points, detected), "halpe26", fps, size, detected)


@dataclasses.dataclass(frozen=True)
class Networks:
    """rtmlib's two models, called one after the other.

    Not through rtmlib's own `BodyWithFeet`, for two reasons. Where the detector finds nobody, it looks for a pose in
    the whole image. And it gives both networks the same channel order, although YOLOX was trained on BGR and RTMPose
    on RGB (`bgr_to_rgb` in its published training configuration; rtmlib's issue 48).
    """

    detector: "rtmlib.YOLOX"
    pose: "rtmlib.RTMPose"

    def people(self, frame: np.ndarray) -> list[np.ndarray]:
        """Keypoints (26,3) float32 x, y in pixels, confidence of each person in a frame (H,W,3) uint8 RGB."""
        boxes = self.boxes(frame)
        if not len(boxes):
            return []
        points, scores = self.pose(frame, bboxes=boxes)
        return list(np.dstack([points, np.clip(scores, 0, 1)]).astype(np.float32))

    def boxes(self, frame: np.ndarray) -> np.ndarray:
        """Boxes of the people in a frame (H,W,3) uint8 RGB: (n,4) left, top, right, bottom in pixels."""
        boxes = self.detector(np.ascontiguousarray(frame[..., ::-1]))
        if self.detector.det_mode == "multiclass":
            boxes, classes = boxes
            boxes = boxes[classes == PERSON]
        return np.asarray(boxes).reshape(-1, 4)


def model_files(detector: str, pose: str) -> tuple[Path, Path]:
    """The ONNX files that the parameters rtmpose_det and rtmpose_pose name; `data/none` stands for rtmlib's own file.

    rtmlib keeps its own files in its cache folder and downloads them on first use.
    Raises KeypointsError without rtmlib, for a missing file and for a failed download.
    """
    with _install_hint():
        from rtmlib import BodyWithFeet
        from rtmlib.tools.file import download_checkpoint

    files = []
    for key, value, kind in (("rtmpose_det", detector, "det"), ("rtmpose_pose", pose, "pose")):
        path = Path(value)
        if not is_set(value):
            url = BodyWithFeet.MODE[MODE][kind]
            log.warning("keypoints.%s is %s: using %s, downloaded on first use", key, value, url)
            try:
                path = Path(download_checkpoint(url))
            except (OSError, RuntimeError) as error:
                raise KeypointsError(
                    f"keypoints.{key} is {value}: rtmlib could not download {url} ({error}); "
                    f"get the file where there is a network and set keypoints.{key} to the .onnx in it"
                ) from None
        elif not path.is_file():
            raise KeypointsError(
                f"keypoints.{key} is {value}: no such file; give an ONNX file, or data/none for rtmlib's own"
            )
        files.append(path)
    return files[0], files[1]


@functools.lru_cache(maxsize=1)
def load(detector: Path, pose: Path) -> Networks:
    """Load both networks, on the GPU where ONNX Runtime has one, and try them on a blank image.

    The ONNX files give their input sizes. Raises KeypointsError for a file that holds another network.
    """
    with _install_hint():
        import onnxruntime as ort
        from rtmlib import YOLOX, RTMPose

    device = "cuda" if "CUDAExecutionProvider" in ort.get_available_providers() else "cpu"
    det_session, pose_session = _session(detector, device), _session(pose, device)
    det_size, pose_size = _input_size(det_session, detector, "det"), _input_size(pose_session, pose, "pose")
    cells = sum((det_size[0] // stride) * (det_size[1] // stride) for stride in (8, 16, 32))
    shape = _output_shapes(det_session, det_size, detector)[0]
    raw = len(shape) == 3 and shape[1] == cells and shape[2] > 5  # for each cell: box, objectness, classes
    if not raw and (len(shape) != 3 or shape[2] != 5):
        raise KeypointsError(
            f"{detector}: its first output is {shape}; expected a YOLOX detector: (1,{cells},5+classes), or "
            "(1,n,5) with non-maximum suppression; set keypoints.rtmpose_det to one"
        )
    shapes = _output_shapes(pose_session, pose_size, pose)
    expected = [(1, len(skeleton.HALPE26), SPLIT * side) for side in pose_size]
    if shapes != expected:
        raise KeypointsError(
            f"{pose}: its outputs are {shapes}; expected {expected}: the SimCC of an RTMPose for Halpe-26; "
            "set keypoints.rtmpose_pose to one (rtmpose-*-halpe26)"
        )
    with contextlib.redirect_stdout(io.StringIO()):  # rtmlib prints a line for each file
        networks = Networks(
            YOLOX(str(detector), det_size[::-1], "multiclass" if raw else "human"), RTMPose(str(pose), pose_size)
        )
    networks.detector.session, networks.pose.session = det_session, pose_session
    return networks


def _session(path: Path, device: str) -> "onnxruntime.InferenceSession":
    """A session with one CPU thread: the workers share the cores, and results must not depend on their number."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    providers = ["CUDAExecutionProvider"] * (device == "cuda") + ["CPUExecutionProvider"]
    try:
        return ort.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # ONNX Runtime's errors have no common base but Exception
        raise KeypointsError(f"{path}: not an ONNX file that can be loaded ({error}); get an intact copy") from None


def _input_size(session: "onnxruntime.InferenceSession", path: Path, kind: str) -> tuple[int, int]:
    """Width and height of a network's input; for rtmlib's own files also where the ONNX file leaves them open."""
    from rtmlib import BodyWithFeet

    shape = session.get_inputs()[0].shape
    if len(shape) == 4 and all(isinstance(side, int) and side > 0 for side in shape[2:]):
        return shape[3], shape[2]
    own_sizes: dict[str, tuple[int, int]] = {
        Path(mode[kind]).stem: mode[f"{kind}_input_size"] for mode in BodyWithFeet.MODE.values()
    }
    if len(shape) == 4 and path.stem in own_sizes:
        return own_sizes[path.stem]
    raise KeypointsError(f"{path}: its input is {shape}; export it with a fixed size (1,3,height,width)")


def _output_shapes(session: "onnxruntime.InferenceSession", size: tuple[int, int], path: Path) -> list[tuple[int, ...]]:
    """Shapes of the outputs for a blank image."""
    blank = np.zeros((1, 3, size[1], size[0]), np.float32)
    try:
        return [output.shape for output in session.run(None, {session.get_inputs()[0].name: blank})]
    except Exception as error:  # ONNX Runtime's errors have no common base but Exception
        raise KeypointsError(f"{path}: does not run on a blank image ({error}); get an intact copy") from None


@contextlib.contextmanager
def _install_hint() -> Iterator[None]:
    """Turn the ImportError of a missing optional package into one that says how to install it."""
    try:
        yield
    except ImportError as error:
        raise KeypointsError(
            f"keypoints.backend: rtmpose needs rtmlib and ONNX Runtime ({error}); install them with "
            "`pip install --no-deps -r requirements-rtmpose.txt`"
        ) from None
