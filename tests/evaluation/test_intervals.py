"""Intervals of the rhythm table: the same figures as the table, each around its value, by the dance of each clip."""

import numpy as np
import pytest

from pace.evaluation import intervals, table
from pace.evaluation.controls import ROWS
from pace.evaluation.metrics import bootstrap
from pace.evaluation.metrics.onsets import PICKING, Events

PROTOCOLS = ("d2mgan", "loris", "strict")


def heard(rng):
    onsets = np.sort(rng.uniform(0, 5, 6))
    return Events(5.0, {name: onsets for name in PICKING}, onsets, 100.0)


def scored(videos=8, per_video=2):
    rng = np.random.default_rng(0)
    clips = [
        table.Clip(f"{v}_{i}", f"v{v}", f"m{v}", None, {row: heard(rng) for row in ROWS if row != "shuffled"})
        for v in range(videos)
        for i in range(per_video)
    ]
    return [table.score_clip(clip, clips, PROTOCOLS) for clip in clips]


def test_every_figure_of_the_table_lies_inside_its_interval():
    scores = scored()
    values = table.summary(scores, PROTOCOLS)
    found = intervals.intervals(scores, {entry.clip.clip_id: entry.clip.video_id for entry in scores})
    assert set(found) == set(values)
    for row, protocols in values.items():
        assert set(found[row]) == set(protocols)
        for protocol, metrics in protocols.items():
            assert set(found[row][protocol]) == set(metrics)
            for name, value in metrics.items():
                low, high = found[row][protocol][name]
                assert low <= value <= high, (row, protocol, name)
    low, high = found["generated"]["strict"]["onset_f70"]
    assert high - low > 0.02


def test_intervals_follow_the_dance_of_each_clip():
    scores = scored()
    beats = np.array([[entry.rows["generated"]["strict"]["beat_f70"]] for entry in scores])
    dances = [f"d{index // 4}" for index in range(len(scores))]  # two videos each, as from two cameras
    found = intervals.intervals(scores, {e.clip.clip_id: dance for e, dance in zip(scores, dances, strict=True)})
    expected = bootstrap.interval(beats, dances)[0]
    assert found["generated"]["strict"]["beat_f70"] == pytest.approx(tuple(expected))


def test_one_dance_has_no_interval():
    scores = scored(videos=1)
    assert intervals.intervals(scores, {entry.clip.clip_id: "d" for entry in scores}) == {}
