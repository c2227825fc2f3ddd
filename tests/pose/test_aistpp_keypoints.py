"""AIST++'s own 2D keypoints and time stamps, in a miniature of its layout."""

import pickle
import shutil

import numpy as np
import pytest
from helpers.aistpp_miniature import TEST, TRAIN, change_pickle, video_id
from helpers.dataset_layouts import SIZE, VIEWS, project, write_pickle

from pace.datasets.listing import DatasetError
from pace.media.video import VideoInfo, read_frames
from pace.media.writing import write_video
from pace.pose import aistpp_annotations, aistpp_keypoints, numpy_pickles, plausibility
from pace.pose.keypoints import KeypointsError

INFO = VideoInfo(5.4, 60.0, *SIZE, True)


@pytest.mark.parametrize("view", ["c01", "c04"])
def test_keypoints_are_those_of_the_camera_on_the_decoded_grid(dataset, view):
    root, worlds = dataset
    path = aistpp_keypoints.keypoints_file(root / "annotations", video_id(TEST, view))
    dancer = aistpp_keypoints.estimate(path, root / "videos" / f"{video_id(TEST, view)}.mp4", 30.0)
    expected = project(worlds[TEST], view)[::2]
    assert dancer.layout == "coco17" and dancer.fps == 30 and dancer.size == SIZE and dancer.detected.all()
    np.testing.assert_allclose(dancer.keypoints[..., :2], expected, atol=1e-2)
    assert (dancer.keypoints[..., 2] == np.float32(0.9)).all()
    other = aistpp_keypoints.estimate(path, root / "videos" / f"{video_id(TEST, view)}.mp4", 25.0)
    wrist = np.interp(np.arange(135) / 25, np.arange(324) / 60, project(worlds[TEST], view)[:, 9, 0])
    np.testing.assert_allclose(other.keypoints[:, 9, 0], wrist, atol=0.01)


def test_views_differ(dataset):
    """If every view were the first one, the other tests would still pass for c01."""
    root, worlds = dataset
    path = aistpp_keypoints.keypoints_file(root / "annotations", video_id(TEST, "c01"))
    for view, name in enumerate(VIEWS):
        dancer, _ = aistpp_keypoints.read(path, view, INFO)
        np.testing.assert_allclose(dancer.keypoints[..., :2], project(worlds[TEST], name), atol=1e-3)


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

    change_pickle(path, spoil)
    dancer, times = aistpp_keypoints.read(path, 0, INFO)
    assert np.isfinite(dancer.keypoints).all() and len(times) == 324
    missing = np.ones(324, bool)
    missing[[*range(200, 204), 250, 251, *range(300, 324)]] = False
    np.testing.assert_array_equal(dancer.detected, missing)
    assert (dancer.keypoints[~dancer.detected, :, 2] == 0).all()
    assert (dancer.keypoints[100:105, 9, 2] == 0).all() and (dancer.keypoints[100:105, 8, 2] > 0).all()
    line = truth[99, 9] + (truth[105, 9] - truth[99, 9]) * np.arange(1, 6)[:, None] / 6
    np.testing.assert_allclose(dancer.keypoints[100:105, 9, :2], line, atol=0.01)
    np.testing.assert_allclose(dancer.keypoints[300:, 9, :2], np.tile(truth[299, 9], (24, 1)), atol=0.01)
    assert (dancer.keypoints[:, 3, 2] == 0).all()
    others = np.delete(dancer.keypoints, 3, axis=1)[..., :2].mean(axis=1)
    np.testing.assert_allclose(dancer.keypoints[:, 3, :2], others, atol=0.01)
    assert dancer.keypoints[50, 7, 2] == 1
    good = dancer.detected.copy()
    good[100:105] = False
    np.testing.assert_allclose(dancer.keypoints[good][:, 9, :2], truth[good][:, 9], atol=1e-3)
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


def test_time_stamps_set_the_times_and_not_the_frame_numbers(dataset, annotations):
    """Without every third frame, and from 0.2 s to 4 s only, the motion keeps its time."""
    root, worlds = dataset
    path = annotations / "keypoints2d" / f"{TEST}.pkl"
    kept = np.array([i for i in range(12, 240) if i % 3])
    change_pickle(path, lambda data: data.update(
        keypoints2d=data["keypoints2d"][:, kept], det_scores=data["det_scores"][:, kept],
        timestamps=data["timestamps"][kept]))  # fmt: skip
    dancer = aistpp_keypoints.estimate(path, root / "videos" / f"{video_id(TEST, 'c01')}.mp4", 60.0)
    expected = project(worlds[TEST], "c01")
    np.testing.assert_allclose(dancer.keypoints[kept, :, :2], expected[kept], atol=0.02)
    np.testing.assert_allclose(dancer.keypoints[15, :, :2], (expected[14] + expected[16]) / 2, atol=0.02)
    assert not dancer.detected[:12].any() and dancer.detected[13:240].all() and not dancer.detected[242:].any()
    assert (dancer.keypoints[~dancer.detected, :, 2] == 0).all()


def test_a_long_hole_in_the_time_stamps_is_not_detected(dataset, annotations):
    """Two missing frames in a row are bridged; of longer holes only their edges are."""
    root, _ = dataset
    path = annotations / "keypoints2d" / f"{TEST}.pkl"
    kept = np.array([i for i in range(324) if i not in (20, 21) and not 100 <= i < 160 and not 200 <= i < 203])
    change_pickle(path, lambda data: data.update(
        keypoints2d=data["keypoints2d"][:, kept], det_scores=data["det_scores"][:, kept],
        timestamps=data["timestamps"][kept]))  # fmt: skip
    dancer = aistpp_keypoints.estimate(path, root / "videos" / f"{video_id(TEST, 'c01')}.mp4", 60.0)
    assert list(np.flatnonzero(~dancer.detected)) == [*range(101, 159), 201]
    assert (dancer.keypoints[101:159, :, 2] == 0).all()


def test_joints_outside_the_frame(dataset, tmp_path):
    """A video that is smaller than the annotated one."""
    root, _ = dataset
    path = aistpp_keypoints.keypoints_file(root / "annotations", video_id(TEST, "c01"))
    video = root / "videos" / f"{video_id(TEST, 'c01')}.mp4"
    (tmp_path / "small").mkdir()
    small = tmp_path / "small" / video.name
    write_video(small, read_frames(video, short_side=20), 60)
    message = r"% of frames joints lie outside the 30 x 20 pixels of .*small.*its own size"
    with pytest.raises(KeypointsError, match=message):
        plausibility.check(aistpp_keypoints.estimate(path, small, 30.0), str(path), str(small))


@pytest.mark.parametrize("value", [{"a": 1}, "text", [[1], [2, 3]], [{}]])
def test_values_of_a_wrong_type_are_named(dataset, annotations, value):
    root, _ = dataset
    video = root / "videos" / f"{video_id(TEST, 'c01')}.mp4"
    path = annotations / "keypoints2d" / f"{TEST}.pkl"
    good = numpy_pickles.load(path)
    for key in good:
        path.write_bytes(pickle.dumps(good | {key: value}))
        with pytest.raises(KeypointsError, match=rf"{TEST}\.pkl: its '{key}' is not an array of numbers"):
            aistpp_keypoints.estimate(path, video, 30.0)


def test_wrong_files_are_named(dataset, annotations, tmp_path):
    root, _ = dataset
    video = root / "videos" / f"{video_id(TEST, 'c01')}.mp4"
    path = annotations / "keypoints2d" / f"{TEST}.pkl"
    write_pickle(tmp_path / "other.pkl", joints=np.zeros(3))
    with pytest.raises(KeypointsError, match=r"other\.pkl: has no 'keypoints2d'"):
        aistpp_keypoints.estimate(tmp_path / "other.pkl", video, 30.0)
    change_pickle(path, lambda data: data.update(timestamps=data["timestamps"] + 2_000_000))
    with pytest.raises(KeypointsError, match=r"runs to 7\.38 s, but .* lasts 5\.40 s"):
        aistpp_keypoints.estimate(path, video, 30.0)
    change_pickle(path, lambda data: data.update(keypoints2d=data["keypoints2d"][:8]))
    with pytest.raises(KeypointsError, match=r"keypoints2d \(8, 324, 17, 3\).*expected \(9, N, 17, 3\)"):
        aistpp_keypoints.estimate(path, video, 30.0)
    shutil.copyfile(video, tmp_path / "mine.mp4")
    with pytest.raises(DatasetError, match="'mine' is not named as an AIST video"):
        aistpp_keypoints.estimate(path, tmp_path / "mine.mp4", 30.0)
