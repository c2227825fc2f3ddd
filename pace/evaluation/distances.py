"""The Frechet table: every row's distance to the true music by every extractor, and why one is missing."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch

from pace import weights
from pace.evaluation import embedders, fad
from pace.evaluation.embedders import Embedder

DESCRIPTORS = "descriptors"
NETWORKS = tuple(embedders.LOADERS)
EXTRACTORS = (DESCRIPTORS, *NETWORKS)
POOLED = "fad_panns_pooled_legacy"
REFERENCE = "truth"

Points = dict[str, list[np.ndarray]]  # extractor -> embeddings (n,d) of each clip


def load_networks(wanted: Iterable[str], paths: Mapping[str, Path | str]) -> tuple[dict[str, Embedder], dict[str, str]]:
    """The networks among the wanted extractors, on the GPU where there is one, and why others cannot be computed.

    paths: network -> its weights; an empty folder, such as data/none, stands for none. A missing optional package
    counts as a reason too. Raises ValueError for an unknown extractor, WeightsError for wrong or missing files.
    """
    networks, missing = {}, {}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    for name in wanted:
        if name not in EXTRACTORS:
            raise ValueError(f"no extractor {name!r}; there are {', '.join(EXTRACTORS)}")
        if name == DESCRIPTORS:
            continue
        path = Path(paths.get(name, ""))
        if name not in paths or _empty(path):
            missing[name] = f"not computed: no weights (python -m pace fetch {name})"
            continue
        try:
            networks[name] = embedders.load(name, path).to(device)
        except ImportError as error:
            missing[name] = f"not computed: {error}"
    return networks, missing


def _empty(path: Path) -> bool:
    return path.is_dir() and not any(file.suffix in weights.SUFFIXES for file in path.iterdir())


def of_clip(
    wanted: Iterable[str],
    networks: Mapping[str, Embedder],
    described: Mapping[str, np.ndarray],
    waves: Mapping[str, np.ndarray],
    sample_rate: int,
) -> dict[str, dict[str, np.ndarray]]:
    """Embeddings (n,d) of one clip: row -> extractor -> points.

    described: row -> its descriptors. waves: row -> samples (S,), which the networks hear.
    """
    kept = {row: {DESCRIPTORS: points} if DESCRIPTORS in wanted else {} for row, points in described.items()}
    heard = {row: {name: net.embed(wave, sample_rate) for name, net in networks.items()} for row, wave in waves.items()}
    return {row: points | heard.get(row, {}) for row, points in kept.items()}


def compare(reference: Points, rows: Mapping[str, Points]) -> tuple[dict, dict[str, str]]:
    """Distances of rows to the reference: row -> extractor -> `fad.compare`, and what to be warned of by extractor.

    Row and reference should hold the same clips in the same order. CNN14 also has the pooled value under its legacy
    name. A set of fewer than two embeddings has no distance: the row goes without, and the warning says so. Distances
    have five significant digits: the eighth was seen to change from run to run.
    """
    table: dict[str, dict[str, dict[str, float]]] = {row: {} for row in rows}
    warnings: dict[str, str] = {}
    for name, clips in reference.items():
        true = np.concatenate(clips)
        for row, points in rows.items():
            found = np.concatenate(points[name])
            fewest = min(len(true), len(found))
            if fewest < 2:
                warnings[name] = f"{fewest} embedding in {row} or the reference: a distance needs two or more"
                continue
            table[row][name] = fad.compare(true, found)
            if name == "cnn14":
                table[row][name][POOLED] = fad.pooled(true, found)
            if warning := fad.rank_warning(fewest, found.shape[1]):
                warnings[name] = warning
    for figures in (figures for extractors in table.values() for figures in extractors.values()):
        figures.update({key: float(f"{value:.5g}") for key, value in figures.items() if isinstance(value, float)})
    return table, warnings


def gather(clips: Iterable[Mapping[str, Mapping[str, np.ndarray]]]) -> dict[str, Points]:
    """Row -> extractor -> embeddings of each clip, from clips that each are row -> extractor -> embeddings (n,d)."""
    rows: dict[str, Points] = {}
    for clip in clips:
        for row, found in clip.items():
            for name, points in found.items():
                rows.setdefault(row, {}).setdefault(name, []).append(points)
    return rows


def section(clips: Iterable[Mapping[str, Mapping[str, np.ndarray]]], missing: Mapping[str, str]) -> dict:
    """Section `fad` of metrics.json: row -> extractor -> figures, `warning` and `not_computed` by extractor.

    clips: as for `gather`; the reference is the row `truth` of all of them together.
    """
    rows = gather(clips)
    reference = rows.pop(REFERENCE, {})
    table, warnings = compare(reference, rows)
    notes = {"warning": warnings, "not_computed": dict(missing)}
    return table | {key: note for key, note in notes.items() if note}
