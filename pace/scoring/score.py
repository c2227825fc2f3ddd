"""`python -m pace score`: the music of any systems, in folders of files, as one table with a row for each."""

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from pace.evaluation import distances
from pace.evaluation.metrics.rhythm import PROTOCOLS
from pace.media import sounds
from pace.scoring import listen, systems
from pace.scoring.annotations import GIVEN, Sources, of_clips
from pace.scoring.differences import differences, distance_differences, group_names, sources

KINDS = ("reference_only", "generated_only", "doubles")


@dataclasses.dataclass(frozen=True)
class ScoreOptions:
    """What to score, and how. generated: system -> folder. weights: network -> file or folder."""

    reference: Path
    generated: dict[str, Path]
    protocols: tuple[str, ...]
    extractors: tuple[str, ...]
    weights: dict[str, Path]
    endings: tuple[str, ...] = sounds.ENDINGS
    training: Path | None = None  # folder of training music, for a row of random pieces of it
    group: str | None = None  # regular expression for the source of a clip in its name
    rebuild: Callable[[np.ndarray], np.ndarray] | None = None  # the row ceiling of true music (S,) at 22,050 Hz
    known: Sources = dataclasses.field(default_factory=Sources)  # poses, true beats and tempo


def name_systems(folders: list[Path], names: list[str]) -> dict[str, Path]:
    """System -> folder, by the given names or else the folders' own. Raises ValueError where they do not fit."""
    if names and len(names) != len(folders):
        raise ValueError(f"{len(names)} names for {len(folders)} folders: give one for each, or none")
    names = names or [folder.resolve().name for folder in folders]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"two folders are called {repeated[0]!r}: give each a name of its own with --name")
    taken = sorted({*names} & {*listen.CONTROLS, "reference"})
    if taken:
        raise ValueError(f"{taken[0]!r} is the name of another row: call the system something else with --name")
    return dict(zip(names, folders, strict=True))


def parse_extractors(
    values: Iterable[str], weights: dict[str, Path | str]
) -> tuple[tuple[str, ...], dict[str, Path | str]]:
    """Extractors of `name` or `name=weights`, and the weights of all networks, these before the given ones."""
    names, found = [], dict(weights)
    for value in values:
        name, given, path = value.partition("=")
        if name not in distances.EXTRACTORS:
            raise ValueError(f"no extractor {name!r}; there are {', '.join(distances.EXTRACTORS)}")
        names.append(name)
        if given:
            found[name] = Path(path)
    return tuple(names), found


def score(options: ScoreOptions) -> dict:
    """Score all systems; the result as nested dicts of JSON values.

    `rows`: see `systems.table`, and with it of systems `not_scored`, the number of references without a readable file.
    `differences`: see `system_intervals.differences` and `distance_differences`. `uninformative`: see
    `systems.uninformative`. `group`: what the intervals resample, see `system_intervals.sources`.
    `known`: of how many of the clips there is `a pose`, `true beats`, `a tempo`, as far as they were given.
    `files`: what was unmatched, unreadable or faulty, by system. `not_computed`: extractor -> reason.
    `per_clip`: the scores of every clip and row.
    Raises ValueError where nothing can be scored.
    """
    unknown = sorted({*options.protocols} - {*PROTOCOLS})
    if unknown:
        raise ValueError(f"rhythm protocol {unknown[0]!r} is unknown; use one of {', '.join(PROTOCOLS)}")
    references = sounds.find(options.reference)
    matches = {
        system: sounds.match(references, sounds.find(folder), options.endings)
        for system, folder in options.generated.items()
    }
    training = sounds.find(options.training) if options.training else []
    clips = listen.clips_of(matches, training)
    if not clips:
        folders = ", ".join(map(str, options.generated.values()))
        raise ValueError(f"no file of {folders} has the name of one in {options.reference}; see --suffixes")
    groups = group_names([clip.name for clip in clips], options.group)
    facts = of_clips(options.known, {clip.name: clip.reference.stem for clip in clips})
    clips = [dataclasses.replace(clip, rebuild=options.rebuild, known=facts[clip.name]) for clip in clips]
    networks, missing = distances.load_networks(options.extractors, options.weights)
    heard = list(systems.listen_all(clips, options.protocols, keep_ceiling=bool(networks)))
    names = list(options.generated)
    if not any(one.scores for one in heard):
        raise ValueError(f"not one reference can be read; the first, {next(iter(heard[0].unreadable.values()))}")
    if not any(one.generated for one in heard):
        reason = next(text for one in heard for row, text in one.unreadable.items() if row in names)
        raise ValueError(f"not one generated file can be read; the first, {reason}")
    pairs = {system: systems.shuffled(heard, system, options.protocols, groups) for system in names}
    found = systems.embedded(heard, options.extractors, networks, groups)
    rows = systems.table(heard, names, options.protocols, found, groups, pairs)
    for system in names:
        rows[system]["not_scored"] = len(references) - rows[system]["clips"]
    scored = [one.clip.name for one in heard if one.scores]
    return {
        "reference": str(options.reference),
        "systems": {name: str(folder) for name, folder in options.generated.items()},
        "group": sources(scored, options.group),
        "known": {
            what: sum(getattr(facts[name], field) is not None for name in scored)
            for field, what in GIVEN.items()
            if any(getattr(one, field) is not None for one in facts.values())
        },
        "rows": rows,
        "differences": differences(heard, names, groups) + distance_differences(found, names),
        "uninformative": systems.uninformative(heard, pairs, groups, found),
        "not_computed": missing,
        "files": {
            "unmatched": unmatched(matches),
            "unreadable": _by_row({one.clip.name: one.unreadable for one in heard}),
            "faults": _by_row({one.clip.name: {k: "; ".join(v) for k, v in one.faults.items()} for one in heard}),
        },
        "per_clip": [
            {"clip": one.clip.name, "row": row} | flat(scores) for one in heard for row, scores in one.scores.items()
        ],
    }


def unmatched(matches: dict[str, sounds.Matches]) -> dict[str, dict[str, list[str]]]:
    """System -> what of its folder or of the reference's was not used, by kind; systems without are left out."""
    named = {
        system: {kind: [path.name for path in getattr(found, kind)] for kind in KINDS if getattr(found, kind)}
        for system, found in matches.items()
    }
    return {system: kinds for system, kinds in named.items() if kinds}


def _by_row(clips: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """Row -> clip -> text, from clip -> row -> text."""
    found: dict[str, dict[str, str]] = {}
    for clip, rows in clips.items():
        for row, text in rows.items():
            found.setdefault(row, {})[clip] = text
    return found


def flat(values: dict, prefix: str = "") -> dict[str, object]:
    """Nested dicts as names joined by underscores -> values."""
    found: dict[str, object] = {}
    for key, value in values.items():
        name = f"{prefix}_{key}" if prefix else str(key)
        found |= flat(value, name) if isinstance(value, dict) else {name: value}
    return found
