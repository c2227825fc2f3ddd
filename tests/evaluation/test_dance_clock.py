"""The clock of a dance: as good as one can hope on easy dances, none where there is none, music in phase with it."""

import itertools
from pathlib import Path

import mir_eval
import numpy as np
import pytest

from pace.clip import CLIP_SAMPLES, SAMPLE_RATE
from pace.evaluation.controls import clicks_at
from pace.evaluation.dance_clock import Clock, Timed, find_clock, nearest, read_clocks, start_in_phase
from pace.evaluation.metrics.onsets import events
from pace.motion.energy import EnergyParams

FPS = 30
ARRIVAL = 0.02  # of the stored dances, whose parts all arrive on the beat
ENERGY = EnergyParams(6.0, 1.2, 2, "unit", "keep")


@pytest.fixture(scope="module")
def dances():
    """Fast energies (150,5) and true beats of ten clips of synthetic dances with the accent on every beat."""
    with np.load(Path(__file__).parent / "dances.npz") as file:
        return [(fast.astype(float), file[f"beats{i}"].astype(float)) for i, fast in enumerate(file["fast"])]


def f_measure(beats, others, window=0.07):
    return mir_eval.onset.f_measure(beats, others, window=window)[0]


def test_it_finds_the_beat_of_easy_dances(dances):
    found = [(beats, find_clock(fast, FPS, ARRIVAL).beats(5.0)) for fast, beats in dances]
    assert np.mean([f_measure(*pair) for pair in found]) >= 0.97
    assert np.mean([f_measure(*pair, window=0.035) for pair in found]) >= 0.9
    assert min(f_measure(*pair) for pair in found) >= 0.9


@pytest.mark.long
def test_its_clicks_are_heard(dances):
    heard = [
        f_measure(beats, events(clicks_at(clock.beats(5.0), CLIP_SAMPLES, SAMPLE_RATE), SAMPLE_RATE).beats)
        for fast, beats in dances
        for clock in [find_clock(fast, FPS, ARRIVAL)]
    ]
    assert np.mean(heard) >= 0.9


def pulses(bpm, first, seconds):
    """Energies (N,2) of parts that fall most steeply at each beat."""
    phase = 2 * np.pi * (np.arange(round(seconds * FPS)) / FPS - first) * bpm / 60
    return np.stack([(1 - np.sin(phase)) ** 2, 3 * (1 - np.sin(phase)) ** 4], axis=1)


@pytest.mark.parametrize(("bpm", "seconds"), [*itertools.product((70, 100, 140, 160), (5.0, 20.0)), (120, 180.0)])
def test_tempo_and_phase_at_any_length(bpm, seconds):
    clock = find_clock(pulses(bpm, 0.31, seconds), FPS, ARRIVAL)
    beats = np.arange(0.31 % (60 / bpm), seconds, 60 / bpm)
    assert clock.bpm == pytest.approx(bpm, rel=0.015 * 5 / seconds + 1e-3)
    assert f_measure(beats, clock.beats(seconds)) == pytest.approx(1, abs=0.1)


def test_the_size_of_a_body_does_not_matter_and_a_part_at_rest_neither(dances):
    fast, _ = dances[0]
    assert find_clock(1e-4 * fast, FPS) == find_clock(fast, FPS)
    with_rest = np.concatenate([fast, np.zeros((len(fast), 2))], axis=1)
    assert find_clock(with_rest, FPS) == find_clock(fast, FPS)


@pytest.mark.parametrize("fast", [np.zeros((150, 5)), np.ones((150, 5)), np.zeros((0, 5)), np.zeros((150, 0))])
def test_a_body_at_rest_has_none(fast):
    assert find_clock(fast, FPS) is None


def test_poses(tmp_path):
    rng = np.random.default_rng(0)
    time = np.arange(300)[:, None, None] / FPS
    pose = rng.normal(size=(17, 3)) + 0.1 * np.abs(np.sin(np.pi * 2 * time)) * rng.normal(size=(17, 3))
    gap = np.where((np.arange(300) < 30)[:, None, None], np.nan, pose)
    for name, joints in (("whole", pose), ("gap", gap), ("coco", pose[:, :13]), ("short", pose[:5])):
        np.savez(tmp_path / f"{name}.npz", pose=joints.astype(np.float32), fps=np.float32(FPS))
    spans = [(0.0, 5.0), (5.0, 10.0)]
    first, second = read_clocks(tmp_path / "whole.npz", spans, ENERGY)
    assert first.bpm == pytest.approx(120, abs=2) and second.bpm == pytest.approx(120, abs=2)
    assert [clock is None for clock in read_clocks(tmp_path / "gap.npz", spans, ENERGY)] == [True, False]
    for name in ("coco", "short", "not there"):
        assert read_clocks(tmp_path / f"{name}.npz", spans, ENERGY) == [None, None]
    (tmp_path / "text.npz").write_text("no pose")
    with pytest.raises(ValueError, match="not a pose"):
        read_clocks(tmp_path / "text.npz", spans, ENERGY)


def test_retrieved_music_beats_with_the_dance():
    clock = Clock(121.0, 0.2)
    music = [Timed(Clock(bpm, first), bpm) for bpm, first in ((60.0, 0.1), (118.0, 0.4), (125.0, 0.0))]
    found = nearest(clock, music)
    assert found.piece == 118.0 and nearest(clock, []) is None
    for earliest, latest in ((0.0, 5.0), (-5.0, 0.0), (-1.0, 1.0)):
        start = start_in_phase(clock, found.clock, 5.0, earliest, latest)
        assert earliest <= start <= latest
        beats, shifted = clock.beats(5.0), found.clock.first + found.clock.period * np.arange(-20, 40) - start
        assert np.abs(np.subtract.outer(beats, shifted)).min(axis=1).max() < 0.07
