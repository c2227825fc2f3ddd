"""The schedule: a linear warm-up, then each kind of decay."""

import pytest

from pace.training.learning_rate import DECAYS, learning_rate


def test_learning_rate_rises_then_falls_to_the_last_step():
    rates = [learning_rate(step, 1.0, 4, 12) for step in range(12)]
    assert rates[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert rates[8] == 0.5 and rates[-1] == 0.125
    assert learning_rate(0, 1.0, 0, 2) == 1.0


def test_each_decay_by_hand():
    """Warm-up over 10 of 110 steps to 1; then a quarter and a half of the way to the end, and the last step."""
    assert learning_rate(0, 1.0, 10, 110) == pytest.approx(0.1) and learning_rate(9, 1.0, 10, 110) == 1.0
    expected = {"linear": (0.75, 0.5, 0.01), "cosine": (0.853553, 0.5, 0.00024672), "constant": (1.0, 1.0, 1.0)}
    assert set(expected) == set(DECAYS)
    for decay, rates in expected.items():
        for step, rate in zip((35, 60, 109), rates, strict=True):
            assert learning_rate(step, 1.0, 10, 110, decay) == pytest.approx(rate, rel=1e-5)


def test_the_peak_scales_the_whole_schedule():
    for step in (0, 5, 60):
        assert learning_rate(step, 3e-4, 10, 110) == pytest.approx(3e-4 * learning_rate(step, 1.0, 10, 110))


def test_a_warm_up_as_long_as_the_training_never_divides_by_zero():
    assert [learning_rate(step, 1.0, 4, 4) for step in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
