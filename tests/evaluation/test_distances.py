"""The Frechet table: which networks listen, what is said where none does, and that rows meet the true music."""

import numpy as np
import pytest
import torch
from helpers.random_weights import randomise

from pace.evaluation import distances
from pace.evaluation.embedders import clap, networks, vggish
from pace.evaluation.metrics import frechet

RNG = np.random.default_rng(0)


def sections(clips, missing=None, sources=None):
    found = distances.Distances(clips, [str(i) for i in range(len(clips))] if sources is None else sources)
    return distances.sections(found, missing or {})


def digits(value: float) -> float:
    """The value with the five significant digits that a section holds."""
    return float(f"{value:.4e}")


class Level:
    """A network of two numbers: mean and deviation of each half second."""

    def embed(self, wave, sample_rate):
        parts = wave[: len(wave) // (sample_rate // 2) * (sample_rate // 2)].reshape(-1, sample_rate // 2)
        return np.stack([parts.mean(axis=1), parts.std(axis=1)], axis=1)


def test_no_weights_are_said_and_never_a_number(tmp_path):
    (tmp_path / "README.md").write_text("a placeholder")
    networks, missing = distances.load_networks(distances.EXTRACTORS, {"vggish": tmp_path, "cnn14": tmp_path})
    assert networks == {}
    assert missing == {
        name: f"not computed: no weights (python -m pace fetch {name})" for name in ("vggish", "cnn14", "clap")
    }
    assert distances.load_networks(("descriptors",), {}) == ({}, {})
    with pytest.raises(ValueError, match="no extractor 'openl3'; there are descriptors, vggish, cnn14, clap"):
        distances.load_networks(("openl3",), {})


def test_wrong_weights_are_an_error_and_a_missing_package_a_reason(tmp_path, monkeypatch):
    torch.save({"a": torch.ones(1)}, tmp_path / "a.pth")
    with pytest.raises(vggish.weights.WeightsError, match=r"a\.pth: not the weights of VGGish"):
        distances.load_networks(("vggish",), {"vggish": tmp_path / "a.pth"})
    with pytest.raises(vggish.weights.WeightsError, match=r"gone\.pth: no such weights file"):
        distances.load_networks(("vggish",), {"vggish": tmp_path / "gone.pth"})

    def absent():
        raise ImportError("CLAP needs transformers: pip install -r requirements-clap.txt")

    monkeypatch.setattr(clap, "_transformers", absent)
    _, missing = distances.load_networks(("clap",), {"clap": tmp_path / "a.pth"})
    assert missing == {"clap": "not computed: CLAP needs transformers: pip install -r requirements-clap.txt"}


def test_a_network_with_weights_listens(tmp_path, monkeypatch):
    """A narrow VGGish from a file: its distances are those of its embeddings, as computed by hand."""
    small = randomise(vggish.VGGish(width=0.02))
    torch.save(small.state_dict(), tmp_path / "small.pth")

    def load(path):
        net = vggish.VGGish(width=0.02)
        net.load_state_dict(torch.load(path, weights_only=True))
        return net.eval()

    monkeypatch.setitem(networks.LOADERS, "vggish", load)
    loaded, missing = distances.load_networks(("descriptors", "vggish"), {"vggish": tmp_path / "small.pth"})
    assert (set(loaded), missing) == ({"vggish"}, {})
    clips = []
    for _ in range(3):
        waves = {row: RNG.normal(size=5 * 16000).astype(np.float32) * 0.1 for row in ("truth", "generated")}
        described = {row: RNG.normal(size=(5, 38)) for row in waves}
        clips.append(distances.of_clip(("descriptors", "vggish"), networks, described, waves, 16000))
    section, _ = sections(clips, missing)
    assert set(section) == {"generated", "warning"}
    rows = {row: np.concatenate([clip[row]["vggish"] for clip in clips]) for row in ("truth", "generated")}
    assert section["generated"]["vggish"]["fad"] == digits(frechet.frechet(rows["truth"], rows["generated"])) > 0
    assert section["generated"]["vggish"]["n"] == 15
    assert section["generated"]["vggish"]["clips"] == 3
    assert section["generated"]["vggish"]["d"] == 128
    assert section["warning"]["vggish"].startswith("n = 15 rows of 3 clips, not above d = 128")
    assert "fad_panns_pooled_legacy" not in section["generated"]["vggish"]


def test_only_what_is_wanted_is_computed():
    described = {"truth": np.zeros((5, 38)), "generated": np.zeros((5, 38))}
    waves = {row: RNG.normal(size=32000) for row in described}
    networks = {"cnn14": Level()}
    assert distances.of_clip((), {}, described, {}, 16000) == {"truth": {}, "generated": {}}
    found = distances.of_clip(("cnn14",), networks, described, waves, 16000)
    assert {row: {name: points.shape for name, points in of.items()} for row, of in found.items()} == {
        "truth": {"cnn14": (4, 2)}, "generated": {"cnn14": (4, 2)},
    }  # fmt: skip
    assert sections([{"truth": {}, "generated": {}}]) == ({}, {})


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


def made(count=20, rows=("truth", "near", "far"), seed=0):
    """Clips of two rows of descriptors each; every row is the truth with more noise."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(count, 2, 3))
    noise = rng.normal(size=(count, 2, 3))
    return [{row: {"descriptors": truth[i] + j * noise[i]} for j, row in enumerate(rows)} for i in range(count)]


def test_intervals_follow_the_dances_and_stand_around_the_values():
    clips = made()
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
    clips = made()
    del clips[3]["near"], clips[4]["far"]
    found = distances.Distances(clips, [str(i) for i in range(20)])
    count, difference = found.difference("descriptors", "far", "near")
    assert count == 18
    both = distances.Distances([clip for i, clip in enumerate(clips) if i not in (3, 4)], [str(i) for i in range(18)])
    expected = {row: both.of_row(row)[0]["descriptors"]["fad"] for row in ("near", "far")}
    assert difference["fad"].value == pytest.approx(expected["far"] - expected["near"], rel=1e-3)
    assert difference["fad"].low > 0 and difference["fad"].p < 0.05
    assert found.of_row("near")[0]["descriptors"]["clips"] == 19
    assert distances.Distances(clips, ["one"] * 20).difference("descriptors", "far", "near") == (18, {})
    assert found.difference("descriptors", "far", "gone") == (0, {})


def test_an_estimate_is_made_once(monkeypatch):
    calls = []
    estimate = frechet.estimate
    monkeypatch.setattr(frechet, "estimate", lambda *args: calls.append(1) or estimate(*args))
    found = distances.Distances(made(), [str(i) for i in range(20)])
    for _ in range(2):
        found.of_row("near"), found.of_row("far"), found.difference("descriptors", "far", "near")
    assert len(calls) == 2
