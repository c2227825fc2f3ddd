"""Figures of variants whose clips lack some metrics."""

import csv
import io
import math

import numpy as np
import pandas as pd
import pytest

from pace.ablation import comparing
from pace.ablation.results import Result
from pace.ablation.table import Row, _cell, csv_text
from pace.ablation.variants import Group
from pace.evaluation.metrics import bootstrap

RNG = np.random.default_rng(0)
DANCES = list("aabbccddee")


def result(onset, beat, tempo=math.nan):
    columns = {"strict_onset_f70": onset, "strict_beat_f70": beat, "strict_tempo_error_bpm": tempo}
    columns |= {"loris_bcs": 80 + np.arange(10.0), "loris_bhs": 90 - np.arange(10.0)}
    index = [f"c{i}" for i in range(10)]
    return Result({}, pd.DataFrame({"dance": DANCES, "video_id": DANCES, "row": "generated"} | columns, index=index))


def test_each_metric_is_of_the_clips_that_have_it_in_all_seeds():
    """Clip 2 has no beats with one seed, clip 5 with the other; no clip has a tempo. The onsets have all clips."""
    onsets, beats = RNG.random((2, 10)), RNG.random((2, 10))
    with_gaps = beats.copy()
    with_gaps[0, 2] = with_gaps[1, 5] = np.nan
    own = {seed: result(onsets[seed], with_gaps[seed]) for seed in (0, 1)}
    other = {seed: result(onsets[seed], beats[seed] - 0.1) for seed in (0, 1)}
    figures = comparing.figures(own, other)
    assert "strict_tempo_error_bpm" not in figures
    assert figures["strict_onset_f70"].value == pytest.approx(onsets.mean())
    assert math.isnan(figures["strict_onset_f70"].missing) and math.isnan(figures["loris_f1"].missing)
    kept = [i for i in range(10) if i not in (2, 5)]
    found = figures["strict_beat_f70"]
    assert found.value == pytest.approx(beats[:, kept].mean())
    assert (found.missing, found.change) == (2, pytest.approx(0.1))
    low, high = bootstrap.interval(beats[:, kept].mean(axis=0)[:, None], [DANCES[i] for i in kept])[0]
    assert (found.low, found.high) == pytest.approx((low, high))
    row = Row("base", "", (0, 1), 10, 5, figures, (), None, None)
    text = csv_text([(Group("g", "", "test", (0, 1), ("base",)), [row])])
    (line,) = csv.DictReader(io.StringIO(text))
    assert float(line["strict_beat_f70_missing"]) == 2 and "strict_onset_f70_missing" not in line


def test_a_figure_without_a_value_is_not_computed():
    assert _cell("strict_beat_f70", comparing.Figure(math.nan, math.nan, math.nan, math.nan)) == "not computed"
