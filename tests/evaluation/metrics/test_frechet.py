"""The Fréchet distance against closed forms for Gaussians, SciPy's matrix root, and its own properties."""

import dataclasses
import time

import numpy as np
import pytest
import scipy.linalg

from pace.evaluation.metrics import frechet


def with_moments(mean, covariance, n, seed=0):
    """n embeddings whose sample mean and covariance (ddof 1) are exactly these."""
    white = np.random.default_rng(seed).normal(size=(n, len(mean)))
    white -= white.mean(axis=0)
    white = white @ np.linalg.inv(np.linalg.cholesky(np.cov(white, rowvar=False)).T)
    return white @ np.linalg.cholesky(np.asarray(covariance, float)).T + mean


def by_sqrtm(a, b):
    root = scipy.linalg.sqrtm(np.cov(a, rowvar=False) @ np.cov(b, rowvar=False))
    traces = np.trace(np.cov(a, rowvar=False)) + np.trace(np.cov(b, rowvar=False))
    return ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum() + traces - 2 * np.trace(root).real


def mixed(n, d, seed, scale=1.0, shift=0.0):
    rng = np.random.default_rng(seed)
    return scale * rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) / np.sqrt(d) + shift


def clips(points, rows=1):
    """Clips of `rows` rows each."""
    return list(points.reshape(-1, rows, points.shape[-1]))


def alike(clips, rows, d, seed, share=0.9, scale=1.0):
    """Clips whose rows are alike: `share` of their variance is between clips."""
    rng = np.random.default_rng(seed)
    return scale * (
        np.sqrt(share) * rng.normal(size=(clips, 1, d)) + np.sqrt(1 - share) * rng.normal(size=(clips, rows, d))
    )


def test_shifted_gaussians_differ_by_the_squared_distance_of_their_means():
    covariance = [[2.0, 0.5, 0.0], [0.5, 1.0, 0.3], [0.0, 0.3, 0.7]]
    a = with_moments([0, 0, 0], covariance, 50, seed=1)
    b = with_moments([1, -2, 0.5], covariance, 80, seed=2)
    assert frechet.frechet(a, b) == pytest.approx(1 + 4 + 0.25, rel=1e-9)


def test_diagonal_gaussians_differ_by_their_deviations():
    a = with_moments([0, 0, 3], np.diag([4.0, 1.0, 9.0]), 40, seed=1)
    b = with_moments([0, 1, 3], np.diag([1.0, 0.25, 16.0]), 60, seed=2)
    assert frechet.frechet(a, b) == pytest.approx(1 + (2 - 1) ** 2 + (1 - 0.5) ** 2 + (3 - 4) ** 2, rel=1e-9)


def test_rotated_covariances_by_hand():
    """Deviations (2, 1) along the axes against (1, 2): the root of the product of commuting covariances is 2 I."""
    a, b = with_moments([0, 0], np.diag([4.0, 1.0]), 30), with_moments([0, 0], np.diag([1.0, 4.0]), 30, seed=3)
    assert frechet.frechet(a, b) == pytest.approx(5 + 5 - 2 * 4, rel=1e-9)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    assert frechet.frechet(a @ turn, b @ turn) == pytest.approx(2, rel=1e-9)


@pytest.mark.parametrize(("n", "m", "d"), [(200, 150, 12), (300, 100, 64), (65, 400, 64)])
def test_agrees_with_the_matrix_root_of_scipy(n, m, d):
    a, b = mixed(n, d, 1), mixed(m, d, 2, scale=1.5, shift=0.3)
    assert frechet.frechet(a, b) == pytest.approx(by_sqrtm(a, b), rel=1e-6)


def test_fewer_rows_than_dimensions():
    """n < d: the same points, embedded in more dimensions by a rotation, keep their distance."""
    a, b = mixed(20, 8, 1), mixed(15, 8, 2, shift=1.0)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(300, 300)))[0][:8]
    assert frechet.frechet(a @ turn, b @ turn) == pytest.approx(by_sqrtm(a, b), rel=1e-6)
    flat = mixed(5, 300, 3)
    assert frechet.frechet(flat, flat + 0.1) == pytest.approx(300 * 0.01, rel=1e-9)


@pytest.mark.long
def test_symmetric_zero_for_itself_and_never_negative():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        n, m, d = rng.integers(2, 60), rng.integers(2, 60), rng.integers(1, 80)
        a, b = mixed(n, d, seed), mixed(m, d, seed + 100, scale=rng.uniform(0, 2))
        assert frechet.frechet(a, b) == pytest.approx(frechet.frechet(b, a), rel=1e-9)
        assert frechet.frechet(a, b) > 0
        assert 0 <= frechet.frechet(a, a) < 1e-9 * (1 + (a**2).sum())
        assert frechet.estimate(clips(a), clips(a)).values == pytest.approx(
            {"fad": 0, "fad_inf": 0} if n >= 16 else {"fad": 0}, abs=1e-9 * (1 + (a**2).sum())
        )


def test_order_of_the_rows_changes_nothing():
    a, b = mixed(90, 20, 1), mixed(70, 20, 2, shift=0.5)
    shuffled = np.random.default_rng(0).permutation(a)
    assert frechet.frechet(shuffled, b) == pytest.approx(frechet.frechet(a, b), rel=1e-12)
    assert frechet.pooled(shuffled, b) == pytest.approx(frechet.pooled(a, b), rel=1e-12)


def test_2048_dimensions_take_a_moment():
    a, b = (np.random.default_rng(seed).normal(size=(234, 2048)) for seed in (0, 1))
    start = time.process_time()
    frechet.frechet(a, b)
    assert time.process_time() - start < 2  # scipy's sqrtm takes 6 s and more


def test_infinity_has_less_bias_on_a_known_pair():
    """For two Gaussians of known distance, FAD is too large by c/n, and FAD-infinity hardly at all."""
    d, true = 16, 16 * (1.2 - 1) ** 2 + 0.5**2
    plain, extrapolated = [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        a, b = rng.normal(size=(200, d)), 1.2 * rng.normal(size=(200, d))
        b[:, 0] += 0.5
        values = frechet.estimate(clips(a), clips(b)).values
        plain.append(values["fad"] - true)
        extrapolated.append(values["fad_inf"] - true)
    assert np.mean(plain) > 0.3
    assert abs(np.mean(extrapolated)) < 0.25 * np.mean(plain)


def test_infinity_removes_the_bias_of_rows_that_are_alike():
    """40 clips of five similar rows, true distance 0: thinning the 200 rows would leave four fifths of the bias."""
    estimates = [frechet.estimate(alike(40, 5, 38, 2 * i), alike(40, 5, 38, 2 * i + 1)).values for i in range(3)]
    fad = np.mean([values["fad"] for values in estimates])
    assert fad > 14
    assert np.mean([abs(values["fad_inf"]) for values in estimates]) < 0.45 * fad


def test_infinity_halves_the_sources_not_their_clips():
    """FAD-infinity treats similar clips of one song like similar rows of one clip."""
    a, b = alike(40, 5, 12, 1), alike(40, 5, 12, 2)
    songs = [f"song {i // 5}" for i in range(200)]
    by_clip = frechet.estimate(a, b)
    by_song = frechet.estimate(clips(a, 1), clips(b, 1), songs)
    blind = frechet.estimate(clips(a, 1), clips(b, 1))
    assert by_clip.values["fad"] == by_song.values["fad"] == blind.values["fad"]
    assert by_song.values["fad_inf"] == pytest.approx(by_clip.values["fad_inf"], rel=0.25)
    assert by_song.values["fad_inf"] < 0.5 * blind.values["fad_inf"]


def test_infinity_agrees_with_halves_taken_by_hand():
    a, b = mixed(16, 3, 1), mixed(16, 3, 2)
    rng = np.random.default_rng(0)
    halves = []
    for _ in range(4):
        half = rng.permutation(16) % 2 == 0
        halves += [frechet.frechet(a[half], b[half]), frechet.frechet(a[~half], b[~half])]
    expected = 2 * frechet.frechet(a, b) - np.mean(halves)
    assert frechet.estimate(clips(a), clips(b)).values["fad_inf"] == pytest.approx(expected, rel=1e-9)


def test_estimates_are_symmetric_depend_on_the_seed_and_need_enough_sources():
    a, b = mixed(64, 6, 1), mixed(64, 6, 2)
    one, other = frechet.estimate(clips(a, 2), clips(b, 2)), frechet.estimate(clips(b, 2), clips(a, 2))
    assert one.values == pytest.approx(other.values, rel=1e-9)
    assert one.values == frechet.estimate(clips(a, 2), clips(b, 2)).values
    assert one.values["fad_inf"] != frechet.estimate(clips(a, 2), clips(b, 2), seed=1).values["fad_inf"]
    assert set(frechet.estimate(clips(a, 2), clips(b, 2), [i % 15 for i in range(32)]).values) == {"fad"}
    assert set(frechet.estimate(clips(a, 2), clips(b, 2), [i % 16 for i in range(32)]).values) == {"fad", "fad_inf"}


def test_order_of_the_clips_changes_no_estimate():
    a, b = alike(30, 2, 5, 1), alike(30, 3, 5, 2)
    songs, order = [f"song {i % 20}" for i in range(30)], np.random.default_rng(0).permutation(30)
    one, other = frechet.estimate(a, b, songs), frechet.estimate(a[order], b[order], [songs[i] for i in order])
    assert one.values == pytest.approx(other.values, rel=1e-9)
    assert one.intervals()["fad_inf"] == pytest.approx(other.intervals()["fad_inf"], rel=1e-6)


def test_pairs_stay_pairs_in_the_subsets():
    """With a constant shift of every row, each pair of subsets has the distance of the whole, and so has the result."""
    a = mixed(60, 10, 1)
    estimate = frechet.estimate(clips(a), clips(a + 0.5))
    assert estimate.values == pytest.approx({"fad": 2.5, "fad_inf": 2.5}, rel=1e-9)
    assert estimate.intervals()["fad"] == pytest.approx((2.5, 2.5), rel=1e-9)


def test_fewer_rows_than_dimensions_are_left_out_exactly():
    """The coordinates of their span, used for speed, give the same figures."""
    a, b = mixed(20, 300, 1), mixed(20, 300, 2, shift=0.1)
    estimate = frechet.estimate(clips(a), clips(b))
    assert estimate.values["fad"] == pytest.approx(frechet.frechet(a, b), rel=1e-9)
    without = [frechet.frechet(np.delete(a, i, axis=0), np.delete(b, i, axis=0)) for i in range(20)]
    assert sorted(estimate.left_out["fad"]) == pytest.approx(sorted(without), rel=1e-9)


@pytest.mark.parametrize("count", [3, 4])
def test_few_sources_have_no_interval(count):
    a, b = alike(12, 2, 3, 1), alike(12, 2, 3, 2)
    estimate = frechet.estimate(a, b, [i % count for i in range(12)])
    assert set(estimate.intervals()) == ({"fad"} if count == 4 else set())
    assert estimate.values["fad"] == frechet.frechet(a.reshape(-1, 3), b.reshape(-1, 3))


@pytest.mark.long
def test_intervals_cover_the_expected_distance():
    """Including its bias: the mean over data sets of one size is in nearly all intervals, which are not wide."""
    estimates = [frechet.estimate(alike(30, 3, 6, 2 * i), alike(30, 3, 6, 2 * i + 1, scale=1.3)) for i in range(60)]
    for figure in ("fad", "fad_inf"):
        values = np.array([estimate.values[figure] for estimate in estimates])
        limits = np.array([estimate.intervals()[figure] for estimate in estimates])
        covered = (limits[:, 0] <= values.mean()) & (values.mean() <= limits[:, 1])
        assert covered.mean() >= 0.9
        assert np.diff(limits).mean() < 3 * 2 * 1.96 * values.std()


def test_an_interval_never_goes_below_zero():
    limits = [frechet.estimate(alike(5, 1, 1, i), alike(5, 1, 1, i + 50)).intervals()["fad"] for i in range(20)]
    assert min(low for low, _ in limits) == 0.0


def test_differences_of_distances_are_paired():
    """Two systems differ from the truth by nearly the same noise: their difference is more certain than either."""
    truth, noise = alike(40, 2, 6, 1), alike(40, 2, 6, 2, scale=1.0)
    near, far = frechet.estimate(truth, truth + noise), frechet.estimate(truth, truth + 1.05 * noise)
    difference = far.minus(near)["fad"]
    assert difference.value == pytest.approx(far.values["fad"] - near.values["fad"])
    assert 0 < difference.low < difference.value < difference.high
    assert difference.p < 0.001
    low, high = near.intervals()["fad"]
    assert low < far.values["fad"] < high  # the values alone would not tell them apart
    same = near.minus(near)
    assert {dataclasses.astuple(difference) for difference in same.values()} == {(0.0, 0.0, 0.0, 1.0)}


def test_different_clips_in_reference_and_generated_are_an_error():
    with pytest.raises(
        ValueError, match="4 clips in the reference, 3 generated, 3 sources: give the same clips and a source for each"
    ):
        frechet.estimate(np.zeros((4, 2, 3)), np.zeros((3, 2, 3)))
    with pytest.raises(ValueError, match="embeddings of 3 and 5 numbers"):
        frechet.estimate(np.zeros((4, 2, 3)), np.zeros((4, 2, 5)))


def test_pooled_is_the_distance_of_two_numbers_and_blind_to_the_dimensions():
    a = np.random.default_rng(0).normal(size=(40, 2048)) * np.linspace(0.1, 3, 2048)
    b = a[:, ::-1] + 0.25
    flat_a, flat_b = a.ravel(), b.ravel()
    expected = (flat_a.mean() - flat_b.mean()) ** 2 + (flat_a.std(ddof=1) - flat_b.std(ddof=1)) ** 2
    assert frechet.pooled(a, b) == pytest.approx(expected, rel=1e-9)
    assert frechet.pooled(a, b) == pytest.approx(0.25**2, rel=1e-6)
    assert frechet.frechet(a, b) > 1000 * frechet.pooled(a, b)


def test_rank_warning():
    assert frechet.rank_warning(200, 129, 128) is None
    assert frechet.rank_warning(40, 8, 2048) == (
        "n = 40 rows of 8 clips, not above d = 2048: the covariance has rank 39 and the distance is mostly bias"
    )
    assert frechet.rank_warning(128, 128, 128).endswith("rank 127 and the distance is mostly bias")
    assert frechet.rank_warning(200, 20, 38) == (
        "n = 200 rows, but of 20 clips, not above d = 38: "
        "rows of one clip are alike, and much of the distance may be bias"
    )


@pytest.mark.parametrize(
    ("a", "message"),
    [
        (np.zeros((1, 4)), r"shape \(1, 4\); a Gaussian needs \(n,d\) with two rows or more"),
        (np.zeros(4), r"shape \(4,\)"),
        (np.array([[0.0, np.nan], [1, 2], [np.inf, 0]]), "2 embeddings hold NaN or infinity"),
        (np.zeros((3, 5)), "embeddings of 5 and 4 numbers: give two sets of one network"),
    ],
)
def test_an_invalid_set_of_embeddings_is_named(a, message):
    with pytest.raises(ValueError, match=message):
        frechet.frechet(a, np.zeros((3, 4)))
