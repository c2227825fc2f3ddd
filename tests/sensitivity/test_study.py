"""The sensitivity study: that each change is only what it says, and that the page draws the right conclusions."""

import re
from pathlib import Path

import numpy as np
import pytest

from pace.clip import CLIP_SAMPLES, SAMPLE_RATE
from pace.sensitivity import page as report
from pace.sensitivity import study

PIECE = study.pieces(6)[5]
CHANGES = {"delay": (0, 250), "tempo": (-10, 0, 10), "missing": (0, 100)}


@pytest.fixture(scope="module")
def found():
    return study.study(3, 1, CHANGES)


def power(wave, times, width=0.03):
    """Mean power of the changes of a wave within `width` after each time: of strokes, not of what sounds on."""
    change = np.diff(wave, prepend=0.0) ** 2
    return np.mean([change[round(t * SAMPLE_RATE) :][: round(width * SAMPLE_RATE)].mean() for t in times])


def test_pieces_take_all_styles_and_places_in_the_bar():
    pieces = study.pieces(30)
    assert len({piece.style for piece in pieces}) == 10
    assert len({piece.first_beat for piece in pieces}) == 30
    for piece in pieces:
        assert np.all(np.diff(piece.beats) == pytest.approx(60 / piece.bpm))
        assert 0 <= piece.beats[0] < 60 / piece.bpm and 5 - 60 / piece.bpm <= piece.beats[-1] < 5


def test_no_change_is_the_original():
    original = PIECE.delayed(0)
    assert original.shape == (CLIP_SAMPLES,)
    np.testing.assert_array_equal(PIECE.faster(0), original)
    np.testing.assert_array_equal(PIECE.without_beats(0), original)


def test_delay_moves_the_music_and_nothing_else():
    lag = round(0.2 * SAMPLE_RATE)
    np.testing.assert_array_equal(PIECE.delayed(200)[lag:], PIECE.delayed(0)[:-lag])
    assert PIECE.delayed(200)[:lag].std() > 0.01


def test_another_tempo_keeps_the_piece_and_its_middle_beat():
    """Beats of the faster music, by its strokes: 5 % closer, one of them where the original has one."""
    fixed = PIECE.beats[np.abs(PIECE.beats - 2.5).argmin()]
    beats = fixed + 60 / PIECE.bpm / 1.05 * np.arange(-3, 4)
    wave = PIECE.faster(5)
    assert power(wave, beats) > 3 * power(wave, beats + 0.3 * 60 / PIECE.bpm)
    assert power(PIECE.delayed(0), beats[[0, 1, 5, 6]]) < 0.5 * power(wave, beats[[0, 1, 5, 6]])


def test_missing_beats_are_silent_and_the_rest_is_played():
    original, half, none = PIECE.delayed(0), PIECE.without_beats(50), PIECE.without_beats(100)
    between = PIECE.beats[:-1] + 30 / PIECE.bpm
    assert power(none, PIECE.beats) < 0.05 * power(original, PIECE.beats)
    assert power(none, between) > 0.5 * power(original, between)
    struck = np.array([power(half, [beat]) > 0.25 * power(original, [beat]) for beat in PIECE.beats])
    assert struck.sum() == len(PIECE.beats) - round(len(PIECE.beats) / 2)


@pytest.mark.long
def test_study_scores_the_same_music_best_and_keeps_controls_apart(found):
    for key in (("delay", 0), ("tempo", 0), ("missing", 0)):
        assert found[key]["strict onset_f50"] == 1.0 and found[key]["loris f1"] == 100.0
    assert found["delay", 250]["strict beat_f70"] < 0.3 < 0.6 < found["delay", 0]["strict beat_f70"]
    assert found["delay", 250]["loris f1"] > 90
    assert found["tempo", 10]["strict tempo_error_octave_bpm"] > found["tempo", 0]["strict tempo_error_octave_bpm"] + 5
    assert set(found) >= {("other", 0), ("clicks", 0), ("clicks120", 0)}
    assert found["clicks", 0]["loris bhs"] == 100.0
    with pytest.raises(ValueError, match="1 pieces; give two or more"):
        study.study(1, 1, CHANGES)


def made(curve, other=0.2, error=False):
    """A study of one metric whose scores by delay, tempo and missing beats are `curve` of the size."""
    name = "strict tempo_error_bpm" if error else "strict beat_f70"
    sizes = {"delay": (0, 100, 200), "tempo": (-20, -10, 0, 10, 20), "missing": (0, 50, 100)}
    study = {(change, size): {name: curve(change, size)} for change in sizes for size in sizes[change]}
    return study | {("other", 0): {name: other}}, name


def test_half_point_is_where_half_of_the_way_to_chance_is_lost():
    study, name = made(lambda change, size: 1.0 - 0.004 * abs(size))  # half of 0.8 is lost at 100
    assert report.half_point(study, name, "delay") == pytest.approx(100)
    assert report.half_point(study, name, "missing") == pytest.approx(100)
    assert report.half_point(study, name, "tempo") is None
    assert report.verdict(study, name) == "blind to tempo"
    study, name = made(lambda change, size: 1.0 - (0.04 if size < 0 else 0.08) * abs(size))
    assert report.half_point(study, name, "tempo") == pytest.approx(10)  # slower 10, faster 5
    assert report.verdict(study, name) == "**measures rhythm**"
    study, name = made(lambda change, size: 1.0 - 0.04 * size if change == "tempo" else 1.0)
    assert report.half_point(study, name, "tempo") is None  # sees faster music alone


def test_half_point_of_an_error_and_of_a_metric_without_a_scale():
    study, name = made(lambda change, size: 1.0 + abs(size) / 2, other=11.0, error=True)
    assert report.half_point(study, name, "tempo") == pytest.approx(10)
    flat, name = made(lambda change, size: 1.0 - 0.001 * abs(size), other=0.95)
    assert report.half_point(flat, name, "delay") is None
    assert report.verdict(flat, name) == "**does not tell the music from other music**"
    worse, name = made(lambda change, size: 5.0, other=3.0, error=True)  # other music scores better
    assert not report.discriminates(worse, name)


@pytest.mark.long
def test_figure_is_the_same_each_time_and_names_every_metric(found):
    svg = report.figure(found)
    assert svg == report.figure(found)
    text = svg.decode()
    for metric in report.METRICS.values():
        assert f">{metric.label}<" in text
    assert len({(metric.colour, metric.dash) for panel in report.PANELS.values() for metric in panel.values()}) >= 6
    for panel in report.PANELS.values():
        assert len({(metric.colour, metric.dash) for metric in panel.values()}) == len(panel)


def test_documented_page_has_every_metric_and_its_picture():
    folder = Path(__file__).resolve().parents[2] / "docs"
    page = (folder / "sensitivity.md").read_text(encoding="utf-8")
    for name in report.METRICS:
        assert len(re.findall(rf"^\| {re.escape(report._name(name))} \|", page, re.MULTILINE)) == 2, name
    assert (folder / "sensitivity.svg").is_file() and "](sensitivity.svg)" in page
