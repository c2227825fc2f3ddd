"""Intervals of systems and the differences between them."""

import dataclasses

import numpy as np
import pytest

from pace.evaluation import table as pipeline
from pace.evaluation.intervals import of_scores
from pace.evaluation.metrics import bootstrap
from pace.scoring import systems
from pace.scoring.differences import differences, group_names, sources
from pace.scoring.listen import Clip, Heard

RNG = np.random.default_rng(0)


def clips(**scores_of):
    """Clips 0, 1, ... with the beat F of each system."""
    count = len(next(iter(scores_of.values())))
    return [
        Heard(Clip(str(i), None, {}), scores={s: {"strict": {"beat_f70": v[i]}} for s, v in scores_of.items()})
        for i in range(count)
    ]


def own_sources(heard):
    return {one.clip.name: one.clip.name for one in heard}


def test_sources_are_what_the_pattern_finds_in_the_name():
    names = ["x_1", "x_22", "y_1", "odd"]
    assert group_names(names, r"(.*)_\d+") == {"x_1": "x", "x_22": "x", "y_1": "y", "odd": "odd"}
    assert group_names(names, "x_") == {"x_1": "x_", "x_22": "x_", "y_1": "y_1", "odd": "odd"}
    assert group_names(names, None) == {name: name for name in names}
    with pytest.raises(ValueError, match=r"'\(' is no regular expression"):
        group_names(names, "(")
    with pytest.raises(ValueError, match=r"no clip has a name that 'song' matches, for instance 'x_1'; "):
        group_names(names, "song")
    assert sources(names, r"(.*)_\d+") == {"pattern": r"(.*)_\d+", "clips": 4, "sources": 3, "unmatched": ["odd"]}
    assert sources(names, None) == {"pattern": None, "clips": 4, "sources": 4, "unmatched": []}


def test_intervals_hold_the_summary_and_follow_the_sources():
    scores = [{"loris": {"bcs": b, "bhs": h}} for b, h in 100 * RNG.random((20, 2))]
    found = of_scores(scores, range(20))["loris"]
    assert list(found) == ["bcs", "csd", "bhs", "hsd", "f1"]
    values = np.array([[one["loris"]["bcs"], one["loris"]["bhs"]] for one in scores])
    assert found["bcs"] == pytest.approx(bootstrap.interval(values[:, :1], range(20))[0])
    assert found["bcs"][0] < values[:, 0].mean() < found["bcs"][1]
    doubled = of_scores([*scores, *scores], [*range(20), *range(20)])["loris"]
    assert doubled["bcs"] == pytest.approx(found["bcs"])  # seen from two cameras, no more is known
    assert of_scores(scores, ["one"] * 20) == {}


def test_differences_are_paired():
    """A tenth better in every clip is certain, whatever the clips differ among themselves."""
    worse = list(RNG.random(12))
    heard = clips(a=[score + 0.1 for score in worse], b=worse, c=worse[::-1])
    compared = differences(heard, ["a", "b", "c"], own_sources(heard))
    found = {(one["first"], one["second"]): one for one in compared}
    assert set(found) == {("a", "b"), ("a", "c"), ("b", "c")}
    sure = found["a", "b"]
    assert (sure["clips"], sure["protocol"], sure["metric"]) == (12, "strict", "beat_f70")
    assert [sure[key] for key in ("difference", "low", "high")] == pytest.approx([0.1] * 3)
    assert sure["p_at_most"] and not found["b", "c"]["p_at_most"]  # no resample without the tenth
    assert sure["p"] < 0.01 < 0.5 < found["b", "c"]["p"]
    assert found["b", "c"]["low"] < 0 < found["b", "c"]["high"]


def test_only_common_clips_are_compared():
    heard = [*clips(a=[0.1, 0.2, 0.3], b=[0.1, 0.2, 0.3]), *clips(a=[0.9])]
    (found,) = differences(heard, ["a", "b"], own_sources(heard))
    assert (found["clips"], found["difference"], found["p"]) == (3, 0.0, 1.0)
    assert differences(heard, ["a", "b"], dict.fromkeys(own_sources(heard), "one source")) == []


def test_metrics_of_some_clips_are_compared_on_those():
    """Alignment: three of five clips have a pose, the first has none."""
    heard = clips(a=[0.1, 0.2, 0.3, 0.4, 0.5], b=[0.1] * 5, truth=[1.0] * 5)
    for i in (1, 3, 4):
        heard[i].scores["a"]["alignment"], heard[i].scores["b"]["alignment"] = {"bas": 0.1 * i}, {"bas": 0.0}
    groups = own_sources(heard)
    found = {one["protocol"]: one for one in differences(heard, ["a", "b"], groups)}
    assert found["strict"]["clips"] == 5 and found["alignment"]["clips"] == 3
    assert found["alignment"]["difference"] == pytest.approx(0.8 / 3)
    table = systems.table(heard, ["a"], ("strict",), systems.embedded(heard, (), {}))
    assert table["a"]["rhythm"]["alignment"]["bas"] == pytest.approx(0.8 / 3)


def paired(monkeypatch, score, count=6, per_source=1):
    """Clips of one system, `per_source` of each source, whose score against another's reference is `score(own, other)`,
    and their groups."""
    monkeypatch.setattr(pipeline, "compare", lambda true, heard, *_: {"beat_f70": float(score(heard, true))})
    heard = [
        dataclasses.replace(one, truth=i, generated={"a": i})
        for i, one in enumerate(clips(a=[0.5] * count, truth=[1.0] * count))
    ]
    return heard, {str(i): f"source {i // per_source}" for i in range(count)}


def test_a_shuffled_row_holds_all_pairs_of_different_sources(monkeypatch):
    heard, groups = paired(monkeypatch, lambda own, other: 10 * own + other, per_source=2)
    found = systems.shuffled(heard, "a", ("strict",), groups)
    expected = [(i, j) for i in range(6) for j in range(6) if i // 2 != j // 2]
    assert [names for _, names in found] == [(str(i), str(j)) for i, j in expected]
    assert [scores["strict"]["beat_f70"] for scores, _ in found] == [10 * i + j for i, j in expected]
    assert systems.shuffled(heard, "a", ("strict",), dict.fromkeys(groups, "one source")) == []


def test_of_very_many_clips_some_of_every_source_meet_each_other(monkeypatch):
    monkeypatch.setattr(systems, "PAIRED", 8)
    heard, groups = paired(monkeypatch, lambda own, other: 0, count=20, per_source=5)
    found = systems.shuffled(heard, "a", ("strict",), groups)
    chosen = {own for _, (own, _) in found}
    assert len(chosen) == 8 and [sum(groups[name] == f"source {i}" for name in chosen) for i in range(4)] == [2] * 4
    assert len(found) == len({names for _, names in found}) == 8 * 6


def test_the_shuffled_row_has_intervals_by_the_sources_of_both_clips(monkeypatch):
    heard, groups = paired(monkeypatch, lambda own, other: RNG.random())
    pairs = {"a": systems.shuffled(heard, "a", ("strict",), groups)}
    table = systems.table(heard, ["a"], ("strict",), systems.embedded(heard, (), {}), groups, pairs)
    assert table["a (shuffled)"]["clips"] == 6 and table["a (shuffled)"]["pairs"] == 30
    low, high = table["a (shuffled)"]["interval"]["strict"]["beat_f70"]
    assert low < table["a (shuffled)"]["rhythm"]["strict"]["beat_f70"] < high


def test_the_shuffled_row_s_interval_covers_what_it_should(monkeypatch):
    """Scores that depend on clip, reference, source and pair, with mean 0: how many of 300 intervals hold it.

    95 % wanted; the share's own deviation is 1.3 %. One sparse pair for each clip, weighted so, had intervals 1.6 times
    too wide.
    """
    rng, limits, means = np.random.default_rng(2), [], []
    for _ in range(300):
        own, other, pair = (rng.normal(size=size) for size in ((30, 1), 30, (30, 30)))
        scores = own + other + pair + np.repeat(rng.normal(size=15), 2)[:, None]
        heard, groups = paired(monkeypatch, lambda i, j, scores=scores: scores[i, j], count=30, per_source=2)
        found = systems.shuffled(heard, "a", ("strict",), groups)
        means.append(np.mean([one["strict"]["beat_f70"] for one, _ in found]))
        sources = [tuple(groups[name] for name in names) for _, names in found]
        limits.append(of_scores([one for one, _ in found], sources, 300)["strict"]["beat_f70"])
    low, high = np.array(limits).T
    assert 0.91 <= np.mean((low <= 0) & (high >= 0)) <= 0.98
    assert 0.85 <= np.mean(high - low) / (2 * 1.96 * np.std(means)) <= 1.2
