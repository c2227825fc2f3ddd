"""Which metrics are informative, on scores made by hand."""

import dataclasses

import numpy as np
import pytest
from helpers.scored_clips import clip_of, events_at, scored_clip

from pace.evaluation import metric_validity, table
from pace.evaluation.distances import Distances
from pace.evaluation.metric_validity import Pair, distance_marks, uninformative

rng = np.random.default_rng(0)
NOISE = rng.normal(0, 0.05, 12)


def pairs(metric, true, chance, protocol="strict", dances=None):
    """One pair for each clip: true is a list of columns (truth, ceiling), chance a column."""
    dances = dances or [f"d{i}" for i in range(len(chance))]
    return [
        Pair(tuple({protocol: {metric: column[i]}} for column in true), {protocol: {metric: chance[i]}}, (dances[i],))
        for i in range(len(chance))
    ]


def binned(true, chance):
    """Pairs of (bcs, bhs) columns."""

    def scores(column, i):
        return {"loris": {"bcs": column[0][i], "bhs": column[1][i]}}

    count = len(chance[0])
    return [Pair(tuple(scores(one, i) for one in true), scores(chance, i), (f"d{i}",)) for i in range(count)]


ONE = np.ones(12)


def test_a_metric_is_informative_where_the_true_music_beats_every_control():
    controls = {name: pairs("beat_f70", [ONE], 0.3 + NOISE) for name in metric_validity.CHANCE}
    assert uninformative(controls) == {"strict": {"beat_f70": []}}


def test_the_controls_that_are_not_separated_are_named():
    controls = {
        "random": pairs("beat_f70", [ONE], 0.3 + NOISE),
        "clicks": pairs("beat_f70", [ONE], ONE),  # equal
        "clicks120": pairs("beat_f70", [0.9 * ONE], ONE),  # better than the truth
        "delayed": pairs("beat_f70", [0.5 + NOISE], 0.5 - NOISE - (NOISE - NOISE.mean())),  # noise about no difference
    }
    assert uninformative(controls) == {"strict": {"beat_f70": ["clicks", "clicks120", "delayed"]}}


def test_the_difference_is_paired():
    """Clips differ far more than truth and control, which differ by the same everywhere."""
    level = np.linspace(0, 1, 12)
    assert uninformative({"random": pairs("cmlt", [level], level - 0.02)}) == {"strict": {"cmlt": []}}
    assert uninformative({"random": pairs("cmlt", [level], np.roll(level, 5) - 0.02)}) == {
        "strict": {"cmlt": ["random"]}
    }


@pytest.mark.parametrize("metric", ["tempo_error_bpm", "tempo_error_octave_bpm"])
def test_errors_are_better_when_lower(metric):
    assert uninformative({"random": pairs(metric, [1 + NOISE], 20 + NOISE)}) == {"strict": {metric: []}}
    assert uninformative({"random": pairs(metric, [20 + NOISE], 1 + NOISE)}) == {"strict": {metric: ["random"]}}
    assert uninformative({"delayed": pairs(metric, [1 + NOISE], 1 + NOISE)}) == {"strict": {metric: ["delayed"]}}


def test_truth_that_wins_by_identity_alone_is_not_enough():
    """Full marks of the truth against itself; the truth through the vocoder scores as the delayed music does."""
    late = 0.85 + NOISE
    truth, ceiling = ONE, 0.85 + np.roll(NOISE, 1)
    assert uninformative({"delayed": pairs("onset_f70", [truth], late)}) == {"strict": {"onset_f70": []}}
    assert uninformative({"delayed": pairs("onset_f70", [truth, ceiling], late)}) == {
        "strict": {"onset_f70": ["delayed"]}
    }
    assert uninformative({"delayed": pairs("onset_f70", [truth, ceiling], 0.2 * late)}) == {"strict": {"onset_f70": []}}
    assert uninformative({"delayed": pairs("onset_f70", [ceiling, truth], late)}) == {
        "strict": {"onset_f70": ["delayed"]}
    }


def test_binned_protocols():
    full, noisy = (100 * ONE, 100 * ONE), (60 + 100 * NOISE, 50 + 100 * NOISE)
    assert uninformative({"random": binned([full], noisy)}) == {
        "loris": {"bcs": [], "csd": [], "bhs": [], "hsd": [], "f1": []}
    }
    # A click in every bin is as good as the truth; no deviation on either side.
    assert uninformative({"clicks": binned([full], full)}) == {
        "loris": {name: ["clicks"] for name in ("bcs", "csd", "bhs", "hsd", "f1")}
    }


def test_a_deviation_counts_only_where_its_score_does():
    """BCS varies about the truth's, so that its deviation is above the truth's 0; that says nothing of rhythm."""
    around = 100 + 300 * (NOISE - NOISE.mean())
    found = uninformative({"clicks": binned([(100 * ONE, 100 * ONE)], (around, 50 + 100 * NOISE))})
    assert found == {"loris": {"bcs": ["clicks"], "csd": ["clicks"], "bhs": [], "hsd": [], "f1": []}}


def test_rounding_is_no_difference():
    """The deviation of a constant third, in floats, may be above 0."""
    third = (100 * ONE / 3, 100 * ONE / 3)
    found = uninformative({"random": binned([third], (third[0] * (1 - 1e-15), third[1]))})
    assert set(map(tuple, found["loris"].values())) == {("random",)}


def test_a_control_or_a_protocol_that_is_missing():
    full = pairs("beat_f70", [ONE], 0.3 + NOISE)
    some = [dataclasses.replace(pair, chance=pair.chance | {"alignment": {"bas": 0.9}}) for pair in full[:3]]
    assert uninformative({"random": [], "delayed": full}) == {"strict": {"beat_f70": []}}
    assert uninformative({"delayed": some + full[3:]}) == {"strict": {"beat_f70": []}}  # truth without alignment
    assert uninformative({}) == {}


def test_few_dances_say_nothing():
    three, four = (pairs("beat_f70", [ONE], 0.3 + NOISE, dances=[f"d{i % n}" for i in range(12)]) for n in (3, 4))
    assert uninformative({"random": three}) == {}
    assert uninformative({"random": four}) == {"strict": {"beat_f70": []}}


def test_dances_are_resampled_not_clips():
    """Twelve clips of four dances: in one of them the control is better. Twelve clips alone would tell them apart."""
    dances = [f"d{i // 3}" for i in range(12)]
    better = np.where(np.arange(12) < 3, 1.1, 0.8)
    assert uninformative({"random": pairs("cmlt", [ONE], better, dances=dances)})["strict"]["cmlt"] == ["random"]
    assert uninformative({"random": pairs("cmlt", [ONE], 0.2 + better / 2, dances=dances)})["strict"]["cmlt"] == []


def scored(number):
    true = np.arange(0.1 + 0.03 * number, 5, 0.5 + 0.02 * number)
    rows = {"truth": true, "ceiling": true + 0.01, "generated": true, "clicks": np.arange(0.5, 5)}
    clip = clip_of(f"c{number}", f"v{number}", f"m{number}", f"dance c{number}")
    return scored_clip(clip, {row: events_at(times, 120.0) for row, times in rows.items()}, ("d2mgan", "strict"))


def test_pairs_of_clips():
    """A shuffled pair meets the true music of its reference; a good score of the generated music changes nothing."""
    clips = [scored(i) for i in range(6)]
    rows = table.pipeline_rows(clips, ("d2mgan", "strict"))
    chance = {row: rows.get(row, []) for row in metric_validity.CHANCE}
    pairs = metric_validity.pairs(chance)
    assert {row: len(column) for row, column in pairs.items()} == {
        "shuffled": 30, "random": 0, "clicks": 6, "clicks120": 0, "delayed": 0,
    }  # fmt: skip
    first = pairs["shuffled"][0]
    assert first.sources == ("dance c0", "dance c1")
    assert first.chance == rows["shuffled"][0].scores
    assert first.true == (clips[1].scores["truth"], clips[1].scores["ceiling"])
    assert pairs["clicks"][2] == Pair(
        (clips[2].scores["truth"], clips[2].scores["ceiling"]), clips[2].scores["clicks"], ("dance c2",)
    )
    marks = uninformative(pairs)
    assert marks["strict"]["onset_f70"] == marks["strict"]["beat_f70"] == []
    assert "shuffled" in marks["d2mgan"]["bhs"] and "clicks" in marks["d2mgan"]["bhs"]
    assert metric_validity.marks(chance, Distances([], [])) == marks


def distances_of(count=24, **noise):
    """Distances of rows that are the truth with so much noise of their own, in two numbers of each clip."""
    rng = np.random.default_rng(7)
    truth = rng.normal(size=(count, 1, 2))
    rows = {row: truth + scale * rng.normal(size=(count, 1, 2)) for row, scale in noise.items()}
    clips = [{row: {"vggish": points[i]} for row, points in ({"truth": truth} | rows).items()} for i in range(count)]
    return Distances(clips, [f"dance {i}" for i in range(count)])


def test_a_distance_tells_controls_that_are_surely_farther_than_the_ceiling():
    found = distances_of(ceiling=0.5, generated=0.3, random=0.55, clicks=4.0, delayed=0.1)
    values = {row: found.row_figures(row)[0]["vggish"]["fad"] for row in found.rows}
    assert values["delayed"] < values["ceiling"] < values["random"] < values["clicks"]
    assert distance_marks(found) == {"vggish": {"fad": ["random", "delayed"], "fad_inf": ["random", "delayed"]}}
    # The same points, but from three dances: nothing can be said.
    clips = [{row: {"vggish": np.ones((2, 2))} for row in ("truth", "ceiling", "delayed")}] * 3
    assert distance_marks(Distances(clips, ["a", "b", "c"])) == {}


def test_random_music_stands_for_a_missing_ceiling_and_nothing_else_does():
    """A good system, nearer than every control, says nothing about the distance."""
    assert distance_marks(distances_of(generated=0.1, random=0.5, clicks=4.0, delayed=0.3)) == {
        "vggish": {"fad": ["delayed"], "fad_inf": ["delayed"]}
    }
    assert distance_marks(distances_of(generated=0.1, clicks=4.0, delayed=2.0)) == {}
    assert distance_marks(Distances([], [])) == {}


@pytest.mark.parametrize(("generated", "marked"), [(0.9, []), (0.5, ["beat_f70"]), (0.3, ["beat_f70"])])
def test_what_is_not_above_the_clock(generated, marked):
    clips = [scored_clip(clip_of(f"c{i}"), {"truth": events_at([1.0])}, ("strict",)) for i in range(8)]
    values = {"clock": 0.5 + NOISE[:8], "generated": generated + NOISE[8:].repeat(2)}

    def row(name, used):
        return [table.RowScore({"strict": {"beat_f70": values[name][i]}}, clips[i], clips[i]) for i in used]

    rows = {"generated": row("generated", range(8)), "clock": row("clock", range(1, 8))}  # a clip has no pose
    empty = Distances([], [])
    assert metric_validity.not_above(rows, "generated", empty) == {"strict": marked}
    few = {"generated": row("generated", range(8)), "clock": row("clock", range(3))}
    assert metric_validity.not_above(few, "generated", empty) == {}
    assert metric_validity.not_above({"generated": rows["generated"]}, "generated", empty) is None


def pairs_of(own, shuffled):
    """Rows of eight dances. own (8,): beat F of each one's music. shuffled (8,8): with another's reference."""
    clips = [scored_clip(clip_of(f"c{i}"), {"truth": events_at([1.0])}, ("strict",)) for i in range(len(own))]

    def entry(value, i, j):
        return table.RowScore({"strict": {"beat_f70": value, "tempo_error_bpm": 10 - 10 * value}}, clips[i], clips[j])

    return {
        "generated": [entry(own[i], i, i) for i in range(len(own))],
        "shuffled": [entry(shuffled[i, j], i, j) for i in range(len(own)) for j in range(len(own)) if i != j],
    }


@pytest.mark.parametrize(("level", "marked"), [(0.7, []), (0.3, ["beat_f70", "tempo_error_bpm"])])
def test_own_music_minus_shuffled(level, marked):
    """The difference is that of the means, with an interval over the dances of both sides; a lower error is better."""
    rng = np.random.default_rng(3)
    rows = pairs_of(level + rng.normal(0, 0.05, 8), 0.3 + rng.normal(0, 0.05, (8, 8)))
    found = metric_validity.own_minus_shuffled(rows, "generated")["strict"]
    means = [np.mean([entry.scores["strict"]["beat_f70"] for entry in entries]) for entries in rows.values()]
    low, high = found["beat_f70"]["interval"]
    assert found["beat_f70"]["difference"] == pytest.approx(means[0] - means[1])
    assert low < means[0] - means[1] < high and (low > 0) == (not marked)
    assert found["tempo_error_bpm"]["difference"] == pytest.approx(10 * (means[1] - means[0]))
    assert metric_validity.not_above(rows, "generated", Distances([], []), "shuffled") == {"strict": marked}


def test_own_minus_shuffled_needs_four_dances_and_a_shuffled_row():
    rows = pairs_of(np.full(3, 0.9), np.full((3, 3), 0.1))
    assert metric_validity.own_minus_shuffled(rows, "generated") == {}
    assert metric_validity.own_minus_shuffled({"generated": rows["generated"]}, "generated") == {}


def test_own_minus_shuffled_leaves_out_music_without_a_value():
    """Of one dance the music is silent: neither its own nor its shuffled scores count."""
    own = np.array([0.8, 0.9, np.nan, 0.7, 0.8])
    shuffled = np.full((5, 5), 0.2)
    shuffled[2] = np.nan
    found = metric_validity.own_minus_shuffled(pairs_of(own, shuffled), "generated")
    assert found["strict"]["beat_f70"]["difference"] == pytest.approx(0.6)
