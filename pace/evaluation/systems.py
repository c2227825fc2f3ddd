"""The table of other systems' music: a row for each system and control, from what was heard in their files.

A system's shuffled row compares each of its clips with the reference half the list away.
"""

from collections.abc import Iterator, Mapping

import joblib
import numpy as np
from tqdm import tqdm

from pace import items
from pace.evaluation import distances, informative, onsets
from pace.evaluation.controls import click_track
from pace.evaluation.distances import Distances
from pace.evaluation.embedders import Embedder
from pace.evaluation.file_hearing import (
    CONTROLS,
    RATE,
    Clip,
    Heard,
    Scores,
    audible,
    listen,
    piece,
    sounds,
)
from pace.evaluation.intervals import of_scores
from pace.evaluation.rhythm import compare, summarise


def heard_by_networks(clip: Clip, networks: Mapping[str, Embedder]) -> dict[str, dict[str, np.ndarray]]:
    """Embeddings of all rows of a clip: row -> network -> points. The files are read once more, one clip at a time."""
    reference, rows, _ = sounds(clip)
    if reference is None:
        return {}
    cut = {row: piece(sound, reference.seconds, 0) for row, sound in rows.items()}
    return {
        row: {
            name: network.embed(audible(sound.wave, sound.sample_rate), sound.sample_rate)
            for name, network in networks.items()
        }
        for row, sound in cut.items()
    }


def listen_all(clips: list[Clip], protocols: tuple[str, ...]) -> Iterator[Heard]:
    """`listen` to every clip, several at a time, in their order."""
    onsets.events(click_track(5 * RATE, RATE, 60), RATE)  # numba's cache is written before the workers start
    jobs = (joblib.delayed(listen)(clip, protocols) for clip in clips)
    workers = joblib.Parallel(n_jobs=min(items.worker_count(), len(clips)), return_as="generator")
    yield from tqdm(workers(jobs), total=len(clips), desc="score", unit="clip", disable=None)


def shuffled(heard: list[Heard], system: str, protocols: tuple[str, ...]) -> list[tuple[Scores, tuple[str, str]]]:
    """A system's clips against other references: each against that half the list away, which is no neighbour.

    Scores, with the names of the clip and of the other.
    """
    own = [one for one in heard if system in one.generated]
    if len(own) < 2:
        return []
    others = own[len(own) // 2 :] + own[: len(own) // 2]
    return [
        (
            {protocol: compare(other.truth, one.generated[system], protocol) for protocol in protocols},
            (one.clip.name, other.clip.name),
        )
        for one, other in zip(own, others, strict=True)
    ]


def embedded(
    heard: list[Heard],
    wanted: tuple[str, ...],
    networks: Mapping[str, Embedder],
    groups: Mapping[str, str] | None = None,
) -> Distances:
    """The distances of all rows to the references by the wanted extractors. groups: as for `table`."""
    points = [_points(one, wanted, heard_by_networks(one.clip, networks) if networks else {}) for one in heard]
    return Distances(points, [groups[one.clip.name] if groups else one.clip.name for one in heard])


def table(
    heard: list[Heard],
    systems: list[str],
    protocols: tuple[str, ...],
    found: Distances,
    groups: Mapping[str, str] | None = None,
) -> dict[str, dict]:
    """One entry per row: `clips` scored, `rhythm` (protocol -> metric), `fad` (extractor -> figures), the `interval` of
    both (protocol or extractor -> metric -> limits), `warning`.

    found: what `embedded` gives. groups: clip -> the source that it comes from, itself by default.
    Rows: systems, their shuffled ones, controls. The distance is to the references of the row's own clips.
    """
    groups = groups or {one.clip.name: one.clip.name for one in heard}
    rows = {}
    for row in (*systems, *CONTROLS):
        has = [i for i, one in enumerate(heard) if row in one.scores]
        if not has:
            continue
        own = [groups[heard[i].clip.name] for i in has]
        distance = found.of_row(row) if row in found.rows else ({}, {}, {})
        rows[row] = _entry([heard[i].scores[row] for i in has], own, *distance)
        if row in systems and (pairs := shuffled(heard, row, protocols)):
            both = [tuple(groups[name] for name in names) for _, names in pairs]
            rows[f"{row} (shuffled)"] = _entry([scores for scores, _ in pairs], both)
    return {row: rows[row] for row in sorted(rows, key=lambda row: (row in CONTROLS, "(shuffled)" in row))}


def uninformative(
    heard: list[Heard],
    systems: list[str],
    protocols: tuple[str, ...],
    groups: Mapping[str, str],
    found: Distances,
) -> informative.Marks:
    """Protocol or extractor -> metric -> the controls, shuffled rows among them, not separated from the references.

    groups: clip -> its source. found: what `embedded` gives.
    """
    true = {
        one.clip.name: tuple(one.scores[row] for row in informative.TRUE if row in one.scores)
        for one in heard
        if "truth" in one.scores
    }
    pairs: dict[str, list[informative.Pair]] = {
        f"{system} (shuffled)": [
            informative.Pair(true[other], scores, (groups[own], groups[other]))
            for scores, (own, other) in shuffled(heard, system, protocols)
        ]
        for system in systems
    }
    for row in informative.CHANCE:
        has = [one for one in heard if row in one.scores]
        pairs[row] = [informative.Pair(true[one.clip.name], one.scores[row], (groups[one.clip.name],)) for one in has]
    return informative.uninformative(pairs) | informative.near(found)


def _points(one: Heard, wanted: tuple[str, ...], embedded: Mapping[str, Mapping[str, np.ndarray]]) -> dict:
    """Row -> extractor -> embeddings of one clip."""
    described = one.points if distances.DESCRIPTORS in wanted else {}
    return {
        row: ({distances.DESCRIPTORS: described[row]} if row in described else {}) | dict(embedded.get(row, {}))
        for row in one.scores
    }


def _entry(
    column: list[Scores],
    groups: list,
    distance: dict | None = None,
    limits: dict | None = None,
    warning: dict | None = None,
) -> dict:
    rhythm = {protocol: summarise([scores[protocol] for scores in column]) for protocol in column[0]}
    limits = of_scores(column, groups) | (limits or {})
    entry = {"clips": len(column), "rhythm": rhythm, "interval": limits, "fad": distance or {}}
    return entry | ({"warning": warning} if warning else {})
