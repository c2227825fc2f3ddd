"""The Frechet distance against closed forms of Gaussians, scipy's matrix root, and its own properties."""

import time

import numpy as np
import pytest
import scipy.linalg

from pace.evaluation import fad


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


def test_shifted_gaussians_differ_by_the_squared_distance_of_their_means():
    covariance = [[2.0, 0.5, 0.0], [0.5, 1.0, 0.3], [0.0, 0.3, 0.7]]
    a = with_moments([0, 0, 0], covariance, 50, seed=1)
    b = with_moments([1, -2, 0.5], covariance, 80, seed=2)
    assert fad.frechet(a, b) == pytest.approx(1 + 4 + 0.25, rel=1e-9)


def test_diagonal_gaussians_differ_by_their_deviations():
    a = with_moments([0, 0, 3], np.diag([4.0, 1.0, 9.0]), 40, seed=1)
    b = with_moments([0, 1, 3], np.diag([1.0, 0.25, 16.0]), 60, seed=2)
    assert fad.frechet(a, b) == pytest.approx(1 + (2 - 1) ** 2 + (1 - 0.5) ** 2 + (3 - 4) ** 2, rel=1e-9)


def test_rotated_covariances_by_hand():
    """Deviations (2, 1) along the axes against (1, 2): the root of the product of commuting covariances is 2 I."""
    a, b = with_moments([0, 0], np.diag([4.0, 1.0]), 30), with_moments([0, 0], np.diag([1.0, 4.0]), 30, seed=3)
    assert fad.frechet(a, b) == pytest.approx(5 + 5 - 2 * 4, rel=1e-9)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    assert fad.frechet(a @ turn, b @ turn) == pytest.approx(2, rel=1e-9)


@pytest.mark.parametrize(("n", "m", "d"), [(200, 150, 12), (300, 100, 64), (65, 400, 64)])
def test_agrees_with_the_matrix_root_of_scipy(n, m, d):
    a, b = mixed(n, d, 1), mixed(m, d, 2, scale=1.5, shift=0.3)
    assert fad.frechet(a, b) == pytest.approx(by_sqrtm(a, b), rel=1e-6)


def test_fewer_rows_than_dimensions():
    """n < d: the same points, embedded in more dimensions by a rotation, keep their distance."""
    a, b = mixed(20, 8, 1), mixed(15, 8, 2, shift=1.0)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(300, 300)))[0][:8]
    assert fad.frechet(a @ turn, b @ turn) == pytest.approx(by_sqrtm(a, b), rel=1e-6)
    flat = mixed(5, 300, 3)
    assert fad.frechet(flat, flat + 0.1) == pytest.approx(300 * 0.01, rel=1e-9)


def test_symmetric_zero_for_itself_and_never_negative():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        n, m, d = rng.integers(2, 60), rng.integers(2, 60), rng.integers(1, 80)
        a, b = mixed(n, d, seed), mixed(m, d, seed + 100, scale=rng.uniform(0, 2))
        assert fad.frechet(a, b) == pytest.approx(fad.frechet(b, a), rel=1e-9)
        assert fad.frechet(a, b) > 0
        assert 0 <= fad.frechet(a, a) < 1e-9 * (1 + (a**2).sum())
        assert fad.infinity(a, a) in (None, pytest.approx(0, abs=1e-9 * (1 + (a**2).sum())))


def test_order_of_the_rows_changes_nothing():
    a, b = mixed(90, 20, 1), mixed(70, 20, 2, shift=0.5)
    shuffled = np.random.default_rng(0).permutation(a)
    assert fad.frechet(shuffled, b) == pytest.approx(fad.frechet(a, b), rel=1e-12)
    assert fad.pooled(shuffled, b) == pytest.approx(fad.pooled(a, b), rel=1e-12)
    assert fad.infinity(shuffled, b) == pytest.approx(fad.infinity(a, b), rel=0.1)  # a draw of subsets, as a seed is


def test_2048_dimensions_take_a_moment():
    a, b = (np.random.default_rng(seed).normal(size=(234, 2048)) for seed in (0, 1))
    start = time.process_time()
    fad.frechet(a, b)
    assert time.process_time() - start < 2  # scipy's sqrtm takes 6 s and more


@pytest.mark.parametrize(("n", "m"), [(200, 200), (240, 120)])
def test_infinity_has_less_bias_on_a_known_pair(n, m):
    """Samples of two Gaussians whose distance is known: a plain FAD is too large by c/n, FAD-infinity hardly so."""
    d, true = 16, 16 * (1.2 - 1) ** 2 + 0.5**2
    plain, extrapolated = [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        a, b = rng.normal(size=(n, d)), 1.2 * rng.normal(size=(m, d))
        b[:, 0] += 0.5
        plain.append(fad.frechet(a, b) - true)
        extrapolated.append(fad.infinity(a, b) - true)
    assert np.mean(plain) > 0.3
    assert abs(np.mean(extrapolated)) < 0.25 * np.mean(plain)


def test_infinity_is_symmetric_needs_enough_rows_and_knows_its_seed():
    a, b = mixed(64, 6, 1), mixed(40, 6, 2)
    assert fad.infinity(a, b) == pytest.approx(fad.infinity(b, a), rel=1e-9)
    assert fad.infinity(a, b) == fad.infinity(a, b)
    assert fad.infinity(a, b) != fad.infinity(a, b, seed=1)
    assert fad.infinity(a, b[:31]) is None
    assert fad.infinity(a, b[:32]) is not None


def test_pairs_stay_pairs_in_the_subsets():
    """A constant shift of every row: each pair of subsets has the very distance of the whole, so has the result."""
    a = mixed(60, 10, 1)
    assert fad.infinity(a, a + 0.5) == pytest.approx(2.5, rel=1e-9)


def test_pooled_is_the_distance_of_two_numbers_and_blind_to_the_dimensions():
    a = np.random.default_rng(0).normal(size=(40, 2048)) * np.linspace(0.1, 3, 2048)
    b = a[:, ::-1] + 0.25
    flat_a, flat_b = a.ravel(), b.ravel()
    expected = (flat_a.mean() - flat_b.mean()) ** 2 + (flat_a.std(ddof=1) - flat_b.std(ddof=1)) ** 2
    assert fad.pooled(a, b) == pytest.approx(expected, rel=1e-9)
    assert fad.pooled(a, b) == pytest.approx(0.25**2, rel=1e-6)
    assert fad.frechet(a, b) > 1000 * fad.pooled(a, b)


def test_compare_always_says_n_and_d():
    a, b = mixed(64, 6, 1), mixed(40, 6, 2)
    found = fad.compare(a, b)
    assert found == {
        "fad": fad.frechet(a, b), "fad_inf": fad.infinity(a, b), "n": 40, "n_reference": 64, "d": 6,
    }  # fmt: skip
    assert set(fad.compare(a, b[:10])) == {"fad", "n", "n_reference", "d"}


def test_rank_warning():
    assert fad.rank_warning(129, 128) is None
    assert fad.rank_warning(40, 2048).startswith("n = 40 is not above d = 2048: the covariance has rank 39")
    assert fad.rank_warning(128, 128)


@pytest.mark.parametrize(
    ("a", "message"),
    [
        (np.zeros((1, 4)), r"shape \(1, 4\); a Gaussian needs \(n,d\) with two rows or more"),
        (np.zeros(4), r"shape \(4,\)"),
        (np.array([[0.0, np.nan], [1, 2], [np.inf, 0]]), "2 embeddings hold NaN or infinity"),
        (np.zeros((3, 5)), "embeddings of 5 and 4 numbers: give two sets of one network"),
    ],
)
def test_what_is_no_set_of_embeddings_is_named(a, message):
    with pytest.raises(ValueError, match=message):
        fad.frechet(a, np.zeros((3, 4)))
