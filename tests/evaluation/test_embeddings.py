"""Embeddings of a clip: which networks are used, the message where none is, and what they are given."""

import dataclasses
import sys

import numpy as np
import pytest
import torch
from helpers.random_weights import randomise
from helpers.scored_clips import clip_of

from pace.evaluation import distances, embeddings
from pace.evaluation.clips import ClipSounds
from pace.evaluation.embedders import networks, vggish
from pace.evaluation.metrics import frechet
from pace.evaluation.score_clips import ScoredClip
from pace.media.sounds import Sound

RNG = np.random.default_rng(0)


class Waves:
    """The files of a clip: sounds made beforehand."""

    def __init__(self, rows):
        self.rows = rows

    def read(self, rebuilt=None):
        return ClipSounds(self.rows)


def scored(rows, samples):
    """A clip of noise at 16 kHz with made-up descriptors."""
    sounds = {row: Sound(0.1 * RNG.normal(size=samples).astype(np.float32), 16000) for row in rows}
    clip = dataclasses.replace(clip_of("a"), files=Waves(sounds))
    return ScoredClip(
        clip, scores={row: {} for row in rows}, descriptors={row: RNG.normal(size=(5, 38)) for row in rows}
    )


class Level:
    """A network of two numbers: mean and deviation of each half second."""

    def embed(self, wave, sample_rate):
        parts = wave[: len(wave) // (sample_rate // 2) * (sample_rate // 2)].reshape(-1, sample_rate // 2)
        return np.stack([parts.mean(axis=1), parts.std(axis=1)], axis=1)


def test_no_weights_are_said_and_never_a_number(tmp_path):
    (tmp_path / "README.md").write_text("a placeholder")
    networks, missing = embeddings.load_networks(embeddings.EXTRACTORS, {"vggish": tmp_path, "cnn14": tmp_path})
    assert networks == {}
    assert missing == {
        name: f"not computed: no weights (python -m pace fetch {name})" for name in ("vggish", "cnn14", "clap")
    }
    assert embeddings.load_networks(("descriptors",), {}) == ({}, {})
    with pytest.raises(ValueError, match="no extractor 'openl3'; there are descriptors, vggish, cnn14, clap"):
        embeddings.load_networks(("openl3",), {})


def test_wrong_weights_are_an_error_and_a_missing_package_a_reason(tmp_path, monkeypatch):
    torch.save({"a": torch.ones(1)}, tmp_path / "a.pth")
    with pytest.raises(vggish.weights.WeightsError, match=r"a\.pth: not the weights of VGGish"):
        embeddings.load_networks(("vggish",), {"vggish": tmp_path / "a.pth"})
    with pytest.raises(vggish.weights.WeightsError, match=r"gone\.pth: no such weights file"):
        embeddings.load_networks(("vggish",), {"vggish": tmp_path / "gone.pth"})

    monkeypatch.setitem(sys.modules, "transformers", None)  # importing it fails
    _, missing = embeddings.load_networks(("clap",), {"clap": tmp_path / "a.pth"})
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
    loaded, missing = embeddings.load_networks(("descriptors", "vggish"), {"vggish": tmp_path / "small.pth"})
    assert (set(loaded), missing) == ({"vggish"}, {})
    clips = [scored(("truth", "generated"), samples=5 * 16000) for _ in range(3)]
    embedded = [embeddings.embed_clip(clip, ("descriptors", "vggish"), loaded) for clip in clips]
    section, _ = distances.sections(distances.Distances(embedded, ["a", "b", "c"]), missing)
    assert set(section) == {"generated", "warning"}
    rows = {row: np.concatenate([clip[row]["vggish"] for clip in embedded]) for row in ("truth", "generated")}
    expected = frechet.frechet(rows["truth"], rows["generated"])
    assert expected > 0
    assert section["generated"]["vggish"]["fad"] == pytest.approx(expected, rel=1e-4)
    assert section["generated"]["vggish"]["n"] == 15
    assert section["generated"]["vggish"]["clips"] == 3
    assert section["generated"]["vggish"]["d"] == 128
    assert section["warning"]["vggish"].startswith("n = 15 rows of 3 clips, not above d = 128")
    assert "fad_panns_pooled_legacy" not in section["generated"]["vggish"]


def test_only_what_is_wanted_is_computed():
    clip = scored(("truth", "generated"), samples=32000)
    assert embeddings.embed_clip(clip, (), {}) == {"truth": {}, "generated": {}}
    assert embeddings.embed_clip(clip, ("descriptors",), {}).keys() == {"truth", "generated"}
    embedded = embeddings.embed_clip(clip, ("cnn14",), {"cnn14": Level()})
    assert {row: {name: points.shape for name, points in of.items()} for row, of in embedded.items()} == {
        "truth": {"cnn14": (4, 2)}, "generated": {"cnn14": (4, 2)},
    }  # fmt: skip
    nothing = distances.Distances([{"truth": {}, "generated": {}}], ["a"])
    assert distances.sections(nothing, {}) == ({}, {})
