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
