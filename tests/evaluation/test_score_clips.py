"""Compiled functions are in numba's cache before workers start: two that write it at once break it for good."""

import pytest
from helpers.projects import ROOT, run

SCRIPT = """
import numba, numpy as np
from pathlib import Path
from pace.evaluation import score_clips
from pace.evaluation.metrics import onsets
from pace.synthetic.clock import Clock
from pace.synthetic.music import compose

def files():
    return sorted(str(path) for path in Path(numba.config.CACHE_DIR).rglob("*.nb*"))

score_clips.compile_once()
before = files()
wave = compose("house", Clock(120.0, 0.3), 5.0, np.random.default_rng(0)).sound()
for samples in (wave, np.roll(wave, 5000)):
    assert len(onsets.events(samples, 22050).beats) > 5
assert len(before) > 5 and files() == before, set(files()) ^ set(before)
"""


@pytest.mark.slow
def test_one_call_compiles_all_that_is_used_on_music(tmp_path):
    run(ROOT, "python", "-c", SCRIPT, NUMBA_CACHE_DIR=str(tmp_path))
