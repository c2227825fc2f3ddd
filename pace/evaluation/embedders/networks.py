"""Registry of the audio networks whose embeddings the Fréchet audio distance compares (FACTS 9)."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from pace.evaluation.embedders import clap, cnn14, vggish


class Embedder(Protocol):
    """A network that turns a wave into embeddings. It is on the CPU unless it is moved with `.to`."""

    def embed(self, wave: np.ndarray, sample_rate: int) -> np.ndarray:
        """Embed a wave, (S,) or (C,S) of floats in [-1,1] at any sample rate, as (n,d) float32; see each network."""


LOADERS: dict[str, Callable[[Path | str], Embedder]] = {
    "vggish": vggish.load,
    "cnn14": cnn14.load,
    "clap": clap.load,
}


def load(name: str, path: Path | str) -> Embedder:
    """Load a network from its published weights.

    - vggish: torchvggish's .pth file. Embeddings (n,128), one row per whole 0.96 s.
    - cnn14: PANNs' Cnn14_mAP=0.431.pth. Embeddings (1,2048).
    - clap: a transformers folder or one of LAION's .pt files. Embeddings (1,512). Needs `requirements-clap.txt`.

    Raises ValueError for an unknown name, WeightsError for a wrong file, ImportError without transformers.
    """
    if name not in LOADERS:
        raise ValueError(f"audio network {name!r} is unknown; use one of {', '.join(LOADERS)}")
    return LOADERS[name](path)
