"""Normalisation, windows, flip and root of the lifting, and that window borders make no accents."""

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.people import dancing
from safetensors.torch import save_file

from pace.motion import lifting
from pace.motion.dstformer import DSTformer
from pace.motion.energy import COLUMNS, EnergyParams, energies, energy_video
from pace.motion.lifting import LiftParams, in_windows, lift, normalise, window_starts
from pace.pose import framing, skeleton
from pace.pose import keypoints as keypoint_files


def random_network(seed=0):
    """Untrained. Its temporal embedding drifts over a window, so that windows disagree where they meet."""
    torch.manual_seed(seed)
    model = DSTformer(dim_feat=16, mlp_ratio=2, depth=2, dim_rep=32).eval().requires_grad_(False)
    for p in model.parameters():
        p.copy_(torch.randn(p.shape) * 0.3)
    model.temp_embed.copy_(torch.linspace(-0.5, 0.5, 243).view(1, -1, 1, 1) * torch.randn(16))
    return model


def smooth_keypoints(frames):
    """A body of 17 joints that sways in two seconds and less, with confidence 1."""
    t = np.arange(frames)[:, None] / 30
    joint = np.arange(17)[None, :]
    x = 0.1 * np.cos(joint) + 0.1 * np.sin(2 * np.pi * 0.8 * t + 0.3 * joint)
    y = 0.8 * np.sin(joint) + 0.1 * np.cos(2 * np.pi * 0.5 * t + 0.5 * joint)
    return np.stack([x, y, np.ones((frames, 17))], axis=-1).astype(np.float32)


def test_box_normalisation():
    points = np.full((2, 17, 3), 50.0)
    points[..., 2] = 0.9
    points[0, 3, :2], points[1, 4, :2] = (10, 20), (110, 60)  # a box of 100 x 40 about (60, 40)
    points[1, 9] = (500, 500, 0)  # missing: outside the box, clipped
    points[1, 10, 2] = 1.7
    out = normalise(points)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out[0, 3], (-1, -0.4, 0.9), atol=1e-6)
    np.testing.assert_allclose(out[1, 4], (1, 0.4, 0.9), atol=1e-6)
    np.testing.assert_allclose(out[0, 0, :2], (-0.2, 0.2), atol=1e-6)
    np.testing.assert_allclose(out[1, 9], (1, 1, 0))
    assert out[1, 10, 2] == 1


def test_pixel_normalisation():
    points = np.zeros((1, 17, 3))
    points[0, 2] = (640, 360, 0.5)
    points[0, 5] = (1280, 0, 1.5)
    out = normalise(points, "pixel", (1280, 720))
    np.testing.assert_allclose(out[0, 2], (0, 0, 0.5))
    np.testing.assert_allclose(out[0, 5], (640 / 360, -1, 1.5), rtol=1e-6)
    with pytest.raises(ValueError, match="frame size"):
        normalise(points, "pixel")


def test_nothing_to_normalise_gives_zeros():
    points = np.zeros((5, 17, 3))
    points[0, :3] = [(1, 2, 1), (3, 4, 1), (5, 6, 1)]
    assert not normalise(points).any()
    assert not normalise(np.ones((5, 17, 3))).any()
    points[:, :, :] = np.random.default_rng(0).random((5, 17, 3)) + 0.1
    points[2, 4, 0] = np.nan
    out = normalise(points)
    assert np.isfinite(out).all()
    assert out[2, 4, 2] == 0


@pytest.mark.parametrize(
    ("frames", "overlap", "starts"),
    [
        (100, 81, [0]), (243, 81, [0]), (244, 81, [0, 1]), (405, 81, [0, 162]), (406, 81, [0, 162, 163]),
        (500, 0, [0, 243, 486]), (486, 0, [0, 243]),
    ],
)  # fmt: skip
def test_window_starts(frames, overlap, starts):
    assert window_starts(frames, 243, overlap) == starts


def test_overlap_must_fit():
    with pytest.raises(ValueError, match="overlap 243"):
        window_starts(500, 243, 243)


@pytest.mark.parametrize("frames", [1, 50, 243, 300, 406, 700, 2500])
@pytest.mark.parametrize("overlap", [0, 1, 81, 200])
def test_windows_give_back_the_track(frames, overlap):
    track = torch.arange(frames * 6, dtype=torch.float64).view(frames, 2, 3)
    lengths = []

    def identity(x):
        lengths.extend([x.shape[1]] * len(x))
        return x

    torch.testing.assert_close(in_windows(identity, track, overlap), track)
    starts = window_starts(frames, 243, overlap)
    assert lengths == [min(243, frames - start) for start in starts]


def test_cross_fade_is_smooth():
    # Each window answers with its own number: from 0 to 1 by the minimum-jerk curve over the shared frames.
    numbers = iter(range(9))
    out = in_windows(lambda x: torch.stack([torch.full_like(w, next(numbers)) for w in x]), torch.zeros(30, 1), 4, 17)
    assert torch.equal(out[:13, 0], torch.zeros(13))
    np.testing.assert_allclose(out[13:17, 0], [0.05792, 0.31744, 0.68256, 0.94208], rtol=1e-5)
    assert torch.equal(out[17:, 0], torch.ones(13))


def test_no_overlap_is_the_plain_network():
    model, x = random_network(), smooth_keypoints(300)
    tensor = torch.from_numpy(x)
    expected = torch.cat([model(tensor[None, :243]), model(tensor[None, 243:])], dim=1)[0]
    expected[:, 0] = 0
    expected[..., :2] += tensor[:, :1, :2]
    np.testing.assert_allclose(lift(model, x, 0, False, "relative"), expected, atol=1e-5)


def test_flip_averaging():
    model, x = random_network(), smooth_keypoints(40)
    mirrored = skeleton.flip(x)
    assert mirrored[3, 4, 0] == -x[3, 1, 0]
    pose = lift(model, x, 81, True, "relative")
    np.testing.assert_allclose(lift(model, mirrored, 81, True, "relative"), skeleton.flip(pose), atol=1e-5)
    plain = [lift(model, k, 81, False, "relative") for k in (x, mirrored)]
    np.testing.assert_allclose(pose, (plain[0] + skeleton.flip(plain[1])) / 2, atol=1e-5)


def test_relative_root_follows_the_2d_path():
    x = smooth_keypoints(300)
    pose = lift(random_network(), x, 81, True, "relative")
    np.testing.assert_allclose(pose[:, 0, :2], x[:, 0, :2], atol=1e-6)
    assert np.abs(pose[:, 0, 2]).max() < 1e-7


def test_global_root_keeps_the_path_and_windows_continue_each_other():
    model, x = random_network(), smooth_keypoints(500)
    plain = lift(model, x, 0, False, "global")
    expected = model(torch.from_numpy(x[None, :243]))[0].numpy().copy()
    assert expected[0, 0, 2] != 0
    expected[0, 0, 2] = 0
    np.testing.assert_allclose(plain[:243], expected, atol=1e-5)

    # A network that walks away from the camera, from depth 0 in each window: the joined path must be straight.
    class Walker(torch.nn.Module):
        maxlen = 243

        def forward(self, x):
            out = torch.zeros_like(x)
            out[..., 2] = 0.01 * torch.arange(x.shape[1])[None, :, None]
            return out

    pose = lift(Walker(), x, 81, False, "global")
    np.testing.assert_allclose(pose[:, 0, 2], 0.01 * np.arange(500), atol=1e-4)


@pytest.mark.long
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_window_borders_make_no_accents(seed):
    model, x = random_network(seed=seed), smooth_keypoints(1200)
    settings = EnergyParams(smooth_hz=6.0, split_hz=1.2, order=2, masses="unit", root="keep")

    def loudest_border(overlap):
        """Highest energies within five frames of any window's edge over the highest elsewhere: slow, fast."""
        starts = window_starts(len(x), 243, overlap)
        edges = np.array([edge for s in starts for edge in (s, s + 243)])
        near = np.abs(np.arange(len(x))[:, None] - edges).min(axis=1) <= 5
        inside = (np.arange(len(x)) >= 30) & (np.arange(len(x)) < len(x) - 30)
        bands = [b.sum(axis=1) for b in energies(lift(model, x, overlap, True, "relative"), 30.0, settings)]
        return [band[near & inside].max() / band[~near & inside].max() for band in bands]

    assert loudest_border(0)[1] > 2  # the fault that the overlap mends
    assert max(loudest_border(81)) <= 1.05


def test_file_contract(tmp_path):
    torch.manual_seed(0)
    model = DSTformer(dim_feat=16, mlp_ratio=2, depth=1).eval()
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    rng = np.random.default_rng(0)
    halpe = (rng.random((20, 26, 3)) * [200, 100, 1]).astype(np.float32)
    np.savez(
        tmp_path / "v.npz", keypoints=halpe, layout="halpe26", fps=30.0, size=(256, 256), detected=np.ones(20, bool)
    )
    params = LiftParams(
        source="keypoints", weights="w.safetensors", normalise="bbox", overlap=81, flip=False, root="relative"
    )
    lifting.lift_video(params, "v", (tmp_path / "v.npz", tmp_path / "w.safetensors"), tmp_path)
    with np.load(tmp_path / "pose3d.npz") as file:
        assert file["pose"].dtype == np.float32
        assert float(file["fps"]) == 30.0
        expected = lift(model, normalise(skeleton.halpe26_to_h36m(halpe)), 81, False, "relative")
        np.testing.assert_allclose(file["pose"], expected, atol=1e-6)
    nobody = np.zeros(20, bool)
    np.savez(tmp_path / "empty.npz", keypoints=halpe * 0, layout="halpe26", fps=30.0, size=(256, 256), detected=nobody)
    with pytest.raises(ValueError, match=r"empty\.npz: fewer than four keypoints"):
        lifting.lift_video(params, "v", (tmp_path / "empty.npz", tmp_path / "w.safetensors"), tmp_path)


def test_a_lifted_pose_that_is_not_finite_is_named_and_not_written(tmp_path, monkeypatch):
    keypoints = np.random.default_rng(0).uniform(0, 256, (20, 17, 3)).astype(np.float32)
    arrays = {"keypoints": keypoints, "layout": "h36m", "fps": 30.0, "size": (256, 256), "detected": np.ones(20, bool)}
    np.savez(tmp_path / "v.npz", **arrays)
    monkeypatch.setattr(lifting, "load_cached", lambda path: None)
    monkeypatch.setattr(
        lifting, "lift", lambda model, track, *_: np.where(np.arange(20)[:, None, None] < 3, np.nan, track)
    )
    params = LiftParams(
        source="keypoints", weights="w.safetensors", normalise="bbox", overlap=81, flip=False, root="relative"
    )
    with pytest.raises(ValueError, match=r"w\.safetensors: frames lifted for video v: NaN or infinity in 3 of 20"):
        lifting.lift_video(params, "v", (tmp_path / "v.npz", tmp_path / "w.safetensors"), tmp_path)
    assert not (tmp_path / "pose3d.npz").exists()


def test_legs_outside_the_picture_give_no_energy(tmp_path, monkeypatch):
    """A dancer filmed down to the hips, with legs invented below; the lifting itself is replaced by z = 0."""
    points = dancing(150, 128, 20, 340)
    legs = [
        i for i, name in enumerate(skeleton.HALPE26) if any(part in name for part in ("knee", "ankle", "toe", "heel"))
    ]
    points[:, legs, :2] += [0, 100] + 20 * np.random.default_rng(0).normal(size=(150, len(legs), 2))
    monkeypatch.setattr(lifting, "load_cached", lambda _: None)
    monkeypatch.setattr(lifting, "lift", lambda _, track, *__: np.dstack([track[..., :2], 0 * track[..., 0]]))
    params = LiftParams(source="keypoints", weights="w", normalise="bbox", overlap=81, flip=True, root="relative")
    settings = EnergyParams(smooth_hz=6.0, split_hz=1.2, order=2, masses="winter", root="keep")
    tables = {}
    for name, height in (("whole", 600), ("half", 246)):
        dancer = keypoint_files.Keypoints(points, "halpe26", 30.0, (256, height), np.ones(150, bool))
        framing.dim_outside(dancer, name).save(tmp_path / f"{name}.npz")
        lifting.lift_video(params, name, (tmp_path / f"{name}.npz", tmp_path / "w"), tmp_path)
        energy_video(settings, name, (tmp_path / "pose3d.npz",), tmp_path)
        tables[name] = pd.read_parquet(tmp_path / "energy.parquet")
        with np.load(tmp_path / "pose3d.npz") as file:
            seen = file["seen"]
        assert seen.shape == (150, 17) and seen.dtype == np.float32
        assert (seen[:, [2, 3, 5, 6]] == (name == "whole")).all() and (seen[:, [0, 1, 4, 8, 11, 13]] == 1).all()
    for column in COLUMNS:
        whole, half = tables["whole"][column], tables["half"][column]
        if column.startswith("fast_") and column.endswith("l"):
            assert half.mean() < 0.01 * whole.mean()
        elif not column.endswith("l"):
            np.testing.assert_array_equal(half, whole)
