"""Dynamics: curves of known shape have known correlations; what does not change has none."""

import math

import numpy as np
import pytest

from pace.evaluation import controls
from pace.evaluation.metrics import dynamics
from pace.evaluation.metrics.dynamics import compare, curves_of
from pace.evaluation.metrics.onsets import Events, block_power, events

SR = 22050
TIME = np.arange(5 * SR) / SR
BLOCKS = (np.arange(250) + 0.5) * 0.02


def music(decibels, onsets=(), seconds=5.0):
    """Events of music of this loudness (250,) in dB and these onsets."""
    return Events(
        seconds, {"strict": np.asarray(onsets, float)}, np.zeros(0), math.nan, 10 ** (np.asarray(decibels) / 10)
    )


def noise(decibels, seed=0):
    """Noise (110250,) whose level follows a curve (250,) in dB."""
    gain = 10 ** (np.interp(TIME, BLOCKS, decibels) / 20)
    return (0.1 * gain * np.random.default_rng(seed).normal(size=len(TIME))).astype(np.float32)


def onsets_at(rate):
    """Onset times (n,) whose density is a curve (250,) in onsets per second."""
    count = np.cumsum(rate) * 0.02
    return np.interp(np.arange(0.5, count[-1]), count, BLOCKS + 0.01)


PERIOD = 3.5  # seconds: one is compared of five seconds
WAVE = 3 * np.sin(2 * np.pi * BLOCKS / PERIOD)  # dB
QUARTER = 3 * np.cos(2 * np.pi * BLOCKS / PERIOD)
SOMETIMES = onsets_at(5 + WAVE)


@pytest.mark.parametrize(
    ("made", "expected"),
    [(WAVE, 1.0), (WAVE - 20, 1.0), (3 * WAVE, 1.0), (-WAVE, -1.0), (QUARTER, 0.0), (WAVE + QUARTER, math.sqrt(0.5))],
)
def test_loudness_is_the_correlation_of_levels_in_decibels(made, expected):
    """At any level and of any range; half a period apart it is -1, a quarter 0."""
    assert compare(music(WAVE), music(made))["loudness"] == pytest.approx(expected, abs=0.02)


def test_density_is_the_correlation_of_onset_rates():
    same = compare(music(WAVE, SOMETIMES), music(QUARTER, onsets_at(9 + 2 * WAVE)))
    assert same["density"] == pytest.approx(1, abs=0.02) and abs(same["loudness"]) < 0.02
    against = compare(music(WAVE, SOMETIMES), music(WAVE, onsets_at(5 - WAVE)))
    assert against["density"] == pytest.approx(-1, abs=0.02)


def test_the_window_is_a_second_wide_and_the_curves_have_their_units():
    """A single onset is 0.94 per second at its time and half of that half a second beside; -12 dB are -12 dB."""
    curves = curves_of(music(np.full(250, -12.0), [2.51]), 0, 250)
    assert curves["loudness"] == pytest.approx(np.full(250, -12.0))
    assert curves["density"][125] == pytest.approx(2 * math.sqrt(math.log(2) / math.pi), rel=1e-3)
    assert curves["density"][[100, 150]] == pytest.approx(curves["density"][[125, 125]] / 2, rel=1e-3)
    assert curves_of(music(np.zeros(250), np.arange(0.05, 5, 0.1)), 0, 250)["density"] == pytest.approx(10, rel=0.02)


def test_single_beats_do_not_count():
    """Strokes of 120 BPM on and off the beat, which swell alike."""
    swell = 10 ** (WAVE / 20)[:, None] * np.ones(441)
    on, off = (np.exp(-20 * ((TIME + shift) % 0.5)) * swell.ravel() for shift in (0, 0.25))
    carrier = np.sin(2 * np.pi * 440 * TIME)
    one, other = (events((0.3 * wave * carrier).astype(np.float32), SR) for wave in (on, off))
    assert np.corrcoef(one.power, other.power)[0, 1] < 0.1
    assert compare(one, other)["loudness"] > 0.97


def test_what_does_not_change_has_no_value():
    """Levels within half a decibel, regular onsets, silence: in the true or in the other music; never 0."""
    true = music(WAVE, SOMETIMES)
    even = music(np.zeros(250), np.arange(0.05, 5, 0.25))
    silence = Events(5.0, {"strict": np.zeros(0)}, np.zeros(0), math.nan)  # as of a silent wave
    for other in (even, silence, music(np.full(250, -200.0))):
        for pair in ((true, other), (other, true)):
            assert all(math.isnan(value) for value in compare(*pair).values())
    one = compare(true, music(0.05 * WAVE, SOMETIMES))  # 0.3 dB
    assert math.isnan(one["loudness"]) and one["density"] == 1
    assert compare(true, music(0.2 * WAVE))["loudness"] == pytest.approx(1, abs=0.01)  # 1.2 dB
    tone = (0.5 * np.sin(2 * np.pi * 220 * TIME)).astype(np.float32)
    for steady in (tone, controls.clicks(120.0), noise(np.zeros(250)), 0 * tone, tone[:100]):
        assert math.isnan(compare(true, events(steady, SR))["loudness"])


def test_shorter_music_is_silent_where_it_ends_and_longer_music_is_cut():
    """True music that is 20 dB quieter after 3 s: music that ends there follows it, and fails where it does not end."""
    falls, rises = (np.where(BLOCKS < 3, *levels) for levels in ((0.0, -20.0), (-20.0, 0.0)))
    half = music(np.zeros(150), seconds=3.0)
    assert compare(music(falls), half)["loudness"] > 0.9
    assert compare(music(rises), half)["loudness"] < -0.7
    longer = music(np.concatenate([WAVE, np.full(250, 30.0)]), [*SOMETIMES, *np.arange(5, 10, 0.05)], seconds=10.0)
    assert compare(music(WAVE, SOMETIMES), longer) == {
        "loudness": pytest.approx(1),
        "density": pytest.approx(1, abs=0.01),
    }


def test_silence_before_the_first_note_and_after_the_last_is_not_compared():
    """Two pieces with the same pauses at their ends do not seem alike; less than 3.5 s of sound are too little."""
    pauses = np.where((BLOCKS > 0.4) & (BLOCKS < 4.6), 0, -90)
    waves = [3 * part(2 * np.pi * (BLOCKS - 1.15) / 2.7) for part in (np.sin, np.cos)]  # a period between the margins
    one, other = (music(wave + pauses) for wave in waves)
    assert dynamics.sounding(one.power) == (20, 230)
    assert abs(compare(one, other)["loudness"]) < 0.1
    for end, missing in ((3.6, False), (3.4, True)):
        brief = music(np.where(end > BLOCKS, WAVE, -90), SOMETIMES)
        assert math.isnan(compare(brief, brief)["loudness"]) == math.isnan(compare(brief, brief)["density"]) == missing


def test_the_power_of_a_wave():
    """Mean square of each whole 20 ms, without a constant offset; NaN is refused by `events`."""
    tone = 0.5 * np.sin(2 * np.pi * 50 * TIME)
    assert block_power(tone[: SR // 2] + 0.3) == pytest.approx(np.full(25, 0.125))
    wave = noise(WAVE)
    assert len(events(wave, SR).power) == 250 and events(wave, SR).power.sum() == pytest.approx(
        (wave**2).sum() / 441, rel=1e-3
    )
    assert compare(events(wave, SR), events(noise(WAVE, seed=1), SR))["loudness"] > 0.99
    wave[5] = np.nan
    with pytest.raises(ValueError, match="NaN or infinite"):
        events(wave, SR)


def test_chance_is_zero():
    """Curves of independent pieces: the mean over 400 pairs is within three standard errors of 0."""
    rng = np.random.default_rng(0)
    pieces = []
    for _ in range(40):
        levels, rates = (np.interp(BLOCKS, np.linspace(-1, 6, 8), rng.uniform(*span, 8)) for span in ((-12, 0), (1, 9)))
        pieces.append(music(levels, onsets_at(rates)))
    scores = [compare(one, other) for one in pieces[:20] for other in pieces[20:]]
    for name in ("loudness", "density"):
        values = np.array([score[name] for score in scores])
        assert np.isfinite(values).all()
        assert abs(values.mean()) < 3 * values.std() / math.sqrt(20)  # 20 pieces on either side
        assert values.std() > 0.3
