"""The table of other systems' music: a row for each system and control, from what was heard in their files.

A system's shuffled row compares its clips with the references of other sources, all ordered pairs, as the pipeline's
does. Each pair takes about a millisecond, so of very many clips `PAIRED` meet each other, spread evenly over the list
and so over the sources. All pairs of fewer clips, not a few partners for every clip: the bootstrap draws the sources of
both sides, and is right where each drawn clip meets each other one; of sparse pairs it would triple the variance.
"""

import dataclasses
from collections.abc import Iterator, Mapping

import joblib
import numpy as np
from tqdm import tqdm

from pace.clip import SAMPLE_RATE
from pace.evaluation import distances, metric_validity
from pace.evaluation import table as pipeline
from pace.evaluation.controls import click_track
from pace.evaluation.distances import Distances
from pace.evaluation.embedders.networks import Embedder
from pace.evaluation.intervals import PAIR_RESAMPLES, of_scores
from pace.evaluation.metrics import onsets
from pace.evaluation.metrics.bootstrap import RESAMPLES
from pace.evaluation.metrics.rhythm import summarise
from pace.media.sounds import Sound, audible
from pace.pipeline import per_video
from pace.scoring.listen import CONTROLS, Clip, Heard, Scores, listen, piece, sounds

PAIRED = 120  # clips whose pairs a shuffled row holds at most

Shuffled = list[tuple[Scores, tuple[str, str]]]  # scores, with the names of the clip and of the other, the reference


def heard_by_networks(one: Heard, networks: Mapping[str, Embedder]) -> dict[str, dict[str, np.ndarray]]:
    """Embeddings of all rows of a clip: row -> network -> points. The files are read once more, one clip at a time."""
    reference, rows, _ = sounds(dataclasses.replace(one.clip, rebuild=None))
    if reference is None:
        return {}
    if one.rebuilt is not None:
        rows["ceiling"] = Sound(one.rebuilt, SAMPLE_RATE)
    cut = {row: piece(sound, reference.seconds, 0) for row, sound in rows.items()}
    return {
        row: {
            name: network.embed(audible(sound.wave, sound.sample_rate), sound.sample_rate)
            for name, network in networks.items()
        }
        for row, sound in cut.items()
    }


def listen_all(clips: list[Clip], protocols: tuple[str, ...], keep_ceiling: bool = False) -> Iterator[Heard]:
    """`listen` to every clip, several at a time, in their order."""
    onsets.events(
        click_track(5 * SAMPLE_RATE, SAMPLE_RATE, 60), SAMPLE_RATE
    )  # numba's cache is written before the workers start
    jobs = (joblib.delayed(listen)(clip, protocols, keep_ceiling) for clip in clips)
    workers = joblib.Parallel(n_jobs=min(per_video.worker_count(), len(clips)), return_as="generator")
    yield from tqdm(workers(jobs), total=len(clips), desc="score", unit="clip", disable=None)


def shuffled(heard: list[Heard], system: str, protocols: tuple[str, ...], groups: Mapping[str, str]) -> Shuffled:
    """A system's clips against the references of other sources: see the module. groups: clip -> its source.

    Nothing where all clips are of one source.
    """
    own = [one for one in heard if system in one.generated]
    chosen = [own[i] for i in np.linspace(0, len(own) - 1, min(len(own), PAIRED)).round().astype(int)]
    clips = [_pipeline_clip(one, system, groups[one.clip.name]) for one in chosen]
    found = []
    for clip in clips:
        others = [other.clip_id for other in clips if pipeline.unrelated(clip, other)]
        scores = pipeline.score_clip(clip, clips, protocols).shuffled
        found += [(pair, (clip.clip_id, other)) for pair, other in zip(scores, others, strict=True)]
    return found


def _pipeline_clip(one: Heard, system: str, source: str) -> pipeline.Clip:
    """A system's clip as one of the pipeline's, whose video and music are the source."""
    known, heard = one.clip.known, {"truth": one.truth, "generated": one.generated[system]}
    return pipeline.Clip(one.clip.name, source, source, known.beats, heard, known.bpm, known.motion_beats)


def embedded(
    heard: list[Heard],
    wanted: tuple[str, ...],
    networks: Mapping[str, Embedder],
    groups: Mapping[str, str] | None = None,
) -> Distances:
    """The distances of all rows to the references by the wanted extractors. groups: as for `table`."""
    points = [_points(one, wanted, heard_by_networks(one, networks) if networks else {}) for one in heard]
    return Distances(points, [groups[one.clip.name] if groups else one.clip.name for one in heard])


def table(
    heard: list[Heard],
    systems: list[str],
    protocols: tuple[str, ...],
    found: Distances,
    groups: Mapping[str, str] | None = None,
    pairs: Mapping[str, Shuffled] | None = None,
) -> dict[str, dict]:
    """One entry per row: `clips` scored, `rhythm` (protocol -> metric), `fad` (extractor -> figures), the `interval` of
    both (protocol or extractor -> metric -> limits), `warning`.

    found: what `embedded` gives. groups: clip -> the source that it comes from, itself by default. pairs: system ->
    what `shuffled` gives, made here unless given. Rows: systems, one without any clip too, their shuffled ones,
    controls. The distance is to the references of the row's own clips.
    """
    groups = groups or {one.clip.name: one.clip.name for one in heard}
    if pairs is None:
        pairs = {system: shuffled(heard, system, protocols, groups) for system in systems}
    rows = {system: {"clips": 0, "rhythm": {}, "interval": {}, "fad": {}} for system in systems}
    for row in (*systems, *CONTROLS):
        has = [i for i, one in enumerate(heard) if row in one.scores]
        if not has:
            continue
        own = [groups[heard[i].clip.name] for i in has]
        distance = found.of_row(row) if row in found.rows else ({}, {}, {})
        rows[row] = _entry([heard[i].scores[row] for i in has], own, *distance)
    for system, scored in pairs.items():
        if scored:
            both = [tuple(groups[name] for name in names) for _, names in scored]
            entry = _entry([scores for scores, _ in scored], both, resamples=PAIR_RESAMPLES)
            rows[shuffled_name(system)] = entry | {"clips": len({own for _, (own, _) in scored}), "pairs": len(scored)}
    return {row: rows[row] for row in sorted(rows, key=lambda row: (row in CONTROLS, "(shuffled)" in row))}


def uninformative(
    heard: list[Heard],
    pairs: Mapping[str, Shuffled],
    groups: Mapping[str, str],
    found: Distances,
) -> metric_validity.Marks:
    """Protocol or extractor -> metric -> the controls, shuffled rows among them, not separated from the references.

    pairs: system -> what `shuffled` gives. groups: clip -> its source. found: what `embedded` gives.
    """
    true = {
        one.clip.name: tuple(one.scores[row] for row in metric_validity.TRUE if row in one.scores)
        for one in heard
        if "truth" in one.scores
    }
    chance: dict[str, list[metric_validity.Pair]] = {
        shuffled_name(system): [
            metric_validity.Pair(true[other], scores, (groups[own], groups[other])) for scores, (own, other) in found
        ]
        for system, found in pairs.items()
    }
    for row in metric_validity.CHANCE:
        has = [one for one in heard if row in one.scores]
        chance[row] = [
            metric_validity.Pair(true[one.clip.name], one.scores[row], (groups[one.clip.name],)) for one in has
        ]
    return metric_validity.uninformative(chance) | metric_validity.near(found)


def shuffled_name(system: str) -> str:
    """The row of a system's music against other references."""
    return f"{system} (shuffled)"


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
    resamples: int = RESAMPLES,
) -> dict:
    rhythm = {  # alignment: of the clips that have a pose
        protocol: summarise([scores[protocol] for scores in column if protocol in scores])
        for protocol in dict.fromkeys(name for scores in column for name in scores)
    }
    limits = of_scores(column, groups, resamples) | (limits or {})
    entry = {"clips": len(column), "rhythm": rhythm, "interval": limits, "fad": distance or {}}
    return entry | ({"warning": warning} if warning else {})
