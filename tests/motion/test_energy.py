"""The filters at known frequencies, energies in closed form."""

import numpy as np
import pytest

from pace.motion import energy
from pace.motion.energy import EnergyParams, energies, lowpass, part_energies

FPS = 30.0
PARAMS = EnergyParams(smooth_hz=6.0, split_hz=1.2, order=2, masses="unit", root="keep")


def sine(hz, seconds=60.0, fps=FPS):
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * fps)) / fps)


def gain(hz, cutoff, order, fps=FPS):
    """Amplitude of a filtered sine away from the ends over that of the sine."""
    x = sine(hz, fps=fps)
    middle = slice(len(x) // 3, 2 * len(x) // 3)
    y = lowpass(x, fps, cutoff, order)[middle]
    return np.vdot(y, x[middle]) / np.vdot(x[middle], x[middle])


def standing(frames):
    """A still pose (N,17,3) with a torso of length 2."""
    pose = np.zeros((frames, 17, 3))
    pose[:, 8, 1] = -2.0
    return pose


@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize(("cutoff", "fps"), [(1.2, 30.0), (6.0, 30.0), (1.2, 25.0), (6.0, 60.0)])
def test_half_power_lies_at_the_cutoff(cutoff, fps, order):
    assert 20 * np.log10(gain(cutoff, cutoff, order, fps)) == pytest.approx(20 * np.log10(0.5**0.5), abs=1e-3)


@pytest.mark.parametrize("hz", [0.4, 2.5])
def test_response_is_the_squared_butterworth(hz):
    # Two passes of order 2 in the prewarped frequency, corrected so that the product is 1/sqrt(2) at the cutoff.
    ratio = np.tan(np.pi * hz / FPS) / np.tan(np.pi * 1.2 / FPS)
    assert gain(hz, 1.2, 2) == pytest.approx(1 / (1 + (2**0.5 - 1) * ratio**4), abs=1e-4)


def test_no_phase_shift():
    x = sine(1.2)
    y = lowpass(x, FPS, 1.2, 2)
    middle = slice(600, 1200)
    assert abs(np.vdot(y[middle], -np.gradient(x)[middle])) < 1e-3 * np.vdot(y[middle], x[middle])


def test_ends_are_filtered_as_if_the_track_went_on():
    # The padding of nine frames that SciPy takes by default leaves an error of 0.02 here.
    t = np.arange(-600, 900) / FPS
    whole = np.sin(2 * np.pi * 0.5 * t)
    expected = lowpass(whole, FPS, 1.2, 2)[600:]
    np.testing.assert_allclose(lowpass(whole[600:], FPS, 1.2, 2)[:450], expected[:450], atol=0.006)


def test_energy_of_a_sinusoid():
    # A wrist of mass m at a sin(wt): 1/2 m a^2 w^2 cos^2(wt), with the sine of the step for the central difference.
    t = np.arange(900) / FPS
    track = standing(900)
    w, a = 2 * np.pi * 1.5, 0.3
    track[:, 13, 0] = a * np.sin(w * t)
    measured = part_energies(track, FPS, energy.MASSES["winter"])
    speed = a * np.sin(w / FPS) * FPS * np.cos(w * t)
    np.testing.assert_allclose(measured[1:-1, 1], 0.5 * 0.0150 * speed[1:-1] ** 2, rtol=1e-9, atol=1e-12)
    assert np.all(measured[:, [0, 2, 3, 4]] == 0)


@pytest.mark.parametrize(("joint", "part"), [(9, 0), (12, 1), (16, 2), (4, 3), (1, 4)])
def test_slow_and_fast_sines_go_to_their_bands(joint, part):
    for hz, loud, quiet in ((0.3, 0, 1), (4.0, 1, 0)):
        pose = standing(1800)
        pose[:, joint, 2] = sine(hz)
        bands = [band[450:1350].mean(axis=0) for band in energies(pose, FPS, PARAMS)]
        assert bands[loud][part] > 50 * bands[quiet][part]
        assert np.argmax(bands[loud]) == part
        # In torso lengths: the amplitude 1 is half a torso.
        through = 1 / (1 + (2**0.5 - 1) * (np.tan(np.pi * hz / FPS) / np.tan(np.pi * 6 / FPS)) ** 4)
        split = 1 / (1 + (2**0.5 - 1) * (np.tan(np.pi * hz / FPS) / np.tan(np.pi * 1.2 / FPS)) ** 4)
        amplitude = 0.5 * through * (split if loud == 0 else 1 - split)
        speed = amplitude * np.sin(2 * np.pi * hz / FPS) * FPS
        assert bands[loud][part] == pytest.approx(0.25 * speed**2, rel=5e-3)


def test_bands_are_complementary():
    # Of motion along a line the square roots of the energies are speeds: with signs they sum to the smoothed track's.
    rng = np.random.default_rng(0)
    track = lowpass(rng.normal(size=(600, 17, 3)), FPS, 6.0, 2)
    slow = lowpass(track, FPS, 1.2, 2)
    pose = standing(600)
    pose[:, 13] = rng.normal(size=(600, 3)).cumsum(axis=0) * 0.05
    s, f = energies(pose, FPS, PARAMS)
    smooth = lowpass(pose / 2.0, FPS, 6.0, 2)
    total = part_energies(smooth, FPS, np.ones(17))
    low = lowpass(smooth, FPS, 1.2, 2)
    cross = np.einsum("nc,nc->n", np.gradient(low[:, 13], axis=0), np.gradient((smooth - low)[:, 13], axis=0)) * FPS**2
    np.testing.assert_allclose(s[:, 1] + f[:, 1] + cross, total[:, 1], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(slow + (track - slow), track, atol=1e-12)


def test_scale_and_frame_rate_cancel():
    t30, t60 = np.arange(600) / 30, np.arange(1200) / 60
    tracks = []
    for t, size in ((t30, 1.0), (t60, 7.0)):
        pose = standing(len(t))
        pose[:, 3, 1] = np.sin(2 * np.pi * 0.8 * t)
        tracks.append(np.stack(energies(pose * size, 1 / (t[1] - t[0]), PARAMS))[:, :, 4])
    np.testing.assert_allclose(tracks[0][:, 100:500], tracks[1][:, ::2][:, 100:500], rtol=0.02, atol=2e-3)


def test_root_path():
    pose = standing(300)
    pose[..., 0] += sine(0.5, 10.0)[:, None]
    keep, _ = energies(pose, FPS, PARAMS)
    removed, _ = energies(pose, FPS, EnergyParams(6.0, 1.2, 2, "unit", "remove"))
    assert keep[100:200].mean() > 0.1
    assert np.abs(removed).max() < 1e-20


def test_winter_masses_are_those_of_one_body():
    assert energy.MASSES["winter"].sum() == pytest.approx(1.0, abs=1e-9)
    assert energy.MASSES["winter"][[3, 6]] == pytest.approx(0.0370)


def test_errors_say_what_is_wrong():
    with pytest.raises(ValueError, match=r"track of 9 frames.*at least 10"):
        energies(standing(9), FPS, PARAMS)
    assert energies(standing(10), FPS, PARAMS)[0].shape == (10, 5)
    with pytest.raises(ValueError, match="6 Hz needs over 12 frames/s; the track has 10"):
        energies(standing(100), 10.0, PARAMS)
    with pytest.raises(ValueError, match="torso has length 0"):
        energies(np.zeros((100, 17, 3)), FPS, PARAMS)
    with pytest.raises(ValueError, match="split_hz"):
        energies(standing(100), FPS, EnergyParams(1.0, 1.2, 2, "unit", "keep"))


def test_file_contract(tmp_path):
    import pandas as pd

    pose = standing(120).astype(np.float32)
    pose[:, 13, 0] = sine(2.0, 4.0)
    np.savez(tmp_path / "v.npz", pose=pose, fps=np.float32(30))
    energy.energy_video(PARAMS, "v", (tmp_path / "v.npz",), tmp_path)
    table = pd.read_parquet(tmp_path / "energy.parquet")
    parts = ["to", "la", "ra", "ll", "rl"]
    assert list(table) == ["frame", "time_s", *(f"slow_{p}" for p in parts), *(f"fast_{p}" for p in parts)]
    assert table.time_s[45] == 1.5
    assert (table.dtypes.iloc[2:] == np.float32).all()
    np.testing.assert_allclose(table.fast_la, energies(pose, 30.0, PARAMS)[1][:, 1], rtol=1e-6)


@pytest.mark.parametrize(("bad", "message"), [(np.nan, "NaN or infinity in 1 of 90"), (np.inf, "in 1 of 90")])
def test_a_pose_that_is_not_finite_is_named(tmp_path, bad, message):
    pose = np.random.default_rng(0).normal(size=(90, 17, 3))
    pose[4, 2, 1] = bad
    np.savez(tmp_path / "v.npz", pose=pose, fps=30.0)
    with pytest.raises(ValueError, match=f"video v: frames of the pose: .*{message}; look at the video's keypoints"):
        energy.energy_video(PARAMS, "v", (tmp_path / "v.npz",), tmp_path)
    assert not (tmp_path / "energy.parquet").exists()


def test_what_is_not_seen_does_not_move():
    """A leg invented outside the picture, and a gap between two places: no energy, and the rest as without them."""
    rng = np.random.default_rng(3)
    dance = standing(300) + 0.2 * lowpass(rng.normal(size=(300, 17, 3)), FPS, 4.0, 2)
    slow, fast = energies(dance, FPS, PARAMS)
    wild = dance.copy()
    wild[:, [5, 6]] += 3 * rng.normal(size=(300, 2, 3))
    seen = np.ones((300, 17), np.float32)
    assert all(np.array_equal(a, b) for a, b in zip(energies(dance, FPS, PARAMS, seen), (slow, fast), strict=True))
    seen[:, [5, 6]] = 0
    for whole, part in zip((slow, fast), energies(wild, FPS, PARAMS, seen), strict=True):
        np.testing.assert_allclose(part[:, [0, 1, 2, 4]], whole[:, [0, 1, 2, 4]])
        assert (part[:, 3] <= whole[:, 3]).all() and part[:, 3].mean() < 0.5 * whole[:, 3].mean()  # of the hip alone
    torn = dance.copy()
    torn[200:] += [20, 0, 0]
    torn[140:200] = np.linspace(torn[139], torn[200], 62)[1:-1]
    seen = np.ones((300, 17), np.float32)
    seen[140:200] = 0
    before, after = energies(torn, FPS, PARAMS), energies(torn, FPS, PARAMS, seen)
    for whole, burst, still in zip((slow, fast), before, after, strict=True):
        usual = np.median(whole)
        assert burst[135:205].max() > 5 * usual
        assert still[145:195].max() < 0.5 * usual
        assert still[20:280].max() < 1.5 * whole[20:280].max()


def test_the_torso_is_measured_where_it_is_seen():
    pose = standing(90)
    pose[:60, 8, 1] = -5.0
    seen = np.ones((90, 17))
    assert energy.torso_length(pose, seen) == 5.0
    seen[:60, 0] = 0
    assert energy.torso_length(pose, seen) == 2.0
    assert energy.torso_length(pose, 0 * seen) == 5.0
