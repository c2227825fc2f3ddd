"""Results by thirds of the dances."""

import numpy as np
import pytest
from helpers.scored_clips import clip_of, events_at, scored_clip

from pace.evaluation import strength, table
from pace.evaluation.clips import Annotations

PROTOCOLS = ("loris", "strict")
BEATS = np.arange(0.5, 5, 0.5)


def test_thirds_are_by_rank_with_ties_in_order():
    def names(values):
        return [*strength.thirds({str(i): value for i, value in enumerate(values)}).items()]

    assert names([0.9, 0.1, 0.5]) == [("1", "weak"), ("2", "middle"), ("0", "strong")]
    assert names([0.5] * 3) == [("0", "weak"), ("1", "middle"), ("2", "strong")]
    assert names([0.7, 0.2]) == [("1", "weak"), ("0", "strong")]
    assert names([0.7]) == [("0", "middle")]
    assert names([]) == []
    of_twenty = [third for _, third in names(np.linspace(0, 1, 20))]
    assert of_twenty == ["weak"] * 7 + ["middle"] * 6 + ["strong"] * 7


def clips_of(strengths, clips=2):
    """Clips of dances whose music is late by 0.2 s (weak, below 0.3) or on time; every dance has its own beats."""
    scored = []
    for i, value in enumerate(strengths):
        for j in range(clips):
            truth = events_at(np.arange(0.3 + 0.03 * i, 5, 0.45 + 0.02 * i), 120.0)
            late = 0.2 if value is not None and value < 0.3 else 0.0
            own = events_at(truth.beats + late, 120.0)
            clip = clip_of(f"d{i}_{j}", video=f"d{i}", annotations=Annotations(strength=value))
            scored.append(scored_clip(clip, {"truth": truth, "generated": own, "clock": events_at(BEATS)}, PROTOCOLS))
    return scored


def section_of(scored):
    return strength.section(scored, table.pipeline_rows(scored, PROTOCOLS))


def test_each_third_has_the_figures_of_its_dances():
    """Five weak dances, five in the middle, five strong, and one of unknown strength, which is in none."""
    strengths = [0.05 * i for i in range(5)] + [0.5 + 0.05 * i for i in range(10)] + [None]
    scored = clips_of(strengths)
    found = section_of(scored)
    assert list(found) == ["weak", "middle", "strong"]
    for third, span in (("weak", [0.0, 0.2]), ("middle", [0.5, 0.7]), ("strong", [0.75, 0.95])):
        results = found[third]
        assert (results["dances"], results["clips"], results["strength"]) == (5, 10, pytest.approx(span))
        assert set(results["rhythm"]) == {"truth", "generated", "clock", "shuffled"}
        assert set(results["rhythm"]["clock"]) == {"strict", "dynamics"}
        assert results["rhythm"]["truth"]["strict"]["beat_f70"] == 1
        names = {
            f"d{i}" for i, value in enumerate(strengths) if value is not None and span[0] <= value <= span[1] + 1e-9
        }
        own = [clip.scores["clock"]["strict"]["onset_f70"] for clip in scored if clip.source in names]
        assert results["rhythm"]["clock"]["strict"]["onset_f70"] == pytest.approx(np.mean(own))
        low, high = results["interval"]["clock"]["strict"]["onset_f70"]
        assert low < np.mean(own) < high
    assert found["weak"]["rhythm"]["generated"]["strict"]["beat_f70"] == 0
    assert found["strong"]["rhythm"]["generated"]["strict"]["beat_f70"] == 1
    difference = found["strong"]["own_minus_shuffled"]["strict"]["beat_f70"]
    shuffled = found["strong"]["rhythm"]["shuffled"]["strict"]["beat_f70"]
    assert difference["difference"] == pytest.approx(1 - shuffled) and difference["interval"][0] > 0.3
    weak = found["weak"]["own_minus_shuffled"]["strict"]["beat_f70"]
    assert weak["interval"][0] < weak["difference"] < 0


def test_a_shuffled_pair_is_within_a_third():
    """Of three dances each third has one, and no pair."""
    found = section_of(clips_of([0.1, 0.5, 0.9]))
    assert [*found] == ["weak", "middle", "strong"]
    for results in found.values():
        assert "shuffled" not in results["rhythm"]
        assert results["interval"] == results["own_minus_shuffled"] == {}


def test_without_strengths_or_metrics_there_is_nothing_and_a_third_without_clips_is_missing():
    assert section_of(clips_of([None, None])) is None
    scored = clips_of([0.1, 0.9])
    assert strength.section(scored, table.pipeline_rows(scored, ())) is not None  # clips are scored by these protocols
    found = section_of(scored)
    assert [*found] == ["weak", "strong"]
    lines = strength.text(found).splitlines()
    assert lines[1] == "by strength of the dances: weak (1), middle, strong (1) third"
    shown = {line.split()[0]: line.split()[1:] for line in lines[3:]}
    assert [*shown] == ["generated", "truth", "clock"]
    assert shown["generated"][:3] == ["0.00", "–", "1.00"]
    only_bins = [scored_clip(clip.clip, clip.events, ("loris",)) for clip in scored]
    assert strength.section(only_bins, table.pipeline_rows(only_bins, ("loris",))) is None


def test_all_cameras_of_a_dance_are_in_one_third():
    scored = clips_of([0.1, 0.5, 0.9], clips=3)
    assert strength.strengths(scored) == pytest.approx({"d0": 0.1, "d1": 0.5, "d2": 0.9})
    assert {third: results["clips"] for third, results in section_of(scored).items()} == {
        "weak": 3, "middle": 3, "strong": 3,
    }  # fmt: skip
