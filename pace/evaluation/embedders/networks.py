"""The audio networks whose embeddings the Frechet audio distance compares (FACTS 9), by name."""

from pathlib import Path
from typing import Protocol

import numpy as np

from pace.evaluation.embedders import clap, cnn14, vggish

LOADERS = {"vggish": vggish.load, "cnn14": cnn14.load, "clap": clap.load}


class Embedder(Protocol):
    """A network that turns a wave into points, on the CPU unless it is moved with `.to`."""

    def embed(self, wave: np.ndarray, sample_rate: int) -> np.ndarray:
        """Embeddings (n,d) float32 of a wave (S,) or (C,S), floats in [-1,1], at any rate: see each network."""


def load(name: str, path: Path | str) -> Embedder:
    """Load a network from its published weights.

    vggish: torchvggish's .pth; (n,128), one row per whole 0.96 s. cnn14: PANNs' Cnn14_mAP=0.431.pth; (1,2048).
    clap: a folder of transformers or one of LAION's .pt files; (1,512), needs `requirements-clap.txt`.
    Raises ValueError for an unknown name, WeightsError for a wrong file, ImportError without transformers.
    """
    if name not in LOADERS:
        raise ValueError(f"no audio network {name!r}; there are {', '.join(LOADERS)}")
    return LOADERS[name](path)
