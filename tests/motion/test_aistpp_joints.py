"""AIST++'s own 3D joints and its cameras, in a miniature of its layout."""

import json
import pickle

import cv2
import numpy as np
import pytest
from helpers.aistpp_miniature import TEST, TRAIN, VAL, change_pickle, to_camera, video_id
from helpers.dataset_layouts import camera, project

from pace.motion import aistpp_cameras, aistpp_joints
from pace.pose import skeleton
from pace.pose.keypoints import KeypointsError


@pytest.mark.long
@pytest.mark.parametrize("view", ["c01", "c04", "c09"])
def test_3d_joints_in_the_cameras_coordinates(dataset, view):
    """They agree with OpenCV's rotation; projected with the camera's matrix, they lie on the 2D keypoints."""
    root, worlds = dataset
    pose = aistpp_joints.camera_pose(root / "annotations", video_id(TEST, view), 162, 30.0)
    np.testing.assert_allclose(
        pose, skeleton.coco17_to_h36m(to_camera(worlds[TEST], view)[::2]), atol=1e-3
    )  # microseconds are rounded
    assert (pose[..., 2] > 100).all()  # before the camera
    assert (pose[:, 10, 1] < pose[:, 3, 1]).all()  # y down: the head above the ankle
    entry = camera(view)
    pixels = cv2.projectPoints(pose[:, 16].copy(), np.zeros(3), np.zeros(3), np.array(entry["matrix"]),
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


@pytest.mark.parametrize("value", [{"a": 1}, "text", [[1], [2, 3]], [{}]])
def test_values_of_a_wrong_type_are_named(annotations, value):
    path = annotations / "keypoints3d" / f"{TEST}.pkl"
    path.write_bytes(pickle.dumps({"keypoints3d_optim": value}))
    with pytest.raises(KeypointsError, match=rf"{TEST}\.pkl: its 'keypoints3d_optim' is not an array of numbers"):
        aistpp_joints.camera_pose(annotations, video_id(TEST, "c01"), 324, 60.0)


def test_3d_gaps_and_faults(dataset, annotations):
    _, worlds = dataset
    path = annotations / "keypoints3d" / f"{TRAIN}.pkl"
    name = video_id(TRAIN, "c01")
    change_pickle(path, lambda data: data["keypoints3d_optim"].__setitem__((slice(40, 43), 9), np.nan))
    pose = aistpp_joints.camera_pose(annotations, name, 324, 60.0)
    world = worlds[TRAIN].copy()
    world[40:43, 9] = world[39, 9] + (world[43, 9] - world[39, 9]) * np.arange(1, 4)[:, None] / 4
    np.testing.assert_allclose(pose, skeleton.coco17_to_h36m(to_camera(world, "c01")), atol=1e-3)
    (annotations / "keypoints2d" / f"{TRAIN}.pkl").unlink()  # without time stamps: 60 a second
    np.testing.assert_allclose(aistpp_joints.camera_pose(annotations, name, 324, 60.0), pose, atol=0.05)
    change_pickle(path, lambda data: data["keypoints3d_optim"].__setitem__((slice(None), 9), np.nan))
    with pytest.raises(KeypointsError, match="the lwrist is missing throughout"):
        aistpp_joints.camera_pose(annotations, name, 324, 60.0)
    with pytest.raises(KeypointsError, match="out of sync"):
        aistpp_joints.pose_video(annotations, "gBR_sBM_c05_d04_mBR0_ch01", (), annotations)
    cameras = annotations / "cameras"
    (cameras / "mapping.txt").write_text(f"{VAL} setting7\n{TEST} setting1\n")
    with pytest.raises(KeypointsError, match=rf"mapping\.txt: no environment for {TRAIN}"):
        aistpp_cameras.read_camera(cameras, TRAIN, "c01")
    with pytest.raises(KeypointsError, match=rf"setting7\.json: no such file; .*mapping\.txt names it for {VAL}"):
        aistpp_cameras.read_camera(cameras, VAL, "c01")
    (cameras / "setting1.json").write_text(json.dumps([camera("c01"), {"name": "c02"}]))
    for view in ("c02", "c03"):
        with pytest.raises(KeypointsError, match=rf"setting1\.json: no valid entry for camera {view}"):
            aistpp_cameras.read_camera(cameras, TEST, view)
