"""Holm's correction, by hand and on random numbers."""

import numpy as np
import pytest

from pace.evaluation.metrics.holm import holm


@pytest.mark.parametrize(
    ("p", "corrected"),
    [
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),  # 4 x .005, 3 x .01, 2 x .03, then 1 x .04 < .06
        ([0.01, 0.02, 0.03, 0.04, 0.05], [0.05, 0.08, 0.09, 0.09, 0.09]),
        ([0.4, 0.01, 0.6], [0.8, 0.03, 0.8]),
        ([0.9, 0.6], [1.0, 1.0]),
        ([0.02, 0.02], [0.04, 0.04]),
        ([0.0, 1.0], [0.0, 1.0]),
        ([0.03], [0.03]),
        ([], []),
    ],
)
def test_by_hand(p, corrected):
    assert holm(p) == pytest.approx(corrected)


def test_without_a_difference_one_family_in_twenty_has_a_value_below_5_percent():
    rng = np.random.default_rng(0)
    families = np.array([holm(p).min() for p in rng.random((4000, 10))])
    assert 0.04 < (families <= 0.05).mean() < 0.06
    shared = np.array([holm(np.full(10, p)).min() for p in rng.random(4000)])  # comparisons that are all the same
    assert (shared <= 0.05).mean() < 0.05


@pytest.mark.parametrize("p", [[0.1, np.nan], [1.1], [-0.1], [[0.1]]])
def test_other_values_are_refused(p):
    with pytest.raises(ValueError, match="p-values"):
        holm(p)
