"""The grouped jackknife against the formulas for means."""

import numpy as np
import pytest
from scipy import stats

from pace.evaluation.metrics import jackknife


def without(values, blocks):
    return np.array([values[blocks != block].mean() for block in np.unique(blocks)])


def test_interval_of_a_mean_is_student_s():
    values = np.random.default_rng(0).normal(3, 2, 25)
    limits = jackknife.interval(values.mean(), without(values, jackknife.blocks(25)))
    expected = stats.t.interval(0.95, 24, values.mean(), stats.sem(values))
    assert limits == pytest.approx(expected, rel=1e-9)


def test_difference_of_means_is_the_paired_t_test():
    rng = np.random.default_rng(1)
    first = rng.normal(0, 2, 12)
    second = first + rng.normal(0.3, 0.5, 12)
    blocks = jackknife.blocks(12)
    result = jackknife.difference(first.mean(), second.mean(), without(first, blocks), without(second, blocks))
    expected = stats.ttest_rel(first, second)
    limits = expected.confidence_interval(0.95)
    assert (result.value, result.p) == pytest.approx(((first - second).mean(), expected.pvalue), rel=1e-9)
    assert (result.low, result.high) == pytest.approx((limits.low, limits.high), rel=1e-9)
    assert (result.p < 0.05) == (result.low > 0 or result.high < 0)


def test_a_constant_difference_has_p_0_and_no_difference_p_1():
    values = np.arange(5.0)
    assert jackknife.difference(3.0, 2.0, values + 1, values) == jackknife.Difference(1.0, 1.0, 1.0, 0.0)
    assert jackknife.difference(2.0, 2.0, values, values).p == 1.0


@pytest.mark.parametrize(("count", "expected"), [(3, 0), (4, 4), (40, 40), (41, 40), (400, 40)])
def test_there_are_at_most_forty_blocks_of_equal_size(count, expected):
    blocks = jackknife.blocks(count)
    sizes = np.bincount(blocks) if len(blocks) else []
    assert len(sizes) == expected
    assert len(blocks) == (count if expected else 0)
    assert not expected or max(sizes) - min(sizes) <= 1
    assert list(blocks) == list(jackknife.blocks(count))


def test_sources_are_numbered_by_name():
    codes, count = jackknife.source_numbers(["b", "a", "b", "c"])
    assert (codes.tolist(), count) == ([1, 0, 1, 2], 3)
