"""AlphaPose result files in every form of FACTS 2."""

import json

import numpy as np
import pytest

from pace.media import video, writing
from pace.pose import alphapose, skeleton
from pace.pose.keypoints import KeypointsError

INFO = video.VideoInfo(1.0, 30.0, 640, 360, False)
OPENPOSE18 = (
    "nose", "neck", "rshoulder", "relbow", "rwrist", "lshoulder", "lelbow", "lwrist", "rhip", "rknee", "rankle",
    "lhip", "lknee", "lankle", "reye", "leye", "rear", "lear",
)  # fmt: skip


def person(frame, count=26, shift=0.0):
    """Keypoint k at (10 k + frame + shift, 5 k + 2 frame), confidence 0.5."""
    k = np.arange(count)
    return np.stack([10.0 * k + frame + shift, 5.0 * k + 2 * frame, np.full(count, 0.5)], axis=-1)


def entry(frame, name="{}.jpg", count=26, shift=0.0, **extra):
    image = name.format(frame) if isinstance(name, str) else frame
    return {"image_id": image, "category_id": 1, "keypoints": person(frame, count, shift).ravel().tolist(), **extra}


def read(tmp_path, content, count=30):
    (tmp_path / "r.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return alphapose.read(tmp_path / "r.json", count, INFO)


@pytest.mark.parametrize("name", ["{}.jpg", "frame_{:06d}.png", "dir7/{}.jpg", None])
@pytest.mark.parametrize("idx", [{}, {"idx": 3}, {"idx": 3.0}, {"idx": [[3.0]]}, {"idx": []}])
def test_default_list(tmp_path, name, idx):
    dancer = read(tmp_path, [entry(frame, name, **idx) for frame in range(30)])
    assert np.allclose(dancer.keypoints, [person(frame) for frame in range(30)])
    assert dancer.layout == "halpe26" and dancer.size == (640, 360) and dancer.fps == 30 and dancer.detected.all()


@pytest.mark.parametrize("count, layout, kept", [(17, "coco17", 17), (24, "smpl24", 24), (136, "halpe26", 26)])
def test_layouts(tmp_path, count, layout, kept):
    dancer = read(tmp_path, [entry(frame, count=count) for frame in range(30)])
    assert dancer.layout == layout
    assert np.allclose(dancer.keypoints[7], person(7, count)[:kept])


@pytest.mark.parametrize("form", ["cmu", "open"])
def test_openpose_dictionaries_become_coco17(tmp_path, form):
    content = {}
    for frame in range(30):
        flat = person(frame, 18).ravel().tolist()
        people = {"bodies": [{"joints": flat}]} if form == "cmu" else {"people": [{"pose_keypoints_2d": flat}]}
        content[f"{frame}.jpg"] = {"version": "x", **people}
    dancer = read(tmp_path, content)
    assert dancer.layout == "coco17"
    for index, name in enumerate(skeleton.COCO17):
        assert np.allclose(dancer.keypoints[4, index], person(4, 18)[OPENPOSE18.index(name)]), name


def test_smpl_joints_are_laid_on_the_2d_box(tmp_path):
    """29 keypoints of the SMPL estimator: its 24 xyz joints, here the same points in metres, fall where they were."""
    entries = []
    for frame in range(30):
        points = person(frame, 29)
        points[24:] = points[23]
        xyz = np.column_stack([(points[:24, :2] - 300) / 180, np.zeros(24)])
        entries.append(
            {"image_id": frame, "keypoints": points.ravel().tolist(), "pred_xyz_jts": xyz.tolist(), "idx": 0}
        )
    dancer = read(tmp_path, entries)
    assert dancer.layout == "smpl24"
    assert np.allclose(dancer.keypoints[9, :, :2], person(9, 24)[:, :2], atol=1e-3)


def test_missing_frames_are_interpolated_on_image_id(tmp_path):
    """Frames 10-14 and 29 are absent: the others keep their times (upstream readers shift them)."""
    kept = [frame for frame in range(29) if not 10 <= frame < 15]
    dancer = read(tmp_path, [entry(frame) for frame in reversed(kept)])
    expected = np.array([person(min(frame, 28)) for frame in range(30)])
    assert np.allclose(dancer.keypoints[..., :2], expected[..., :2], atol=1e-3)
    assert list(np.flatnonzero(~dancer.detected)) == [10, 11, 12, 13, 14, 29]
    assert (dancer.keypoints[~dancer.detected, :, 2] == 0).all()


def test_confidence_is_clipped_and_frames_may_count_from_one(tmp_path):
    entries = [entry(frame) for frame in range(1, 31)]
    entries[0]["keypoints"][2::3] = [1.7] * 26
    entries[1]["keypoints"][2::3] = [-0.2] * 26
    dancer = read(tmp_path, entries)
    assert np.allclose(dancer.keypoints[0], [[*xy, 1.0] for xy in person(1)[:, :2]])
    assert (dancer.keypoints[1, :, 2] == 0).all() and dancer.detected.all()


@pytest.mark.parametrize(
    "content, message",
    [
        ("{", r"r\.json: not JSON"),
        ("3", r"r\.json: found a JSON int; expected AlphaPose results"),
        ([], r"r\.json: no person in it"),
        ([7], "found 7 instead of a person"),
        ([entry(0, count=19)], r"found 19 keypoints per person; known: 17 \(coco17\), 24 \(smpl24\), 26 \(halpe26\)"),
        ([entry(0), entry(1, count=17)], "persons with 17 and 26 keypoints"),
        ([{"image_id": "0.jpg", "box": [1, 2, 3, 4]}], "'0.jpg' with the keys image_id, box"),
        ([{"image_id": "0.jpg", "keypoints": ["a", 1, 2]}], "that are not numbers"),
        ([entry(0, "picture.jpg")], "image_id 'picture.jpg' without a frame number"),
        ({"0.jpg": [1]}, "'0.jpg' without a list `bodies` or `people`"),
        ([entry(200)], "has frame 200, but its video has 30 frames; is it of another video"),
        ([entry(0), {**entry(1), "image_id": -1}], "has frame -1; expected image_id to count"),
    ],
)
def test_wrong_files(tmp_path, content, message):
    with pytest.raises(KeypointsError, match=message):
        read(tmp_path, content)


def test_results_that_end_early_raise_a_warning(tmp_path, caplog):
    """Results of a copy with half the frames end early; nothing else tells them from a dancer who leaves."""
    read(tmp_path, [entry(frame) for frame in range(26)])
    assert not caplog.records
    dancer = read(tmp_path, [entry(frame) for frame in range(15)])
    assert "r.json: ends at frame 14 of 30; if it was made from a copy with fewer frames" in caplog.text
    assert dancer.detected.sum() == 15


def test_missing_file(tmp_path):
    with pytest.raises(KeypointsError, match=r"none\.json: no such file; run AlphaPose"):
        alphapose.read(tmp_path / "none.json", 30, INFO)


def test_estimate_follows_the_times_of_a_variable_rate_video(tmp_path):
    """The results count frames; the grid counts seconds."""
    frames = [np.full((36, 64, 3), 50, np.uint8)] * 100
    writing.write_video(tmp_path / "v.mp4", frames, 25)
    (tmp_path / "r.json").write_text(json.dumps([entry(frame) for frame in range(100)]))
    dancer = alphapose.estimate(tmp_path / "r.json", tmp_path / "v.mp4", 30)
    assert dancer.keypoints.shape == (120, 26, 3) and dancer.fps == 30
    assert np.allclose(dancer.keypoints[:118, 0, 0], np.arange(118) / 30 * 25, atol=0.02)


@pytest.mark.parametrize(
    "idx", ["1", "person_1", None, [], [[]], [["a"]], float("nan"), float("inf"), {"id": 3}, True, 7.4, -1, 10**400]
)
def test_any_label_of_a_person(tmp_path, idx):
    dancer = read(tmp_path, [entry(frame, idx=idx) for frame in range(30)])
    assert dancer.detected.all() and np.allclose(dancer.keypoints, [person(frame) for frame in range(30)])


def test_text_labels_tell_two_people_apart(tmp_path, caplog):
    """The second person, at the same place, has a label of her own and fewer frames."""
    entries = [entry(frame, idx="person_1") for frame in range(30)]
    entries += [entry(frame, shift=3.0, idx="person_2") for frame in range(20)]
    dancer = read(tmp_path, entries)
    assert np.allclose(dancer.keypoints, [person(frame) for frame in range(30)])
    assert "dropped 20 detections of 1 other tracks" in caplog.text


FORMS = {
    "default": lambda values, image: [{"image_id": image, "keypoints": values}],
    "nested": lambda values, image: [{"image_id": image, "keypoints": [values[i : i + 3] for i in range(0, 54, 3)]}],
    "cmu": lambda values, image: {image: {"bodies": [{"joints": values}]}},
    "open": lambda values, image: {image: {"people": [{"pose_keypoints_2d": values}]}},
    "smpl": lambda values, image: [{"image_id": image, "keypoints": [1.0] * 87, "pred_xyz_jts": values}],
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("wrong", [True, None, "1.5", "x", [1], {}, 10**400])
def test_coordinates_that_are_no_numbers(tmp_path, form, wrong):
    values = person(0, 24 if form == "smpl" else 18).ravel().tolist()
    values[7] = wrong
    with pytest.raises(KeypointsError, match=r"r\.json: found .* that are not numbers"):
        read(tmp_path, FORMS[form](values, "0.jpg"))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("wrong", [float("nan"), float("-inf")])
def test_infinite_coordinates(tmp_path, form, wrong):
    values = person(0, 24 if form == "smpl" else 18).ravel().tolist()
    values[7] = wrong
    with pytest.raises(KeypointsError, match=r"r\.json: no person whose keypoints are finite numbers"):
        read(tmp_path, FORMS[form](values, "0.jpg"))


def test_persons_that_are_not_finite_are_left_out(tmp_path, caplog):
    entries = [entry(frame) for frame in range(30)]
    entries[9]["keypoints"][4] = float("nan")
    entries[20]["keypoints"][4] = 1e300  # beyond float32
    dancer = read(tmp_path, entries)
    assert list(np.flatnonzero(~dancer.detected)) == [9, 20]
    assert "r.json: left out 2 of 30 persons, whose keypoints are not finite numbers" in caplog.text


@pytest.mark.parametrize(
    "content, message",
    [
        ("[" * 100_000, "not JSON"),
        ("\x00", "not JSON"),
        ({}, "no person in it"),
        ([[]], r"found \[\] instead of a person"),
        ([None], "found null instead of a person"),
        ([entry(0, "9" * 5000 + ".jpg")], "without a frame number"),
        ([{**entry(0), "image_id": 1.5}], "image_id '1.5' without a frame number"),
        ([{**entry(0), "image_id": True}], "image_id 'True' without a frame number"),
        ([{**entry(0), "image_id": 10**30}], "has frame 10+, but its video has 30 frames"),
        ([{**entry(0), "keypoints": [1.0, 2.0] * 17}], "that are not numbers x, y, confidence"),
        ([{**entry(0), "keypoints": [[1.0, 2.0]] * 24}], "found 16 keypoints per person"),
        ([{**entry(0), "keypoints": []}], "found 0 keypoints per person"),
        ([{**entry(0), "keypoints": None}], "that are not numbers"),
        ([{**entry(0), "keypoints": {"x": 1}}], "that are not numbers"),
        ([{**entry(0, count=29), "pred_xyz_jts": [1.0, 2.0, 3.0]}], "29 keypoints and 1 pred_xyz_jts"),
        ([{**entry(0), "keypoints": [], "pred_xyz_jts": [0.0] * 72}], "0 keypoints and 24 pred_xyz_jts"),
        ({"0.jpg": {"people": [7]}}, "found 7 instead of a person"),
        ({"0.jpg": {"bodies": None}}, "without a list `bodies` or `people`"),
    ],
)
def test_mangled_files(tmp_path, content, message):
    with pytest.raises(KeypointsError, match=rf"r\.json: .*{message}"):
        read(tmp_path, content)


def test_the_same_person_twice_in_a_frame(tmp_path):
    entries = [entry(frame, idx=1) for frame in range(30) for _ in range(2)]
    assert np.allclose(read(tmp_path, entries).keypoints, [person(frame) for frame in range(30)])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_encodings_of_windows(tmp_path, encoding):
    (tmp_path / "r.json").write_text(json.dumps([entry(frame) for frame in range(30)]), encoding=encoding)
    assert alphapose.read(tmp_path / "r.json", 30, INFO).detected.all()
