"""The differences between systems, paired by clip."""

import numpy as np
import pytest
from helpers.scored_clips import clip_of

from pace.evaluation.distances import Distances
from pace.evaluation.score_clips import ScoredClip
from pace.evaluation.table import own_scores
from pace.scoring import rows
from pace.scoring.differences import rhythm_differences

RNG = np.random.default_rng(0)


def clips(sources=None, **scores_of):
    """Clips 0, 1, ... with the beat F of each system; each its own source unless told."""
    count = len(next(iter(scores_of.values())))
    return [
        ScoredClip(
            clip_of(str(i), source=sources[i] if sources else None),
            scores={system: {"strict": {"beat_f70": values[i]}} for system, values in scores_of.items()},
        )
        for i in range(count)
    ]


def test_differences_are_paired():
    """A tenth better in every clip is certain, whatever the clips differ among themselves."""
    worse = list(RNG.random(12))
    scored = clips(a=[score + 0.1 for score in worse], b=worse, c=worse[::-1])
    found = {(one["first"], one["second"]): one for one in rhythm_differences(scored, ["a", "b", "c"])}
    assert set(found) == {("a", "b"), ("a", "c"), ("b", "c")}
    sure = found["a", "b"]
    assert (sure["clips"], sure["protocol"], sure["metric"]) == (12, "strict", "beat_f70")
    assert [sure[key] for key in ("difference", "low", "high")] == pytest.approx([0.1] * 3)
    assert sure["p_at_most"] and not found["b", "c"]["p_at_most"]  # no resample without the tenth
    assert sure["p"] < 0.01 < 0.5 < found["b", "c"]["p"]
    assert found["b", "c"]["low"] < 0 < found["b", "c"]["high"]


def test_only_common_clips_are_compared():
    scored = [*clips(a=[0.1, 0.2, 0.3], b=[0.1, 0.2, 0.3]), *clips(a=[0.9])]
    (found,) = rhythm_differences(scored, ["a", "b"])
    assert (found["clips"], found["difference"], found["p"]) == (3, 0.0, 1.0)
    one_source = clips(sources=["one source"] * 3, a=[0.1, 0.2, 0.3], b=[0.1, 0.2, 0.3])
    assert rhythm_differences(one_source, ["a", "b"]) == []


def test_metrics_of_some_clips_are_compared_on_those():
    """Alignment: three of five clips have a pose, the first has none."""
    scored = clips(a=[0.1, 0.2, 0.3, 0.4, 0.5], b=[0.1] * 5, truth=[1.0] * 5)
    for i in (1, 3, 4):
        scored[i].scores["a"]["alignment"], scored[i].scores["b"]["alignment"] = {"bas": 0.1 * i}, {"bas": 0.0}
    found = {one["protocol"]: one for one in rhythm_differences(scored, ["a", "b"])}
    assert found["strict"]["clips"] == 5 and found["alignment"]["clips"] == 3
    assert found["alignment"]["difference"] == pytest.approx(0.8 / 3)
    table = rows.entries({"a": own_scores(scored, "a")}, Distances([], []))
    assert table["a"]["rhythm"]["alignment"]["bas"] == pytest.approx(0.8 / 3)
