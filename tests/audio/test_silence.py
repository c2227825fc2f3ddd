"""Silence has one definition: no sample further than -80 dB of full scale from the median."""

import numpy as np
import pytest

from pace.audio.silence import is_silent
from pace.evaluation.metrics.onsets import events
from pace.media import sounds
from pace.media.channels import Levels

SR = 22050
DITHER = np.random.default_rng(0).integers(-1, 2, 3 * SR) / 2**15
TONE = np.sin(np.arange(3 * SR) / 10)
CLICK = np.zeros(3 * SR)
CLICK[SR] = 2e-4

SILENT = {
    "zeros": np.zeros(3 * SR),
    "nothing": np.zeros(0),
    "dither of one step of 16 bits": DITHER,
    "a constant": np.full(3 * SR, -0.5),
    "a constant with dither": 0.25 + DITHER,
    "a tone at -81 dB": 0.9e-4 * TONE,
    "NaN": np.full(3 * SR, np.nan),
}
HEARD = {
    "a tone at -79 dB": 1.1e-4 * TONE,
    "a tone on a constant": 0.5 + 2e-4 * TONE,
    "one click": CLICK,
    "a step": np.repeat([0.0, 0.5], SR),
}


def faults_of(wave):
    levels = Levels()
    levels.add(wave[:, None])
    return sounds.faults(wave, SR, levels)


@pytest.mark.parametrize("name", SILENT)
def test_silent(name):
    wave = SILENT[name].astype(np.float32)
    assert is_silent(wave)
    if len(wave) and np.isfinite(wave).all():
        assert faults_of(wave) == ("silent",)
        found = events(wave, SR)
        assert not found.beats.size and not any(onsets.size for onsets in found.onsets.values())


@pytest.mark.parametrize("name", HEARD)
def test_heard(name):
    wave = HEARD[name].astype(np.float32)
    assert not is_silent(wave) and "silent" not in faults_of(wave)
