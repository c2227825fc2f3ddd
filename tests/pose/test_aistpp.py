"""AIST++'s own keypoints and 3D joints in a miniature of its layout, through the stages from index to mel."""

import json
import pickle
import shutil

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from helpers.dataset_layouts import SIZE, VIEWS, camera, project, write_aistpp, write_params, write_pickle
from safetensors.torch import save_file

from pace.datasets.listing import DatasetError
from pace.media.video import VideoInfo, read_frames, write_video
from pace.motion import aistpp_cameras, aistpp_joints
from pace.motion import energy as energies
from pace.motion.dstformer import DSTformer
from pace.pose import aistpp_annotations, aistpp_keypoints, numpy_pickles, skeleton
from pace.pose.keypoints import KeypointsError, load
from stages import decode, energy, index, keypoints, lift, mel

TRAIN, VAL, TEST = "gBR_sBM_cAll_d04_mBR1_ch01", "gHO_sBM_cAll_d19_mHO5_ch01", "gKR_sFM_cAll_d30_mKR2_ch02"
INFO = VideoInfo(5.4, 60.0, *SIZE, True)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Three sequences seen by cameras c01 and c04; the folder and the true world joints."""
    root = tmp_path_factory.mktemp("aist")
    worlds = write_aistpp(root, {TRAIN: "train", VAL: "val", TEST: "test"}, ("c01", "c04"))
    return root, worlds


@pytest.fixture
def annotations(dataset, tmp_path):
    """A copy of the annotations to change."""
    shutil.copytree(dataset[0] / "annotations", tmp_path / "annotations")
    return tmp_path / "annotations"


def to_camera(world, view):
    """World joints in camera coordinates, by OpenCV's rotation."""
    entry = camera(view)
    return world @ cv2.Rodrigues(np.array(entry["rotation"]))[0].T + entry["translation"]


def change(path, function):
    """Rewrite a pickle after `function` changed its dictionary."""
    data = numpy_pickles.load(path)
    function(data)
    write_pickle(path, **data)


def video_id(sequence, view):
    return sequence.replace("cAll", view)


@pytest.mark.parametrize("view", ["c01", "c04"])
def test_keypoints_are_those_of_the_videos_camera_on_the_decoded_grid(dataset, view):
    root, worlds = dataset
    path = aistpp_keypoints.keypoints_file(root / "annotations", video_id(TEST, view))
    found = aistpp_keypoints.estimate(path, root / "videos" / f"{video_id(TEST, view)}.mp4", 30.0)
    expected = project(worlds[TEST], view)[::2]
    assert found.layout == "coco17" and found.fps == 30 and found.size == SIZE and found.detected.all()
    np.testing.assert_allclose(found.keypoints[..., :2], expected, atol=1e-2)
    assert (found.keypoints[..., 2] == np.float32(0.9)).all()
    other = aistpp_keypoints.estimate(path, root / "videos" / f"{video_id(TEST, view)}.mp4", 25.0)
    wrist = np.interp(np.arange(135) / 25, np.arange(324) / 60, project(worlds[TEST], view)[:, 9, 0])
    np.testing.assert_allclose(other.keypoints[:, 9, 0], wrist, atol=0.01)


def test_views_differ(dataset):
    """Were every view the first one's, no other test would fail for c01."""
    root, worlds = dataset
    path = aistpp_keypoints.keypoints_file(root / "annotations", video_id(TEST, "c01"))
    for view, name in enumerate(VIEWS):
        found, _ = aistpp_keypoints.read(path, view, INFO)
        np.testing.assert_allclose(found.keypoints[..., :2], project(worlds[TEST], name), atol=1e-3)


def test_nan_joints_and_frames(dataset, annotations):
    """A gap of one joint is interpolated with confidence 0; a frame without a person is not detected."""
    root, worlds = dataset
    path = annotations / "keypoints2d" / f"{TRAIN}.pkl"
    truth = project(worlds[TRAIN], "c01")

    def spoil(data):
        points, scores = data["keypoints2d"][0], data["det_scores"][0]
        points[100:105, 9] = np.nan
        points[:, 3] = np.nan
        points[200:204], scores[200:204] = np.nan, 0
        points[300:] = np.nan
        scores[250:252] = 0
        points[50, 7, 2] = 1.3

    change(path, spoil)
    found, times = aistpp_keypoints.read(path, 0, INFO)
    assert np.isfinite(found.keypoints).all() and len(times) == 324
    missing = np.ones(324, bool)
    missing[[*range(200, 204), 250, 251, *range(300, 324)]] = False
    np.testing.assert_array_equal(found.detected, missing)
    assert (found.keypoints[~found.detected, :, 2] == 0).all()
    assert (found.keypoints[100:105, 9, 2] == 0).all() and (found.keypoints[100:105, 8, 2] > 0).all()
    line = truth[99, 9] + (truth[105, 9] - truth[99, 9]) * np.arange(1, 6)[:, None] / 6
    np.testing.assert_allclose(found.keypoints[100:105, 9, :2], line, atol=0.01)
    np.testing.assert_allclose(found.keypoints[300:, 9, :2], np.tile(truth[299, 9], (24, 1)), atol=0.01)
    assert (found.keypoints[:, 3, 2] == 0).all()
    others = np.delete(found.keypoints, 3, axis=1)[..., :2].mean(axis=1)
    np.testing.assert_allclose(found.keypoints[:, 3, :2], others, atol=0.01)
    assert found.keypoints[50, 7, 2] == 1
    good = found.detected.copy()
    good[100:105] = False
    np.testing.assert_allclose(found.keypoints[good][:, 9, :2], truth[good][:, 9], atol=1e-3)
    estimated = aistpp_keypoints.estimate(path, root / "videos" / f"{video_id(TRAIN, 'c01')}.mp4", 30.0)
    assert list(np.flatnonzero(~estimated.detected)) == [100, 101, 125, *range(150, 162)]
    assert list(np.flatnonzero(estimated.keypoints[:, 9, 2] == 0)) == [50, 51, 52, 100, 101, 125, *range(150, 162)]


@pytest.mark.parametrize("unit", [1.0, 1e-3, 1e-6, 1 / 60])
def test_units_of_time_stamps(tmp_path, unit):
    times = np.delete(np.arange(60), [7, 30, 31]) / 60  # frames may be missing in all views
    stamps = np.round(times / unit).astype(np.int64) if unit != 1 else times
    np.testing.assert_allclose(aistpp_annotations.to_seconds(stamps, tmp_path), times, atol=6e-4)
    for wrong in (stamps * 2, stamps[::-1], np.zeros(5), np.zeros(1), np.zeros((2, 2))):
        with pytest.raises(KeypointsError, match="timestamps with a median step"):
            aistpp_annotations.to_seconds(wrong, tmp_path)


def test_time_stamps_say_when_not_the_frames_number(dataset, annotations):
    """Without every third frame, and from 0.2 s to 4 s only, the motion keeps its time."""
    root, worlds = dataset
    path = annotations / "keypoints2d" / f"{TEST}.pkl"
    kept = np.array([i for i in range(12, 240) if i % 3])
    change(path, lambda data: data.update(
        keypoints2d=data["keypoints2d"][:, kept], det_scores=data["det_scores"][:, kept],
        timestamps=data["timestamps"][kept]))  # fmt: skip
    found = aistpp_keypoints.estimate(path, root / "videos" / f"{video_id(TEST, 'c01')}.mp4", 60.0)
    expected = project(worlds[TEST], "c01")
    np.testing.assert_allclose(found.keypoints[kept, :, :2], expected[kept], atol=0.02)
    np.testing.assert_allclose(found.keypoints[15, :, :2], (expected[14] + expected[16]) / 2, atol=0.02)
    assert not found.detected[:12].any() and found.detected[13:240].all() and not found.detected[242:].any()
    assert (found.keypoints[~found.detected, :, 2] == 0).all()


def test_a_long_hole_in_the_time_stamps_is_not_detected(dataset, annotations):
    """Two missing frames in a row are bridged; of longer holes only their edges are."""
    root, _ = dataset
    path = annotations / "keypoints2d" / f"{TEST}.pkl"
    kept = np.array([i for i in range(324) if i not in (20, 21) and not 100 <= i < 160 and not 200 <= i < 203])
    change(path, lambda data: data.update(
        keypoints2d=data["keypoints2d"][:, kept], det_scores=data["det_scores"][:, kept],
        timestamps=data["timestamps"][kept]))  # fmt: skip
    found = aistpp_keypoints.estimate(path, root / "videos" / f"{video_id(TEST, 'c01')}.mp4", 60.0)
    assert list(np.flatnonzero(~found.detected)) == [*range(101, 159), 201]
    assert (found.keypoints[101:159, :, 2] == 0).all()


def test_joints_outside_the_frame(dataset, tmp_path):
    """A video that was made smaller than the annotated one."""
    root, _ = dataset
    path = aistpp_keypoints.keypoints_file(root / "annotations", video_id(TEST, "c01"))
    video = root / "videos" / f"{video_id(TEST, 'c01')}.mp4"
    (tmp_path / "small").mkdir()
    small = tmp_path / "small" / video.name
    write_video(small, read_frames(video, short_side=20), 60)
    with pytest.raises(KeypointsError, match=r"% of its joints lie outside the 30 x 20 pixels of .*small.*own size"):
        aistpp_keypoints.estimate(path, small, 30.0)


@pytest.mark.parametrize("value", [{"a": 1}, "text", [[1], [2, 3]], [{}]])
def test_values_of_a_wrong_type_are_named(dataset, annotations, value):
    root, _ = dataset
    video = root / "videos" / f"{video_id(TEST, 'c01')}.mp4"
    path = annotations / "keypoints2d" / f"{TEST}.pkl"
    good = numpy_pickles.load(path)
    for key in good:
        path.write_bytes(pickle.dumps(good | {key: value}))
        with pytest.raises(KeypointsError, match=rf"{TEST}\.pkl: its '{key}' is no array of numbers"):
            aistpp_keypoints.estimate(path, video, 30.0)
    path.write_bytes(pickle.dumps(good))
    path = annotations / "keypoints3d" / f"{TEST}.pkl"
    path.write_bytes(pickle.dumps({"keypoints3d_optim": value}))
    with pytest.raises(KeypointsError, match=rf"{TEST}\.pkl: its 'keypoints3d_optim' is no array of numbers"):
        aistpp_joints.camera_pose(annotations, video_id(TEST, "c01"), 324, 60.0)


def test_wrong_files_are_named(dataset, annotations, tmp_path):
    root, _ = dataset
    video = root / "videos" / f"{video_id(TEST, 'c01')}.mp4"
    path = annotations / "keypoints2d" / f"{TEST}.pkl"
    write_pickle(tmp_path / "other.pkl", joints=np.zeros(3))
    with pytest.raises(KeypointsError, match=r"other\.pkl: has no 'keypoints2d'"):
        aistpp_keypoints.estimate(tmp_path / "other.pkl", video, 30.0)
    change(path, lambda data: data.update(timestamps=data["timestamps"] + 2_000_000))
    with pytest.raises(KeypointsError, match=r"runs to 7\.38 s, but .* lasts 5\.40 s"):
        aistpp_keypoints.estimate(path, video, 30.0)
    change(path, lambda data: data.update(keypoints2d=data["keypoints2d"][:8]))
    with pytest.raises(KeypointsError, match=r"keypoints2d \(8, 324, 17, 3\).*expected \(9, N, 17, 3\)"):
        aistpp_keypoints.estimate(path, video, 30.0)
    shutil.copyfile(video, tmp_path / "mine.mp4")
    with pytest.raises(DatasetError, match="'mine' is not named as an AIST video"):
        aistpp_keypoints.estimate(path, tmp_path / "mine.mp4", 30.0)


@pytest.mark.parametrize("view", ["c01", "c04", "c09"])
def test_3d_joints_in_the_cameras_coordinates(dataset, view):
    """Against OpenCV's rotation, and projected with the camera's matrix they lie on the 2D keypoints."""
    root, worlds = dataset
    found = aistpp_joints.camera_pose(root / "annotations", video_id(TEST, view), 162, 30.0)
    np.testing.assert_allclose(
        found, skeleton.coco17_to_h36m(to_camera(worlds[TEST], view)[::2]), atol=1e-3
    )  # microseconds are rounded
    assert (found[..., 2] > 100).all()  # before the camera
    assert (found[:, 10, 1] < found[:, 3, 1]).all()  # y down: the head above the ankle
    entry = camera(view)
    pixels = cv2.projectPoints(found[:, 16].copy(), np.zeros(3), np.zeros(3), np.array(entry["matrix"]),
                               np.array(entry["distortions"]))[0][:, 0]  # fmt: skip
    np.testing.assert_allclose(pixels, project(worlds[TEST], view)[::2, 10], atol=1e-4)
    between = aistpp_joints.camera_pose(root / "annotations", video_id(TEST, view), 601, 120.0)
    np.testing.assert_allclose(between[1::2], (between[:-1:2] + between[2::2]) / 2, atol=1e-3)


def test_scale_of_the_pose_is_that_of_lifted_ones(dataset):
    _, worlds = dataset
    seen = skeleton.coco17_to_h36m(to_camera(worlds[TEST], "c04"))
    pose = aistpp_joints.normalise(seen)
    extent = np.ptp(pose[..., :2], axis=(0, 1))
    assert extent.max() == pytest.approx(2.0) and np.abs(pose[..., :2]).max() == pytest.approx(1.0)
    np.testing.assert_allclose(pose[..., :2].min(axis=(0, 1)), -pose[..., :2].max(axis=(0, 1)), atol=1e-9)
    assert pose[0, 0, 2] == 0
    scale = np.linalg.norm(np.diff(seen, axis=1)) / np.linalg.norm(np.diff(pose, axis=1))
    np.testing.assert_allclose(np.diff(pose, axis=1) * scale, np.diff(seen, axis=1), atol=1e-6)
    with pytest.raises(KeypointsError, match="all joints of the pose lie in one place"):
        aistpp_joints.normalise(np.zeros((4, 17, 3)))


def test_3d_gaps_and_faults(dataset, annotations):
    _, worlds = dataset
    path = annotations / "keypoints3d" / f"{TRAIN}.pkl"
    name = video_id(TRAIN, "c01")
    change(path, lambda data: data["keypoints3d_optim"].__setitem__((slice(40, 43), 9), np.nan))
    found = aistpp_joints.camera_pose(annotations, name, 324, 60.0)
    world = worlds[TRAIN].copy()
    world[40:43, 9] = world[39, 9] + (world[43, 9] - world[39, 9]) * np.arange(1, 4)[:, None] / 4
    np.testing.assert_allclose(found, skeleton.coco17_to_h36m(to_camera(world, "c01")), atol=1e-3)
    (annotations / "keypoints2d" / f"{TRAIN}.pkl").unlink()  # without time stamps: 60 a second
    np.testing.assert_allclose(aistpp_joints.camera_pose(annotations, name, 324, 60.0), found, atol=0.05)
    change(path, lambda data: data["keypoints3d_optim"].__setitem__((slice(None), 9), np.nan))
    with pytest.raises(KeypointsError, match="the lwrist is missing throughout"):
        aistpp_joints.camera_pose(annotations, name, 324, 60.0)
    with pytest.raises(KeypointsError, match="out of step"):
        aistpp_joints.pose_video(annotations, "gBR_sBM_c05_d04_mBR0_ch01", (), annotations)
    cameras = annotations / "cameras"
    (cameras / "mapping.txt").write_text(f"{VAL} setting7\n{TEST} setting1\n")
    with pytest.raises(KeypointsError, match=rf"mapping\.txt: no environment for {TRAIN}"):
        aistpp_cameras.read_camera(cameras, TRAIN, "c01")
    with pytest.raises(KeypointsError, match=rf"setting7\.json: no such file; .*mapping\.txt names it for {VAL}"):
        aistpp_cameras.read_camera(cameras, VAL, "c01")
    (cameras / "setting1.json").write_text(json.dumps([camera("c01"), {"name": "c02"}]))
    for view in ("c02", "c03"):
        with pytest.raises(KeypointsError, match=rf"setting1\.json: no sound camera {view}"):
            aistpp_cameras.read_camera(cameras, TEST, view)


@pytest.fixture
def project_folder(dataset, annotations, tmp_path, monkeypatch):
    """A working directory with a small network, the spoilt joint of one pickle, and a broken pickle."""
    root, worlds = dataset
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PACE_WORKERS", "1")
    torch.manual_seed(0)
    model = DSTformer(dim_feat=16, mlp_ratio=2, depth=1)
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    (annotations / "keypoints2d" / f"{VAL}.pkl").write_bytes(b"broken")

    def configure(source):
        write_params(
            tmp_path,
            dataset={"name": "aistpp", "root": str(root / "videos"), "annotations": "annotations", "cameras": ["all"]},
            decode={"short_side": 32},
            keypoints={"backend": "aistpp", "source": "annotations"},
            lift={"source": source, "weights": "w.safetensors"},
        )

    return configure, worlds


def test_stages_from_index_to_mel(project_folder, tmp_path, capsys):
    configure, worlds = project_folder
    configure("keypoints")
    for stage in (index, decode, keypoints, lift, energy, mel):
        stage.main([])
    videos = pd.read_parquet("data/index/videos.parquet").set_index("video_id")
    good = [video_id(sequence, view) for sequence in (TRAIN, TEST) for view in ("c01", "c04")]
    bad = [video_id(VAL, view) for view in ("c01", "c04")]
    assert set(videos.index) == {*good, *bad}
    assert dict(videos.bpm) == {name: {"gBR": 90.0, "gHO": 135.0, "gKR": 100.0}[name[:3]] for name in videos.index}
    assert "of 2 test clips, 0 share their music, 0 their dance and 0 their source video" in capsys.readouterr().out
    failures = json.loads((tmp_path / "data/keypoints/failures.json").read_text())
    assert set(failures) == set(bad) and "only numpy arrays and plain containers" in failures[bad[0]]
    for name in good:
        found = load(tmp_path / f"data/keypoints/{name}.npz")
        truth = project(worlds[name.replace("c01", "cAll").replace("c04", "cAll")], name[8:11])[::2]
        np.testing.assert_allclose(found.keypoints[..., :2], truth, atol=0.02)
        frames = sum(1 for _ in read_frames(tmp_path / f"data/decoded/{name}.mp4"))
        with np.load(f"data/pose3d/{name}.npz") as file:
            assert file["pose"].shape == (frames, 17, 3) and len(found.keypoints) == frames == 162
        assert len(pd.read_parquet(f"data/energy/{name}.parquet")) == frames
    with np.load("data/mel/train.npz") as file:
        assert file["mel"].shape == (2, 256, 256) and file["mel"].std() > 1

    configure("aistpp")
    lift.main([])
    energy.main([])
    for name in good:
        seen = to_camera(worlds[name.replace("c01", "cAll").replace("c04", "cAll")], name[8:11])
        truth = skeleton.coco17_to_h36m(seen[::2])
        with np.load(f"data/pose3d/{name}.npz") as file:
            assert file["pose"].dtype == np.float32 and float(file["fps"]) == 30
            np.testing.assert_allclose(file["pose"], aistpp_joints.normalise(truth), atol=1e-5)
        settings = energies.EnergyParams(smooth_hz=6.0, split_hz=1.2, order=2, masses="winter", root="keep")
        slow, fast = energies.energies(truth, 30.0, settings)
        table = pd.read_parquet(f"data/energy/{name}.parquet")
        np.testing.assert_allclose(table[list(energies.COLUMNS)], np.hstack([slow, fast]), rtol=2e-3, atol=1e-4)


def test_the_stage_asks_for_the_annotation_folder(project_folder, tmp_path):
    configure, _ = project_folder
    configure("keypoints")
    index.main([])
    shutil.rmtree(tmp_path / "annotations/keypoints2d")
    with pytest.raises(KeypointsError, match=r"no folder keypoints2d; set keypoints\.source to AIST\+\+'s"):
        keypoints.main([])


def test_one_bad_annotation_never_stops_the_others(project_folder, annotations, tmp_path):
    configure, _ = project_folder
    configure("aistpp")
    index.main([])
    keypoints.main([])
    (annotations / "keypoints3d" / f"{TRAIN}.pkl").unlink()
    lift.main([])
    failures = json.loads((tmp_path / "data/pose3d/failures.json").read_text())
    assert set(failures) == {video_id(TRAIN, "c01"), video_id(TRAIN, "c04")}
    assert f"keypoints3d/{TRAIN}.pkl" in failures[video_id(TRAIN, "c01")]
    assert len(list((tmp_path / "data/pose3d").glob("*.npz"))) == 2
