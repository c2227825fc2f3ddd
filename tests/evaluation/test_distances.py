"""The Frechet table: distances of rows to the true music of their clips, their intervals and their differences."""

import numpy as np
import pytest

from pace.evaluation import distances
from pace.evaluation.metrics import frechet

RNG = np.random.default_rng(0)


def sections(clips, missing=None, sources=None):
    sources = [str(i) for i in range(len(clips))] if sources is None else sources
    return distances.sections(distances.Distances(clips, sources), missing or {})


def digits(value: float) -> float:
    """The value with the five significant digits that a section holds."""
    return float(f"{value:.4e}")


def test_cnn14_has_the_pooled_value_under_its_legacy_name():
    clips = [{row: {"cnn14": RNG.normal(size=(1, 6)) + shift} for row, shift in (("truth", 0), ("generated", 0.5))}
             for _ in range(20)]  # fmt: skip
    section, limits = sections(clips)
    assert set(limits["generated"]["cnn14"]) == {"fad", "fad_inf"}
    true, made = (np.concatenate([clip[row]["cnn14"] for clip in clips]) for row in ("truth", "generated"))
    assert section["generated"]["cnn14"]["fad_panns_pooled_legacy"] == digits(frechet.pooled(true, made))
    assert section["generated"]["cnn14"]["fad"] == digits(frechet.frechet(true, made))
    assert section["generated"]["cnn14"]["fad"] > 3 * section["generated"]["cnn14"]["fad_panns_pooled_legacy"]


def test_one_embedding_is_no_set():
    clip = {row: {"cnn14": np.ones((1, 4)), "descriptors": np.eye(4)} for row in ("truth", "generated")}
    section, limits = sections([clip], {"clap": "not computed: no weights"})
    assert limits == {}
    assert set(section["generated"]) == {"descriptors"}
    assert section["warning"]["cnn14"] == "1 embedding in generated or the reference: a distance needs two or more"
    assert section["not_computed"] == {"clap": "not computed: no weights"}


def test_order_of_clips_changes_no_distance():
    clips = [{row: {"descriptors": RNG.normal(size=(5, 3)) + i / 9} for row in ("truth", "ceiling")} for i in range(9)]
    names = [f"dance {i}" for i in range(9)]
    assert sections(clips[::-1], sources=names[::-1]) == sections(clips, sources=names)


def noisy_clips(count=20, rows=("truth", "near", "far"), seed=0):
    """Clips of two rows of descriptors each; every row is the truth with more noise."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(count, 2, 3))
    noise = rng.normal(size=(count, 2, 3))
    return [{row: {"descriptors": truth[i] + j * noise[i]} for j, row in enumerate(rows)} for i in range(count)]


def test_intervals_follow_the_dances_and_stand_around_the_values():
    clips = noisy_clips()
    section, limits = sections(clips)
    true, near = (np.concatenate([clip[row]["descriptors"] for clip in clips]) for row in ("truth", "near"))
    assert section["near"]["descriptors"]["fad"] == digits(frechet.frechet(true, near))
    assert {"n": 40, "n_reference": 40, "clips": 20, "d": 3}.items() < section["near"]["descriptors"].items()
    for row in ("near", "far"):
        for figure, (low, high) in limits[row]["descriptors"].items():
            assert low < section[row]["descriptors"][figure] < high
    dances = [f"dance {i // 4}" for i in range(20)]
    assert sections(clips, sources=dances)[1]["near"]["descriptors"].keys() == {"fad"}  # five: too few to halve
    twice = sections([*clips, *clips], sources=[*range(20), *range(20)])[1]  # from two cameras: no more is known
    assert twice["far"]["descriptors"]["fad"] == pytest.approx(limits["far"]["descriptors"]["fad"], rel=0.1)
    assert sections(clips, sources=[i % 3 for i in range(20)])[1] == {}


def test_differences_are_of_the_clips_that_both_rows_have():
    clips = noisy_clips()
    del clips[3]["near"], clips[4]["far"]
    found = distances.Distances(clips, [str(i) for i in range(20)])
    count, difference = found.difference("descriptors", "far", "near")
    assert count == 18
    both = distances.Distances([clip for i, clip in enumerate(clips) if i not in (3, 4)], [str(i) for i in range(18)])
    expected = {row: both.row_figures(row)[0]["descriptors"]["fad"] for row in ("near", "far")}
    assert difference["fad"].value == pytest.approx(expected["far"] - expected["near"], rel=1e-3)
    assert difference["fad"].low > 0 and difference["fad"].p < 0.05
    assert found.row_figures("near")[0]["descriptors"]["clips"] == 19
    assert distances.Distances(clips, ["one"] * 20).difference("descriptors", "far", "near") == (18, {})
    assert found.difference("descriptors", "far", "gone") == (0, {})


def test_an_estimate_is_made_once(monkeypatch):
    calls = []
    estimate = frechet.estimate
    monkeypatch.setattr(frechet, "estimate", lambda *args: calls.append(1) or estimate(*args))
    found = distances.Distances(noisy_clips(), [str(i) for i in range(20)])
    for _ in range(2):
        found.row_figures("near"), found.row_figures("far"), found.difference("descriptors", "far", "near")
    assert len(calls) == 2
