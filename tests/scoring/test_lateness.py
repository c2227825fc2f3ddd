"""A constant lateness is found to a few milliseconds in music that corresponds, and in no other."""

import numpy as np
import pytest

from pace.scoring.lateness import agreement, matched_differences, measure

HOP = 512 / 22050  # seconds: what the onset detector rounds to


def rhythm(seed, seconds=8.0):
    """Onsets on two thirds of the eighths of some tempo, as a band plays."""
    rng = np.random.default_rng(seed)
    grid = np.arange(rng.uniform(0, 0.5), seconds, 30 / rng.uniform(85, 140))
    return grid[rng.random(len(grid)) < 0.67] + rng.uniform(-0.004, 0.004)


def heard(times):
    """The times as the detector gives them, without those before the start."""
    frames = np.floor(times[times > 0] / HOP + 0.5)
    return np.unique(frames) * HOP


def follower(true, seed):
    """Other music to the same beat: a third of the onsets dropped, others added anywhere."""
    rng = np.random.default_rng(seed)
    return np.sort(np.concatenate([true[rng.random(len(true)) < 0.7], rng.uniform(0, true[-1], len(true) // 4)]))


def clips(count, late, make=lambda true, seed: true):
    """(reference, generated) onsets of so many clips. late: clip -> seconds."""
    trues = [rhythm(seed) for seed in range(count)]
    return [(heard(true), heard(make(true, i) + late(i))) for i, true in enumerate(trues)]


def names(count):
    return [f"song {i}" for i in range(count)]


@pytest.mark.parametrize("late", [0.021, 0.025, 0.046, 0.05, 0.0929, 0.25, -0.03, -0.12])
def test_a_late_copy_is_found_in_many_clips_and_in_one(late):
    found = measure(clips(12, lambda i: late), names(12))
    assert found.seconds == pytest.approx(late, abs=0.002)
    assert found.low < found.seconds < found.high and found.high - found.low < 0.004
    assert found.clips == found.measured == 12
    for pair in clips(12, lambda i: late)[:4]:
        one = measure([pair], ["song"])
        assert one.seconds == pytest.approx(late, abs=0.006)
        assert (one.low, one.high, one.clips) == (None, None, 1)


@pytest.mark.parametrize("late", [0.046, -0.03])
def test_music_that_follows_is_late_too_and_needs_several_clips(late):
    found = measure(clips(12, lambda i: late, follower), names(12))
    assert found.seconds == pytest.approx(late, abs=0.004)
    assert found.clips >= 10


def test_nothing_where_there_is_nothing_constant():
    assert measure(clips(12, lambda i: 0), names(12)) is None
    assert measure(clips(12, lambda i: 0.01), names(12)) is None  # as noise and reverberation make onsets late
    assert measure(clips(12, lambda i: 0, follower), names(12)) is None
    jitter = np.random.default_rng(0).uniform(0, 0.1, 12)
    assert measure(clips(12, lambda i: jitter[i]), names(12)) is None
    assert measure(clips(12, lambda i: 0.07 if i % 2 else 0.02), names(12)) is None
    assert measure([], []) is None
    assert (
        measure([(np.zeros(0), np.zeros(0)), (rhythm(0), np.zeros(0)), (rhythm(0)[:3], rhythm(0)[:3])], names(3))
        is None
    )


@pytest.mark.parametrize("count", [1, 2, 4, 12])
def test_music_that_does_not_follow_has_no_lateness(count):
    """Other songs, and onsets anywhere: at most one false alarm of 60, of a single clip."""
    rng = np.random.default_rng(1)
    alarms = 0
    for trial in range(60):
        trues = [heard(rhythm(100 * trial + i)) for i in range(count)]
        anywhere = [heard(np.sort(rng.uniform(0, 8, 25))) for _ in range(count)]
        others = [heard(rhythm(10_000 + 100 * trial + i)) for i in range(count)]
        made = others if trial % 2 else anywhere
        alarms += measure(list(zip(trues, made, strict=True)), names(count)) is not None
    assert alarms <= (count == 1)


def test_a_clip_that_differs_is_left_out_and_counted():
    pairs = clips(12, lambda i: 0.15 if i == 5 else 0.046)
    pairs[7] = (pairs[7][0], np.zeros(0))  # silent: not measured
    found = measure(pairs, names(12))
    assert found.seconds == pytest.approx(0.046, abs=0.002)
    assert (found.clips, found.measured) == (10, 11)


def test_the_interval_resamples_sources():
    """Clips of two songs: fewer than four sources have no interval."""
    pairs = clips(12, lambda i: 0.046)
    assert measure(pairs, [f"song {i % 2}" for i in range(12)]).low is None
    assert measure(pairs, [f"song {i % 4}" for i in range(12)]).low == pytest.approx(0.046, abs=0.001)


def test_agreement_and_differences_by_hand():
    true, made = np.array([1.0, 2.0]), np.array([1.05, 2.05, 3.0])
    curve = agreement(true, made)
    assert curve[70] == pytest.approx(2 / 2.5) and curve[60] == 0  # lags of 50 and of 0 ms
    assert curve[71] == pytest.approx((1 - 5 / 35) * 2 / 2.5)
    assert matched_differences(true, made, 0.04) == pytest.approx([0.05, 0.05])
    assert matched_differences(true, made, -0.04).shape == (0,)
