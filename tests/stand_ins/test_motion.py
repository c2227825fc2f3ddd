"""Tracks that the stand-in motion network trains on, its start and its scores."""

import numpy as np
import pytest
import torch
from torch import nn

from pace.motion.dstformer import DSTformer
from pace.stand_ins import detector_noise, motion
from pace.synthetic.camera import look, random_camera
from pace.synthetic.choreography import choreograph
from pace.synthetic.clock import Clock


def test_tracks_fit_the_scale_of_their_input(monkeypatch):
    # Without an estimator's errors and from so far that perspective vanishes, the keypoints are x and y of the pose.
    def far(rng, size, motion):
        return look(rng.uniform(-0.5, 0.5), 0.1, np.array([0, 0.9, 0]), 1000.0, 100.0 * size, size)

    def exact(points, rng):
        return np.pad(points, ((0, 0), (0, 0), (0, 1)), constant_values=1.0)

    monkeypatch.setattr(motion, "random_camera", far)
    monkeypatch.setattr(detector_noise, "detect", exact)
    tracks = motion.make_tracks(3, 2, 9.0, np.random.default_rng(0))
    assert tracks.keypoints.shape == tracks.pose.shape == tracks.whole.shape == (6, 270, 17, 3)
    flat = tracks.keypoints[..., :2] - tracks.keypoints[:, :, :1, :2]
    np.testing.assert_allclose(flat, tracks.pose[..., :2], atol=2e-3)
    np.testing.assert_allclose(tracks.whole[..., :2], tracks.keypoints[..., :2], atol=2e-3)
    np.testing.assert_array_equal(tracks.pose[:, :, 0], 0)


def test_detector_errors_have_the_size_of_an_estimators():
    rng = np.random.default_rng(0)
    errors, hidden = [], []
    for _ in range(20):
        motion = choreograph("pop", Clock(100.0, 0.2), 10.0, 30, rng).motion
        points = random_camera(rng, 256, motion).project(motion.joints)
        seen = detector_noise.detect(points, rng)
        height = np.median(np.ptp(points[..., 1], axis=1))
        errors.append(np.linalg.norm(seen[..., :2] - points, axis=-1)[seen[..., 2] > 0.5] / height)
        hidden.append((seen[..., 2] == 0).mean())
        np.testing.assert_allclose(seen[:, 8, :2], (seen[:, 11, :2] + seen[:, 14, :2]) / 2, atol=1e-3)
        assert 0 <= seen[..., 2].min() <= seen[..., 2].max() <= 1
    assert 0.008 < np.concatenate(errors).mean() < 0.025
    assert 0.005 < np.mean(hidden) < 0.08


def test_least_squares_finds_a_linear_map():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, 500, 6, generator=generator)
    weight, bias = torch.randn(3, 6, generator=generator), torch.randn(3, generator=generator)
    layer = nn.Linear(6, 3)
    with torch.no_grad():
        motion._least_squares(layer, [(part, part @ weight.T + bias) for part in x], ridge=1e-6)
    torch.testing.assert_close(layer.weight.data, weight, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(layer.bias.data, bias, atol=1e-4, rtol=1e-4)


def test_every_weight_is_trained_once():
    model = DSTformer(16, 2, depth=2)
    readouts = nn.ModuleList([nn.Linear(512, 18)])
    optimisers = motion._optimisers(model, readouts, 0.01)
    taken = [id(p) for optimiser in optimisers for group in optimiser.param_groups for p in group["params"]]
    assert sorted(taken) == sorted(id(p) for p in [*model.parameters(), *readouts.parameters()])


def test_scores_of_known_lifters():
    tracks = motion.make_tracks(2, 1, 9.0, np.random.default_rng(1))

    class Lifter(nn.Module):
        """Returns the pose that belongs to its keypoints; it recognises these by their first frame."""

        maxlen = 243

        def __init__(self, answers):
            super().__init__()
            self.answers = answers

        def forward(self, x):
            out = torch.zeros_like(x)
            for i, window in enumerate(x):
                for keypoints, pose in zip(tracks.keypoints, self.answers, strict=True):
                    for image, answer in ((keypoints, pose), (mirror(keypoints), mirror(pose))):
                        for start in (0, 27):
                            if np.array_equal(image[start : start + 243], window.numpy()):
                                out[i] = torch.from_numpy(answer[start : start + 243])
            return out

    def mirror(track):
        return motion.skeleton.flip(track)

    perfect = motion.evaluate(Lifter(tracks.pose), tracks, tracks)
    assert perfect["mpjpe"] < 1e-5
    assert perfect["ratio"] < 1e-4
    assert perfect["speed_correlation"] > 0.9999
    flat = motion.evaluate(Lifter(tracks.pose * np.float32([1, 1, 0])), tracks, tracks)
    depth = (np.abs(tracks.pose[..., 2]) / tracks.torso[:, None, None]).mean()
    np.testing.assert_allclose(flat["mpjpe"], depth, rtol=1e-4)
    assert flat["mpjpe"] < flat["mpjpe_zero_depth"]


@pytest.mark.slow
def test_training_is_seeded_and_improves_on_its_start():
    params = motion.PretrainMotionParams(
        dim_feat=16, mlp_ratio=2, dances=4, views=1, seconds=9.0, held_out=1,
        steps=4, frames_per_step=243, lr=0.01, seed=3,
    )  # fmt: skip
    tracks = motion.make_tracks(4, 1, 9.0, np.random.default_rng(2))
    first, second = (motion.train(params, tracks) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    scores = motion.evaluate(first, tracks, tracks)
    assert scores["mpjpe"] < scores["mpjpe_zero_depth"]
