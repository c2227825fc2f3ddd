"""The beat clock: counting, drift, and its inverse."""

import numpy as np
import pytest

from pace.synthetic.clock import Clock


def test_it_counts_the_beats_inside_a_video():
    clock = Clock(bpm=120.0, first_beat=1.2)
    assert clock.beats(2.0).tolist() == [-2, -1, 0, 1]
    np.testing.assert_allclose(clock.time(clock.beats(2.0)), [0.2, 0.7, 1.2, 1.7])


@pytest.mark.parametrize("turn", [0.0, 0.3, 0.9])
def test_the_tempo_drifts_within_its_bounds(turn):
    clock = Clock(120.0, 0.3, 0.06, turn)
    periods = np.diff(clock.time(np.arange(-40, 80)))
    assert periods.mean() == pytest.approx(0.5, rel=0.005)
    assert 0.055 < (periods / 0.5 - 1).max() <= 0.0601 and -0.0601 <= (periods / 0.5 - 1).min() < -0.055
    assert len(clock.beats(10.0)) in (19, 20, 21)
    times = clock.time(clock.beats(10.0))
    assert times[0] >= 0 and times[0] - periods.max() < 0 and times[-1] < 10 <= times[-1] + periods.max()


def test_position_is_the_inverse_of_time():
    clock = Clock(97.0, 1.1, 0.05, 0.4)
    beats = np.linspace(-20, 50, 301)
    np.testing.assert_allclose(clock.position(clock.time(beats)), beats, atol=1e-4)
    assert clock.position(np.array([])).shape == (0,)
