import io
import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from pace.pose.skeleton import PART_NAMES
from pace.report import plots

RATE = 22050


def test_rhythm_curves_peak_where_the_sound_is():
    wave = np.zeros(5 * RATE, np.float32)
    burst = np.random.default_rng(0).standard_normal(4000).astype(np.float32)
    wave[2 * RATE : 2 * RATE + 4000] = 0.5 * burst
    wave[4 * RATE : 4 * RATE + 4000] = 0.25 * burst
    time_s, rms, onset = plots.rhythm_curves(wave, RATE)
    assert rms.max() == onset.max() == 1
    assert time_s[rms.argmax()] == pytest.approx(2.09, abs=0.05)
    assert time_s[onset.argmax()] == pytest.approx(2.0, abs=0.06)
    late = rms[time_s > 3.5].max()
    assert late == pytest.approx(0.5, abs=0.01)


def test_rhythm_of_silence():
    assert plots.rhythm_curves(np.zeros(RATE, np.float32), RATE)[1].max() == 0


def test_low_mel_bands_are_at_the_bottom():
    image = np.zeros((256, 256), np.float32)
    image[:64] = 1
    picture = imread(io.BytesIO(plots.mel(image, 5.0)))
    column = picture[:, picture.shape[1] // 2]
    top = np.flatnonzero(column[:, 3] == 1)[0]
    bottom = top + np.flatnonzero(column[top:, 3] < 1)[0]  # labels follow below
    bright = column[top:bottom, :3].mean(1) > 0.5
    assert not bright[: int(0.73 * len(bright))].any()
    assert bright[int(0.77 * len(bright)) : -4].all()


def test_curves_have_a_panel_for_each_numeric_column():
    table = pd.DataFrame(
        {"step": [0, 1, 2], "loss": [3.0, 2, 1], "psnr": [np.nan, 1, 2], "note": ["a"] * 3, "no": np.nan}
    )
    text = plots.curves(table).decode()
    assert re.findall(r">(loss|psnr|note|no)</text>", text) == ["loss", "psnr"]
    assert text.count(">step</text>") == 2


@pytest.mark.long
def test_energy_names_the_parts_and_bands():
    values = np.random.default_rng(0).random((50, 5))
    text = plots.energy(np.arange(50) / 10, values, values).decode()
    for name in (*PART_NAMES.values(), "slow energy", "fast energy"):
        assert f">{name}</text>" in text


@pytest.mark.long
def test_figures_hold_no_date():
    values = np.full((50, 5), 0.2)
    first, second = (plots.gates(values, values, values[:, 0], 5.0) for _ in range(2))
    assert first == second
    assert b"dc:date" not in first
