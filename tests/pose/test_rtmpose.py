"""RTMPose through rtmlib, with ONNX stubs that see channel order, input size, people and nobody."""

import dataclasses
import json
import logging
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import stub_onnx

from pace import compose
from pace.media import writing
from pace.motion import lifting
from pace.pipeline import params
from pace.pose import backends, rtmpose
from pace.pose import keypoints as kp
from stages import keypoints as keypoints_stage

ROOT = Path(__file__).resolve().parents[2]
PIXEL = 1.25 * stub_onnx.BODY[1] / stub_onnx.POSE_HEIGHT  # of the pose network's input, in the picture


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("onnx")
    return stub_onnx.detector(folder / "det.onnx"), stub_onnx.pose(folder / "pose.onnx")


def body_box(cx, cy):
    width, height = stub_onnx.BODY
    return [cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2]


def test_boxes_of_both_kinds_of_detector(files, tmp_path):
    """In pixels of the picture, whose size and shape are not the network's; of persons alone where classes are told."""
    both = stub_onnx.picture((60, 50), (190, 80))
    boxes = rtmpose.load(*files).boxes(both)
    np.testing.assert_allclose(boxes, [body_box(60, 50), body_box(190, 80)], atol=2)
    raw = rtmpose.load(stub_onnx.raw_detector(tmp_path / "raw.onnx"), files[1])
    np.testing.assert_allclose(raw.boxes(both), [body_box(60, 50)], atol=2)
    assert raw.boxes(stub_onnx.picture((190, 80))).shape == (0, 4)
    assert rtmpose.load(*files).boxes(stub_onnx.picture()).shape == (0, 4)


def test_dancer_through_a_video(files):
    """Each spot within a pixel of the pose network, its confidence at the network's peak."""
    centres = np.column_stack([60 + 1.75 * np.arange(20), 60 - np.arange(20) / 2])
    dancer = rtmpose.estimate((stub_onnx.picture(tuple(at)) for at in centres), 30.0, *files, "v")
    assert (dancer.layout, dancer.fps, dancer.size) == ("halpe26", 30.0, (240, 120))
    assert dancer.keypoints.shape == (20, 26, 3) and dancer.keypoints.dtype == np.float32 and dancer.detected.all()
    for index in range(26):
        spot = stub_onnx.BLUE_SPOT if index == 25 else stub_onnx.RED_SPOT
        error = dancer.keypoints[:, index, :2] - centres - spot
        assert abs(error).max() < 1.2 * PIXEL, index
    np.testing.assert_allclose(dancer.keypoints[:, :25, 2], stub_onnx.CONFIDENCE, atol=0.05)


def test_a_frame_without_a_person_is_a_gap(files):
    """rtmlib itself reports one person there, posed in the whole image."""
    from rtmlib import BodyWithFeet

    whole = BodyWithFeet(
        det=str(files[0]),
        det_input_size=(stub_onnx.DET_HEIGHT, stub_onnx.DET_WIDTH),
        pose=str(files[1]),
        pose_input_size=(stub_onnx.POSE_WIDTH, stub_onnx.POSE_HEIGHT),
    )
    points, _ = whole(stub_onnx.picture())
    assert points.shape == (1, 26, 2)
    frames = [stub_onnx.picture((80, 60)) if i not in (0, 3, 4) else stub_onnx.picture() for i in range(8)]
    dancer = rtmpose.estimate(frames, 30.0, *files, "v")
    assert list(np.flatnonzero(~dancer.detected)) == [0, 3, 4]
    assert (dancer.keypoints[[0, 3, 4], :, 2] == 0).all() and (dancer.keypoints[dancer.detected, :, 2] > 0.3).all()
    np.testing.assert_array_equal(dancer.keypoints[3, :, :2], dancer.keypoints[2, :, :2])
    nobody = rtmpose.estimate([stub_onnx.picture()] * 3, 30.0, *files, "v")
    assert not nobody.detected.any() and nobody.keypoints.shape == (3, 26, 3)


def test_one_of_several_people_is_followed(files, caplog):
    """The one on the right comes first in no frame, but stays longer."""
    frames = [stub_onnx.picture(*([(60, 60)] if 5 <= i < 15 else []), (180 + i / 2, 60)) for i in range(30)]
    with caplog.at_level(logging.WARNING):
        dancer = rtmpose.estimate(frames, 30.0, *files, "two")
    expected = 180 + np.arange(30) / 2 + stub_onnx.RED_SPOT[0]
    assert abs(dancer.keypoints[:, 0, 0] - expected).max() < 1.2 * PIXEL
    assert "two: followed one person through 30 frames; dropped 10 detections of 1 other tracks" in caplog.text


def test_confidence_is_at_most_one(files, tmp_path):
    loud = stub_onnx.pose(tmp_path / "loud.onnx", gain=2.2)
    dancer = rtmpose.estimate([stub_onnx.picture((60, 60))], 30.0, files[0], loud, "v")
    assert (dancer.keypoints[0, :25, 2] == 1).all()


def test_device_and_threads(files, monkeypatch):
    """CUDA where ONNX Runtime has it, the CPU behind it; one thread, since the workers share the cores."""
    import onnxruntime as ort

    asked = []
    real = ort.InferenceSession

    def session(path_or_bytes, sess_options=None, providers=None):
        if sess_options is not None:
            asked.append((sess_options.intra_op_num_threads, providers))
        return real(path_or_bytes, sess_options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(ort, "InferenceSession", session)
    for available in (["CPUExecutionProvider"], ["CUDAExecutionProvider", "CPUExecutionProvider"]):
        monkeypatch.setattr(ort, "get_available_providers", lambda available=available: available)
        rtmpose.load.cache_clear()
        networks = rtmpose.load(*files)
        assert asked == [(1, available)] * 2
        assert networks.detector.session.get_session_options().intra_op_num_threads == 1
        asked.clear()
    rtmpose.load.cache_clear()


def test_wrong_files_are_named(files, tmp_path):
    detector, pose = files
    (tmp_path / "text.onnx").write_text("not a network")
    with pytest.raises(kp.KeypointsError, match=r"text\.onnx: not an ONNX file"):
        rtmpose.load(tmp_path / "text.onnx", pose)
    with pytest.raises(kp.KeypointsError, match=r"pose\.onnx: its first output is \(1, 26, 96\); expected a YOLOX"):
        rtmpose.load(pose, pose)
    with pytest.raises(kp.KeypointsError, match=r"det\.onnx: its outputs are .*expected .*Halpe-26"):
        rtmpose.load(detector, detector)
    with pytest.raises(kp.KeypointsError, match=r"coco\.onnx: its outputs are \[\(1, 17, 96\)"):
        rtmpose.load(detector, stub_onnx.pose(tmp_path / "coco.onnx", keypoints=17))
    with pytest.raises(kp.KeypointsError, match=r"fine\.onnx: its outputs are \[\(1, 26, 144\)"):
        rtmpose.load(detector, stub_onnx.pose(tmp_path / "fine.onnx", split=3))
    with pytest.raises(kp.KeypointsError, match=r"open\.onnx: its input is .*fixed size"):
        rtmpose.load(stub_onnx.detector(tmp_path / "open.onnx", size="H,W"), pose)


def test_open_input_size_of_rtmlibs_own_file(files, tmp_path):
    """Its size is in rtmlib's table, by the file's name."""
    path = stub_onnx.detector(tmp_path / "yolox_tiny_8xb8-300e_humanart-6f3252f9.onnx", size="H,W")
    networks = rtmpose.load(path, files[1])
    assert networks.detector.model_input_size == (416, 416)


def test_missing_file_and_missing_extra(files, tmp_path, monkeypatch):
    with pytest.raises(kp.KeypointsError, match=r"keypoints\.rtmpose_pose is gone\.onnx: no such file; give an ONNX"):
        rtmpose.model_files(str(files[0]), "gone.onnx")
    with pytest.raises(kp.KeypointsError, match=r"keypoints\.rtmpose_det is .*: no such file; give an ONNX file"):
        rtmpose.model_files(str(tmp_path), str(files[1]))  # a folder that is not the placeholder
    for name in ("rtmlib", "onnxruntime"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, name, None)
            rtmpose.load.cache_clear()
            with pytest.raises(kp.KeypointsError, match=r"--no-deps -r requirements-rtmpose\.txt"):
                rtmpose.load(*files)
    assert (ROOT / "requirements-rtmpose.txt").is_file()


def test_only_a_placeholder_is_downloaded(files, monkeypatch, caplog):
    from rtmlib.tools import file as rtmlib_file

    asked = []

    def download(url):
        asked.append(url)
        return str(files[0])

    monkeypatch.setattr(rtmlib_file, "download_checkpoint", download)
    assert rtmpose.model_files(*map(str, files)) == files
    assert not asked
    with caplog.at_level(logging.WARNING):
        assert rtmpose.model_files("data/none", str(files[1])) == files
    assert len(asked) == 1 and "yolox_m" in asked[0]
    assert f"keypoints.rtmpose_det is data/none: using {asked[0]}, downloaded on first use" in caplog.text

    def fail(url):
        raise OSError("no route to host")

    monkeypatch.setattr(rtmlib_file, "download_checkpoint", fail)
    with pytest.raises(kp.KeypointsError, match=r"keypoints\.rtmpose_pose is data/none: .*halpe26.*no route to host"):
        rtmpose.model_files(str(files[0]), "data/none")


@pytest.fixture
def project(files, tmp_path, monkeypatch):
    """Two short decoded videos, one without a dancer, as a project's working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PACE_WORKERS", "0")
    monkeypatch.delenv("DVC_ROOT", raising=False)
    (tmp_path / "data/decoded").mkdir(parents=True)
    for name, centres in (("dance", [(60 + i, 60) for i in range(30)]), ("empty", [None] * 30)):
        frames = [stub_onnx.picture(at) if at else stub_onnx.picture() for at in centres]
        writing.write_video(tmp_path / f"data/decoded/{name}.mp4", frames, 30)
    (tmp_path / "params.yaml").write_text(
        "decode: {fps: 30, short_side: 120}\n"
        "keypoints: {backend: rtmpose, source: data/decoded, min_detected: 0.3, "
        f"rtmpose_det: {files[0]}, rtmpose_pose: {files[1]}}}\n"
    )
    return tmp_path


def test_stage(project, files):
    keypoints_stage.main([])
    dancer = kp.load(project / "data/keypoints/dance.npz")
    assert dancer.detected.all() and dancer.layout == "halpe26"
    expected = 60 + np.arange(30) + stub_onnx.RED_SPOT[0]
    assert abs(dancer.keypoints[:, 0, 0] - expected).max() < 2 * PIXEL
    failures = json.loads((project / "data/keypoints/failures.json").read_text())
    assert list(failures) == ["empty"]
    assert failures["empty"].startswith("data/decoded/empty.mp4: no person in 100 % of its frames")


def test_stage_stops_at_a_wrong_file_and_redoes_for_a_new_one(project, files):
    keypoints_stage.main([])
    before = kp.load(project / "data/keypoints/dance.npz").keypoints
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(text.replace(str(files[1]), "pose.onnx"))
    with pytest.raises(kp.KeypointsError, match=r"keypoints\.rtmpose_pose is pose\.onnx: no such file"):
        keypoints_stage.main([])
    stub_onnx.pose(project / "pose.onnx", gain=0.45)
    rtmpose.load.cache_clear()
    keypoints_stage.main([])
    after = kp.load(project / "data/keypoints/dance.npz").keypoints
    np.testing.assert_allclose(after[..., 2], before[..., 2] / 2, atol=1e-3)


@pytest.mark.parametrize("backend", ["rtmpose", "mediapipe", "alphapose"])
def test_compose_uses_the_backend(project, files, monkeypatch, backend):
    """RTMPose where params.yaml says so, else MediaPipe."""

    class Lifted(Exception):
        pass

    def stop(*_):
        raise Lifted

    monkeypatch.setattr(lifting, "lift_video", stop)
    settings = compose.ComposeParams.of(params.read(ROOT / "params.yaml"))
    names = {"backend": backend, "rtmpose_det": str(files[0]), "rtmpose_pose": str(files[1])}
    settings = dataclasses.replace(settings, keypoints=dataclasses.replace(settings.keypoints, **names))
    messages = []
    expected = pytest.raises(Lifted) if backend == "rtmpose" else pytest.raises(kp.KeypointsError, match="no person")
    with expected:
        compose._conditions(Path("data/decoded/dance.mp4"), project, settings, None, messages.append)
    assert messages == (
        ["data/decoded/dance.mp4: person found in 100.0 % of 30 frames (rtmpose)"] * (backend == "rtmpose")
    )


def test_mediapipe_needs_no_files():
    section = params.section(params.read(ROOT / "params.yaml"), "keypoints", backends.KeypointsParams)
    assert backends.estimator_files(section) == ()
