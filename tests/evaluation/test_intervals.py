"""Intervals of the rhythm table: the same figures as the table, each around its value, by the source of each clip."""

import numpy as np
import pytest
from helpers.scored_clips import clip_of, events_at, scored_clip

from pace.evaluation import intervals, table
from pace.evaluation.controls import ROWS
from pace.evaluation.metrics import bootstrap

PROTOCOLS = ("d2mgan", "loris", "strict")


def scored(videos=8, per_video=2, source_of=lambda video: video):
    """Clips of random events, whose source is that of their video."""
    rng = np.random.default_rng(0)
    own_rows = [row for row in ROWS if row != "shuffled"]
    clips = []
    for v in range(videos):
        for i in range(per_video):
            events = {row: events_at(np.sort(rng.uniform(0, 5, 6)), 100.0) for row in own_rows}
            clips.append(scored_clip(clip_of(f"{v}_{i}", f"v{v}", f"m{v}", source_of(f"v{v}")), events, PROTOCOLS))
    return clips


def test_every_figure_of_the_table_lies_inside_its_interval():
    rows = table.pipeline_rows(scored(), PROTOCOLS)
    values = table.summary(rows)
    limits = intervals.intervals(rows)
    assert set(limits) == set(values)
    for row, protocols in values.items():
        assert set(limits[row]) == set(protocols)
        for protocol, metrics in protocols.items():
            assert set(limits[row][protocol]) == set(metrics)
            for name, value in metrics.items():
                low, high = limits[row][protocol][name]
                assert low <= value <= high, (row, protocol, name)
    low, high = limits["generated"]["strict"]["onset_f70"]
    assert high - low > 0.02


def test_intervals_follow_the_source_of_each_clip():
    """Two videos of each dance, as from two cameras."""
    clips = scored(source_of=lambda video: f"d{int(video[1:]) // 2}")
    beats = np.array([[clip.scores["generated"]["strict"]["beat_f70"]] for clip in clips])
    limits = intervals.intervals(table.pipeline_rows(clips, PROTOCOLS))
    expected = bootstrap.interval(beats, [f"d{index // 4}" for index in range(len(clips))])[0]
    assert limits["generated"]["strict"]["beat_f70"] == pytest.approx(tuple(expected))


def test_one_source_has_no_interval():
    rows = table.pipeline_rows(scored(videos=1, source_of=lambda video: "d"), PROTOCOLS)
    assert intervals.intervals(rows) == {}


def test_intervals_of_scores_contain_their_summary():
    rng = np.random.default_rng(0)
    scores = [{"loris": {"bcs": b, "bhs": h}} for b, h in 100 * rng.random((20, 2))]
    limits = intervals.score_intervals(scores, range(20))["loris"]
    assert list(limits) == ["bcs", "csd", "bhs", "hsd", "f1"]
    values = np.array([[clip["loris"]["bcs"], clip["loris"]["bhs"]] for clip in scores])
    assert limits["bcs"] == pytest.approx(bootstrap.interval(values[:, :1], range(20))[0])
    assert limits["bcs"][0] < values[:, 0].mean() < limits["bcs"][1]
    doubled = intervals.score_intervals([*scores, *scores], [*range(20), *range(20)])["loris"]
    assert doubled["bcs"] == pytest.approx(limits["bcs"])  # a second camera adds no knowledge
    assert intervals.score_intervals(scores, ["one"] * 20) == {}
