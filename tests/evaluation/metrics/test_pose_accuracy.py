import numpy as np
import pytest

from pace.evaluation.ground_truth import Truth, read_truth
from pace.evaluation.metrics import pose_accuracy
from pace.motion.energy import EnergyParams
from pace.pose.skeleton import H36M, HALPE26

ENERGY = EnergyParams(smooth_hz=6.0, split_hz=1.2, order=2, masses="winter", root="keep")
FPS, FRAMES = 30.0, 150


def dancing(fps=FPS, frames=FRAMES):
    """Joints (N,17,3) in metres: a spread-out body whose joints sway slowly and fast, each at its own rates."""
    rng = np.random.default_rng(0)
    rest = rng.normal(size=(17, 3)) * 0.4
    rest[0], rest[8] = (0.0, 0.0, 4.0), (0.0, -0.5, 4.0)
    t = np.arange(frames)[:, None, None] / fps
    slow, fast, phase = rng.uniform(0.3, 0.9, (17, 1)), rng.uniform(1.6, 3.0, (17, 1)), rng.uniform(0, 6, (17, 3))
    sway = np.sin(2 * np.pi * slow * t + phase) * (1 + 0.5 * np.sin(2 * np.pi * 0.21 * t))
    return rest + 0.1 * sway + 0.03 * np.sin(2 * np.pi * fast * t + phase) * (1 + 0.5 * np.cos(2 * np.pi * 0.3 * t))


def truth_of(joints3d, joints2d=None, fps=FPS):
    return Truth(joints3d, np.zeros((len(joints3d), 17, 2)) if joints2d is None else joints2d, np.zeros(0), fps)


def standing(height=100.0):
    joints = np.zeros((10, 17, 2))
    joints[..., 0] = 50.0
    joints[..., 1] = np.linspace(20.0, 20.0 + height, 17)
    return joints


def test_body_height_is_the_median():
    joints = standing(100.0)
    joints[:3, :, 1] *= 0.5  # crouching in a few frames
    assert pose_accuracy.body_height(joints) == pytest.approx(100.0)


def test_pck_counts_joints_within_a_tenth_of_the_height():
    truth = standing(100.0)
    keypoints = truth.copy()
    keypoints[:, 0] += (6.0, 7.9)  # 9.9 pixels off: in
    keypoints[:, 1] += (6.0, 8.1)  # 10.1: out
    keypoints[0] += 1000.0  # a frame that is wrong altogether
    assert pose_accuracy.pck(keypoints, truth) == pytest.approx(9 / 10 * 16 / 17)


def test_keypoints_are_compared_in_the_decoded_frame_by_joint_name():
    original = standing(100.0)
    halpe = np.zeros((10, 26, 3), dtype=np.float32)
    halpe[..., 2] = 0.8
    names = {"hip": "root", "nose": "nose", **{name: name for name in H36M}}
    for index, name in enumerate(HALPE26):
        if name in names:
            halpe[:, index, :2] = original[:, H36M.index(names[name])] * (0.5, 0.25)
    belly = (halpe[:, HALPE26.index("neck"), :2] + halpe[:, HALPE26.index("hip"), :2]) / 2
    original[:, H36M.index("belly")] = belly / (0.5, 0.25)
    detected = np.ones(10, dtype=bool)
    detected[0] = False
    halpe[0, :, 2] = 0.0
    result = pose_accuracy.keypoint_metrics(
        halpe, "halpe26", FPS, np.array([320, 180]), detected, truth_of(original, original), (640, 720)
    )
    assert result == {"detected": 0.9, "confidence": pytest.approx(0.8), "pck10": 1.0}
    assert "pck10" not in pose_accuracy.keypoint_metrics(
        halpe, "halpe26", FPS, np.array([320, 180]), detected, None, (640, 720)
    )


def test_a_track_at_other_times_is_linear_between_frames():
    track = np.array([[0.0], [3.0], [9.0]])
    np.testing.assert_allclose(
        pose_accuracy.at_times(track, 2.0, [0.0, 0.25, 0.5, 0.9, 1.0, 7.0])[:, 0], [0, 1.5, 3, 7.8, 9, 9]
    )
    np.testing.assert_allclose(pose_accuracy.at_times(track[:1], 2.0, [0.0, 1.0])[:, 0], [0, 0])


def test_mpjpe_ignores_scale_and_place_and_is_in_torso_lengths():
    truth = dancing()
    torso = np.median(np.linalg.norm(truth[:, 8] - truth[:, 0], axis=-1))
    assert pose_accuracy.mpjpe(truth * 0.3 + (1.0, 2.0, 3.0), truth) == pytest.approx(0.0, abs=1e-12)
    displaced = truth.copy()
    relative = truth - truth[:, :1]
    direction = np.cross(
        relative[:, 13], (1.0, 0.0, 0.0)
    )  # perpendicular to the joint's position, so that the best scale stays near 1
    displaced[:, 13] += 0.01 * torso * direction / np.linalg.norm(direction, axis=-1, keepdims=True)
    assert pose_accuracy.mpjpe(displaced, truth) == pytest.approx(0.01 / 17, rel=0.02)


def test_mpjpe_of_a_flat_pose_is_at_most_the_depth_it_lacks():
    truth = dancing()
    flat = truth.copy()
    flat[..., 2] = flat[:, :1, 2]
    depth = np.abs(truth[..., 2] - truth[:, :1, 2]).mean() / 0.5
    assert 0.5 * depth < pose_accuracy.mpjpe(flat, truth) < 1.5 * depth
    assert pose_accuracy.mpjpe(np.zeros_like(truth), truth) == pytest.approx(
        np.linalg.norm(truth - truth[:, :1], axis=-1).mean()
        / np.median(np.linalg.norm(truth[:, 8] - truth[:, 0], axis=-1))
    )


def test_correlations():
    t = np.arange(100.0)
    true = np.stack([t, t, t, np.cos(2 * np.pi * t / 100), np.ones(100)], axis=1)
    measured = np.stack([3 * t + 7, -t, np.ones(100), np.sin(2 * np.pi * t / 100), t], axis=1)
    np.testing.assert_allclose(pose_accuracy.correlations(measured, true), [1, -1, np.nan, 0, np.nan], atol=1e-12)


def test_a_perfect_pose_of_another_scale_and_frame_rate():
    truth = truth_of(dancing(fps=60.0, frames=300), fps=60.0)
    result = pose_accuracy.pose_metrics(0.37 * dancing(), FPS, truth, ENERGY)
    assert len(result) == 13
    assert result.pop("mpjpe") == pytest.approx(0.0, abs=1e-9)
    assert all(value == pytest.approx(1.0, abs=1e-9) for value in result.values())


def test_a_part_that_moves_differently_loses_only_its_own_correlation():
    pose = dancing()
    pose[:, (11, 12, 13)] = pose[::-1, (11, 12, 13)]
    result = pose_accuracy.pose_metrics(pose, FPS, truth_of(dancing()), ENERGY)
    assert result["energy_slow_ra"] == pytest.approx(1.0)
    assert result["energy_slow_la"] < 0.8
    parts = [result[f"energy_slow_{part}"] for part in ("to", "la", "ra", "ll", "rl")]
    assert result["energy_slow"] == pytest.approx(np.mean(parts))


def test_mean_over_the_videos_that_have_a_metric():
    assert pose_accuracy.mean([{"a": 1.0, "b": 4.0}, {"a": 3.0}]) == {"a": 2.0, "b": 4.0}


def test_truth_file(tmp_path):
    arrays = {"joints3d": dancing(), "joints2d": standing(), "beats": [0.5, 1.0, 4.99, 5.0, 6.0], "fps": 30}
    np.savez(tmp_path / "v1.npz", **arrays)
    truth = read_truth(tmp_path, "v1")
    np.testing.assert_allclose(truth.beats_between(1.0, 6.0), [0.0, 3.99, 4.0])
    assert read_truth(tmp_path, "v2") is None and truth.strength is None
    for strength in (0.0, 0.25, np.float32(1)):
        np.savez(tmp_path / "v4.npz", **arrays, strength=strength)
        assert read_truth(tmp_path, "v4").strength == strength
    for strength in (np.nan, 1.5, -0.1):
        np.savez(tmp_path / "v4.npz", **arrays, strength=strength)
        with pytest.raises(
            ValueError, match=rf"v4.npz: strength is {strength:g}; give a number from 0 \(weakest\) to 1"
        ):
            read_truth(tmp_path, "v4")
    np.savez(tmp_path / "v3.npz", fps=30)
    with pytest.raises(ValueError, match=r"v3.npz has no array beats, joints2d, joints3d"):
        read_truth(tmp_path, "v3")
