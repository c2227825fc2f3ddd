"""Intervals of systems and the differences between them."""

import numpy as np
import pytest

from pace.evaluation import confidence, systems
from pace.evaluation.file_hearing import Clip, Heard
from pace.evaluation.intervals import of_scores
from pace.evaluation.system_intervals import differences, group_names

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


def test_intervals_hold_the_summary_and_follow_the_sources():
    scores = [{"loris": {"bcs": b, "bhs": h}} for b, h in 100 * RNG.random((20, 2))]
    found = of_scores(scores, range(20))["loris"]
    assert list(found) == ["bcs", "csd", "bhs", "hsd", "f1"]
    values = np.array([[one["loris"]["bcs"], one["loris"]["bhs"]] for one in scores])
    assert found["bcs"] == pytest.approx(confidence.interval(values[:, :1], range(20))[0])
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
    assert sure["p"] < 0.01 < 0.5 < found["b", "c"]["p"]
    assert found["b", "c"]["low"] < 0 < found["b", "c"]["high"]


def test_only_common_clips_are_compared():
    heard = [*clips(a=[0.1, 0.2, 0.3], b=[0.1, 0.2, 0.3]), *clips(a=[0.9])]
    (found,) = differences(heard, ["a", "b"], own_sources(heard))
    assert (found["clips"], found["difference"], found["p"]) == (3, 0.0, 1.0)
    assert differences(heard, ["a", "b"], dict.fromkeys(own_sources(heard), "one source")) == []


def test_the_shuffled_row_has_intervals_by_the_sources_of_both_clips(monkeypatch):
    monkeypatch.setattr(systems, "compare", lambda one, other, protocol: {"beat_f70": float(RNG.random())})
    heard = clips(a=[0.1, 0.5, 0.4, 0.2, 0.3, 0.7], truth=[1.0] * 6)
    for one in heard:
        one.generated["a"] = None
    table = systems.table(heard, ["a"], ("strict",), systems.embedded(heard, (), {}))
    low, high = table["a (shuffled)"]["interval"]["strict"]["beat_f70"]
    assert low < table["a (shuffled)"]["rhythm"]["strict"]["beat_f70"] < high
    assert systems.shuffled(heard, "a", ("strict",))[0][1] == ("0", "3")
