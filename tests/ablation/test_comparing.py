"""Figures of variants whose clips lack some metrics."""

import csv
import io
import math

import numpy as np
import pandas as pd
import pytest

from pace.ablation import comparing
from pace.ablation.results import Result
from pace.ablation.table import Row, _cell, corrected, csv_text, markdown, variant_rows
from pace.ablation.variants import Catalogue, Group, Variant
from pace.evaluation.metrics import bootstrap

RNG = np.random.default_rng(0)
DANCES = list("aabbccddee")


def result(onset, beat, tempo=math.nan, **dynamics):
    columns = {"strict_onset_f70": onset, "strict_beat_f70": beat, "strict_tempo_error_bpm": tempo}
    columns |= {"loris_bcs": 80 + np.arange(10.0), "loris_bhs": 90 - np.arange(10.0)}
    index, names = [f"c{i}" for i in range(10)], {"dance": DANCES, "beats": "librosa", "video_id": DANCES}
    return Result({}, pd.DataFrame(names | {"row": "generated"} | columns | dynamics, index=index))


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


def test_metrics_of_the_dynamics_are_tested_where_they_are_measured():
    """With seeds 0 and 1 the change of a clip is the mean over both, and whole dances are resampled."""
    changes = {"dynamics_loudness": RNG.normal(0.1, 0.2, (2, 10)), "dynamics_density": RNG.normal(0, 0.2, (2, 10))}
    beats = RNG.random((2, 10))
    base = {seed: result(beats[seed], beats[seed], **dict.fromkeys(changes, beats[seed])) for seed in (0, 1)}
    own = {
        seed: result(beats[seed], beats[seed], **{name: beats[seed] + change[seed] for name, change in changes.items()})
        for seed in (0, 1)
    }
    figures = comparing.figures(own, base)
    for name, change in changes.items():
        per_clip = change.mean(axis=0)[:, None]
        expected = bootstrap.difference(per_clip, 0 * per_clip, DANCES, resamples=comparing.TEST_RESAMPLES)
        assert figures[name].change == pytest.approx(change.mean())
        assert figures[name].p == pytest.approx(expected.p[0])
        assert (figures[name].change_low, figures[name].change_high) == pytest.approx(tuple(expected.interval[0]))
    assert figures["strict_beat_f70"].p == 1


def row(name, **p):
    """A row whose figures have these p-values."""
    figures = {key: comparing.Figure(0.5, 0.4, 0.6, math.nan, change=0.1, p=value) for key, value in p.items()}
    return Row(name, f"as {name}", (0,), 40, 20, figures, (), None, None)


def test_p_values_are_corrected_for_all_comparisons_of_the_tables():
    """Five: three of beats, of which one is in two tables, and two of loudness. Onsets are not tested."""
    reference = row("base", strict_beat_f70=math.nan, dynamics_loudness=math.nan)
    wide, deep = row("wide", strict_beat_f70=0.03, dynamics_loudness=0.0004), row("deep", strict_beat_f70=0.01)
    third = row("third", strict_beat_f70=0.2, dynamics_loudness=0.9, strict_onset_f70=0.001)
    tables = [
        (Group("one", "first", "test", (0,), ("base", "wide", "deep")), [reference, wide, deep]),
        (Group("two", "second", "test", (0,), ("base", "wide", "third")), [reference, wide, third]),
    ]
    made = corrected(tables)
    (_, (base, *first)), (_, (_, *second)) = made
    expected = {"wide": (0.09, 0.002), "deep": (0.04,), "third": (0.4, 0.9)}  # 3 x .03, 5 x .0004; 4 x .01; 2 x .2
    for line in (*first, *second):
        tested = [figure.p_holm for name, figure in line.figures.items() if name in comparing.TESTED]
        assert tested == pytest.approx(expected[line.name])
    assert math.isnan(second[1].figures["strict_onset_f70"].p_holm)
    assert all(math.isnan(figure.p_holm) for figure in base.figures.values())

    text = markdown(made, "synthetic")
    assert "p after Holm: corrected for 5 comparisons" in text
    heads, _, _, cells, _ = (
        line.strip("| ").split(" | ") for line in text.split("\n## two")[0].splitlines() if line.startswith("|")
    )
    expected = {
        "change of beat F 70": ["+0.100", "0.030", "0.090"],
        "change of loudness": ["+0.100", "< 0.001", "0.002"],
    }
    for head, values in expected.items():
        place = heads.index(head)
        assert heads[place + 1 : place + 3] == ["p", "p after Holm"]
        assert cells[place : place + 3] == values
    assert "change of density" not in heads
    lines = list(csv.DictReader(io.StringIO(csv_text(made))))
    assert [line["strict_beat_f70_p_holm"] for line in lines] == ["", "0.09", "0.04", "", "0.09", "0.4"]


def test_without_a_second_dance_nothing_is_tested_or_corrected():
    table = [
        (Group("one", "first", "test", (0,), ("base", "wide")), [row("base"), row("wide", strict_beat_f70=math.nan)])
    ]
    assert "corrected for 0 comparisons" in markdown(corrected(table), "synthetic")


def test_the_table_names_what_heard_the_beats():
    group = Group("one", "first", "test", (0, 1), ("base",))
    catalogue = Catalogue((), "", "", (), {}, {"base": Variant("base", "the base", {}, None)})
    scores = RNG.random(10)
    own = {("base", seed): Result({"beats": {"tracker": "madmom"}}, result(scores, scores).clips) for seed in (0, 1)}
    tables = [(group, variant_rows(group, catalogue, own, {}, "synthetic"))]
    assert "compared with base. Beats heard by madmom.\n" in markdown(tables, "synthetic")
    (line,) = csv.DictReader(io.StringIO(csv_text(tables)))
    assert line["beats"] == "madmom"
