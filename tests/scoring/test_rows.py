"""Shuffled rows: which pairs of clips they hold, and that their intervals cover what they should."""

import numpy as np
import pytest
from helpers.scored_clips import clip_of, events_at

from pace.evaluation import scores
from pace.evaluation.distances import Distances
from pace.evaluation.intervals import score_intervals
from pace.evaluation.score_clips import ScoredClip
from pace.scoring import rows

RNG = np.random.default_rng(0)


def names_of(pairs):
    return [(pair.clip.clip.name, pair.reference.clip.name) for pair in pairs]


def paired(monkeypatch, score, count=6, per_source=1):
    """Clips of one system, `per_source` of each source. score(own, other): the score against another's reference."""
    monkeypatch.setattr(scores, "compare", lambda true, other, *_: {"beat_f70": float(score(other.tempo, true.tempo))})
    return [
        ScoredClip(
            clip_of(str(i), f"source {i // per_source}"),
            events=dict.fromkeys(("truth", "a"), events_at([], tempo=i)),
            scores={row: {"strict": {"beat_f70": value}} for row, value in (("a", 0.5), ("truth", 1.0))},
        )
        for i in range(count)
    ]


def test_a_shuffled_row_holds_all_pairs_of_different_sources(monkeypatch):
    scored = paired(monkeypatch, lambda own, other: 10 * own + other, per_source=2)
    found = rows.shuffled(scored, "a", ("strict",))
    expected = [(i, j) for i in range(6) for j in range(6) if i // 2 != j // 2]
    assert names_of(found) == [(str(i), str(j)) for i, j in expected]
    assert [pair.scores["strict"]["beat_f70"] for pair in found] == [10 * i + j for i, j in expected]
    one_source = paired(monkeypatch, lambda own, other: 0, per_source=6)
    assert rows.shuffled(one_source, "a", ("strict",)) == []


def test_of_very_many_clips_some_of_every_source_meet_each_other(monkeypatch):
    monkeypatch.setattr(rows, "PAIRED", 8)
    found = rows.shuffled(paired(monkeypatch, lambda own, other: 0, count=20, per_source=5), "a", ("strict",))
    chosen = {pair.clip.clip.name: pair.clip.clip.source for pair in found}
    assert len(chosen) == 8 and [[*chosen.values()].count(f"source {i}") for i in range(4)] == [2] * 4
    assert len(found) == len({*names_of(found)}) == 8 * 6


def test_the_shuffled_row_has_intervals_by_the_sources_of_both_clips(monkeypatch):
    scored = paired(monkeypatch, lambda own, other: RNG.random())
    table = rows.entries(rows.score_rows(scored, ["a"], ("strict",)), Distances([], []))
    assert table["a (shuffled)"]["clips"] == 6 and table["a (shuffled)"]["pairs"] == 30
    low, high = table["a (shuffled)"]["interval"]["strict"]["beat_f70"]
    assert low < table["a (shuffled)"]["rhythm"]["strict"]["beat_f70"] < high


@pytest.mark.long
def test_the_shuffled_row_s_interval_covers_what_it_should(monkeypatch):
    """Scores that depend on clip, reference, source and pair, with mean 0: how many of 300 intervals hold it.

    95 % wanted; the share's own deviation is 1.3 %. One sparse pair for each clip, weighted so, had intervals 1.6 times
    too wide.
    """
    rng, limits, means = np.random.default_rng(2), [], []
    for _ in range(300):
        own, other, pair = (rng.normal(size=size) for size in ((30, 1), 30, (30, 30)))
        values = own + other + pair + np.repeat(rng.normal(size=15), 2)[:, None]
        scored = paired(monkeypatch, lambda i, j, values=values: values[i, j], count=30, per_source=2)
        found = rows.shuffled(scored, "a", ("strict",))
        means.append(np.mean([pair.scores["strict"]["beat_f70"] for pair in found]))
        sources = [pair.sources for pair in found]
        limits.append(score_intervals([pair.scores for pair in found], sources, 300)["strict"]["beat_f70"])
    low, high = np.array(limits).T
    assert 0.91 <= np.mean((low <= 0) & (high >= 0)) <= 0.98
    assert 0.85 <= np.mean(high - low) / (2 * 1.96 * np.std(means)) <= 1.2
