"""No single signal of the dances gives the beat away, but who knows the rules of the dances can tell it."""

import mir_eval
import numpy as np
import pytest

from pace.evaluation.dance_clock import find_clock
from pace.motion.energy import EnergyParams, energies
from pace.synthetic.choreography import choreograph
from pace.synthetic.dataset import Video, strength
from pace.synthetic.styles import draw_clock
from tests.helpers import dance_oracle

pytestmark = pytest.mark.long

ENERGY = EnergyParams(6.0, 1.2, 2, "winter", "keep")
FPS, SECONDS = 60, 10.0
TRUTH = 0.93  # beat F of the true music of the default run, as the beat tracker hears it
SIGNALS = {"whole body": slice(0, 5)} | {name: slice(i, i + 1) for i, name in enumerate(("to", "la", "ra", "ll", "rl"))}


def f_measure(beats, others):
    return mir_eval.onset.f_measure(beats, others, window=0.07)[0] if len(others) else 0.0


@pytest.fixture(scope="module")
def dances():
    """Forty dances, as strong as those of the dataset: (joints, true beats, style)."""
    out = []
    for number in range(40):
        rng, video = np.random.default_rng((8, number)), Video("test", number)
        clock = draw_clock(video.style, rng)
        made = choreograph(video.style, clock, SECONDS, FPS, rng, strength(video, 0))
        out.append((made.motion.joints, clock.time(clock.beats(SECONDS)), video.style))
    return out


@pytest.mark.parametrize("signal", SIGNALS)
def test_a_clock_does_not_find_the_beat(dances, signal):
    """Not even one whose constant lateness is chosen on these very dances."""
    scores = []
    for joints, beats, _ in dances:
        fast = energies(joints[::2], FPS / 2, ENERGY)[1][:, SIGNALS[signal]]
        for start in (0, 5):
            clock = find_clock(fast[start * 30 : (start + 5) * 30], FPS / 2)
            true = beats[(beats >= start) & (beats < start + 5)] - start
            late = (np.arange(-8, 8) / 16)[:, None]
            moments = clock.first + clock.period * (np.arange(-3, 20) + late)
            scores.append([f_measure(true, row[(row >= 0) & (row < 5)]) for row in moments])
    assert np.mean(scores, axis=0).max() <= 0.6 * TRUTH


def test_the_rules_tell_the_beat(dances):
    scores = [f_measure(beats, dance_oracle.beats(joints, FPS, style)) for joints, beats, style in dances]
    assert np.mean(scores) >= 0.9
