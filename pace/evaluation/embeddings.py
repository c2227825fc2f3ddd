"""Embeddings of a clip's rows, which Frechet distances compare: of descriptors and of audio networks (FACTS 9)."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt
import torch

from pace import weights
from pace.evaluation.clips import TRUTH
from pace.evaluation.embedders import networks
from pace.evaluation.embedders.networks import Embedder
from pace.evaluation.score_clips import ScoredClip
from pace.media.sounds import padded

DESCRIPTORS = "descriptors"
NETWORKS = tuple(networks.LOADERS)
EXTRACTORS = (DESCRIPTORS, *NETWORKS)

Embedded = Mapping[str, Mapping[str, npt.NDArray[Any]]]  # row -> extractor -> embeddings (n,d) of one clip


def load_networks(
    extractors: Iterable[str], paths: Mapping[str, Path | str]
) -> tuple[dict[str, Embedder], dict[str, str]]:
    """The networks among the extractors, on the GPU where there is one, and why others cannot be computed.

    paths: network -> its weights; an empty folder, such as data/none, stands for none. A missing optional package
    counts as a reason too. Raises ValueError for an unknown extractor, WeightsError for wrong or missing files.
    """
    loaded: dict[str, Embedder] = {}
    missing: dict[str, str] = {}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    for name in extractors:
        if name not in EXTRACTORS:
            raise ValueError(f"no extractor {name!r}; there are {', '.join(EXTRACTORS)}")
        if name == DESCRIPTORS:
            continue
        path = Path(paths.get(name, ""))
        if name not in paths or _empty(path):
            missing[name] = f"not computed: no weights (python -m pace fetch {name})"
            continue
        try:
            network = networks.load(name, path)
        except ImportError as error:
            missing[name] = f"not computed: {error}"
            continue
        if isinstance(network, torch.nn.Module):
            network.to(device)
        loaded[name] = network
    return loaded, missing


def _empty(path: Path) -> bool:
    return path.is_dir() and not any(file.suffix in weights.SUFFIXES for file in path.iterdir())


def embed_clip(scored: ScoredClip, extractors: Iterable[str], loaded: Mapping[str, Embedder]) -> Embedded:
    """Embeddings of all rows of a clip by the descriptors, if they are among the extractors, and the loaded networks.

    Networks get the files at their own rate, up to the end of the true music. The files are read once more, so
    that the waves of one clip at a time are in memory.
    """
    rows = {
        row: {DESCRIPTORS: scored.descriptors[row]} if DESCRIPTORS in extractors and row in scored.descriptors else {}
        for row in scored.scores
    }
    if not loaded or not rows:
        return rows
    sounds = scored.clip.files.read(scored.rebuilt).rows
    for row, sound in sounds.items():
        sound = sound.piece(sounds[TRUTH].seconds)
        wave = padded(sound.wave, sound.sample_rate)
        rows[row] |= {name: network.embed(wave, sound.sample_rate) for name, network in loaded.items()}
    return rows
