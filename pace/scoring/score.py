"""`python -m pace score`: the music of any systems, in folders of files, as one table with a row for each."""

import collections
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pace.evaluation import embeddings, unscored
from pace.evaluation.beat_trackers import LIBROSA, BeatTracker
from pace.evaluation.clips import Clip
from pace.evaluation.dance_clock import Timed, nearest
from pace.evaluation.distances import Distances
from pace.evaluation.metric_validity import not_above, own_minus_shuffled
from pace.evaluation.metrics.rhythm import PROTOCOLS
from pace.evaluation.rounding import without_nan
from pace.evaluation.score_clips import ScoredClip, score_clips
from pace.evaluation.table import Rows, own_scores
from pace.motion.energy import EnergyParams
from pace.scoring import file_clips, groups, matching, shifted
from pace.scoring.annotations import LABELS, AnnotationFiles, read_annotations, read_clocks
from pace.scoring.differences import distance_differences, rhythm_differences
from pace.scoring.file_clips import Rebuild
from pace.scoring.lateness import Lateness
from pace.scoring.matching import Matches, MusicFolder
from pace.scoring.rows import entries, score_rows, shuffled_name, uninformative

# kind of unmatched file, a key of the result -> field of Matches
KINDS = {
    "reference_only": "reference_only",
    "generated_only": "generated_only",
    "doubles": "duplicates",
    "ambiguous": "ambiguous",
}


@dataclasses.dataclass(frozen=True)
class ScoreOptions:
    """What to score, and how. generated: system -> folder. weights: network -> file or folder."""

    reference: Path
    generated: dict[str, Path]
    protocols: tuple[str, ...]
    extractors: tuple[str, ...]
    weights: Mapping[str, Path | str]
    endings: tuple[str, ...] = matching.ENDINGS
    training: Path | None = None  # folder of training music, for a row of random pieces of it
    group: str | None = None  # regular expression for the source of a clip in its name
    rebuild: Rebuild | None = None  # makes the row ceiling of true music (S,) at 22,050 Hz
    annotations: AnnotationFiles = dataclasses.field(default_factory=AnnotationFiles)
    tracker: BeatTracker = LIBROSA  # hears the beats of all rows
    energy: EnergyParams = dataclasses.field(kw_only=True)  # of the poses, for the row clock


def name_systems(folders: Sequence[Path], names: Sequence[str]) -> dict[str, Path]:
    """System -> folder, by the given names or else the folders' own. Raises ValueError where they do not fit."""
    if names and len(names) != len(folders):
        raise ValueError(f"{len(names)} names for {len(folders)} folders: give one for each, or none")
    names = names or [folder.resolve().name for folder in folders]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"two folders are called {repeated[0]!r}: give each a name of its own with --name")
    reserved = sorted({*names} & {*file_clips.CONTROLS, file_clips.REFERENCE, unscored.POSE})
    if reserved:
        raise ValueError(f"{reserved[0]!r} is the name of another row: call the system something else with --name")
    return dict(zip(names, folders, strict=True))


def parse_extractors(
    values: Iterable[str], weights: Mapping[str, Path | str]
) -> tuple[tuple[str, ...], dict[str, Path]]:
    """Extractors of `name` or `name=weights`, and the weights by network; `name=weights` overrides the defaults."""
    names, paths = [], {network: Path(path).expanduser() for network, path in weights.items()}
    for value in values:
        name, equals, path = value.partition("=")
        if name not in embeddings.EXTRACTORS:
            raise ValueError(f"no extractor {name!r}; there are {', '.join(embeddings.EXTRACTORS)}")
        names.append(name)
        if equals:
            paths[name] = Path(path).expanduser()
    return tuple(names), paths


def score(options: ScoreOptions) -> dict[str, Any]:
    """Score all systems; the result as nested dicts of JSON values.

    - `beats`: the tracker that heard them in all rows, see `BeatTracker.label`.
    - `rows`: see `rows.entries`; a system also has `not_scored`, the number of references without a readable file.
    - `differences`: see `rhythm_differences` and `distance_differences`. `uninformative`: see `rows.uninformative`.
    - `not_above_clock`: system -> protocol or extractor -> metrics on which it is not above the row `clock`.
    - `own_minus_shuffled`: system -> what `metric_validity.own_minus_shuffled` gives; `not_above_shuffled`: as the
      clock's, for the system's own row shuffled.
    - `lateness`: of each system that is late or early by a constant the fields of `lateness.Lateness`, and the `row`
      that holds its scores after the `shift`.
    - `group`: what the intervals resample, see `groups.describe`.
    - `known`: number of clips with `a usable pose`, `true beats` or `a tempo`, for each annotation given.
    - `files`: what was unmatched, unreadable or faulty, by system; `unscored`: `reference` or `pose` -> clip -> of what
      it is left out, in all rows alike, and why. `other_files`: what is no music, by folder. `not_computed`: extractor
      -> reason.
    - `per_clip`: the scores of every clip and row; None where one is missing.

    Raises ValueError where nothing can be scored.
    """
    unknown = sorted({*options.protocols} - {*PROTOCOLS})
    if unknown:
        raise ValueError(f"rhythm protocol {unknown[0]!r} is unknown; use one of {', '.join(PROTOCOLS)}")
    reference = matching.survey(options.reference)
    folders = {system: matching.survey(folder) for system, folder in options.generated.items()}
    matches = {
        system: matching.match(reference.files, folder.files, options.endings, (reference.root, folder.root))
        for system, folder in folders.items()
    }
    clips = find_clips(options, matches)
    networks, missing = embeddings.load_networks(options.extractors, options.weights)
    scored = list(score_clips(clips, options.protocols, "score", bool(networks), options.tracker))
    systems = list(options.generated)
    _check_readable(scored, systems)

    embedded = [embeddings.embed_clip(clip, options.extractors, networks) for clip in scored]
    distances = Distances(embedded, [clip.source for clip in scored])
    latenesses = shifted.measure(scored, systems)
    scored = shifted.add_rows(scored, latenesses, options.protocols, options.tracker)
    rows = _in_order(score_rows(scored, systems, options.protocols), scored, latenesses)
    table = entries(rows, distances)
    for system, matched in matches.items():
        table[system]["not_scored"] = len(matched.pairs) + len(matched.reference_only) - table[system]["clips"]
    readable = [clip for clip in scored if clip.scores]
    everything = {file_clips.REFERENCE: reference} | folders
    return {
        "reference": str(options.reference),
        "systems": {name: str(folder) for name, folder in options.generated.items()},
        "beats": options.tracker.label,
        "group": groups.describe([clip.name for clip in readable], options.group),
        "known": count_annotated(clips, {clip.name for clip in readable}),
        "rows": table,
        "differences": rhythm_differences(scored, systems) + distance_differences(distances, systems),
        "uninformative": uninformative(rows, systems, distances),
        "not_above_clock": {
            row: marks
            for row in rows
            if row in systems or row in {shifted.row_name(*late) for late in latenesses.items()}
            if (marks := not_above(rows, row, distances)) is not None
        },
        "not_above_shuffled": {
            system: marks
            for system in systems
            if (marks := not_above(rows, system, distances, shuffled_name(system))) is not None
        },
        "own_minus_shuffled": {system: own_minus_shuffled(rows, system, shuffled_name(system)) for system in systems},
        "lateness": {
            system: dataclasses.asdict(late) | {"row": shifted.row_name(system, late), "shift": shifted.shift(late)}
            for system, late in latenesses.items()
        },
        "not_computed": missing,
        "files": {
            "unmatched": unmatched(matches, everything),
            "unreadable": _by_row({clip.name: clip.unreadable for clip in scored}),
            "unscored": _by_row({clip.name: unscored.of_clip(clip) for clip in scored}),
            "faults": _by_row({clip.name: _faults(clip) for clip in scored}),
        },
        "other_files": {
            name: [_below(path, [folder.root]) for path in folder.others] for name, folder in everything.items()
        },
        "per_clip": [
            {"clip": clip.name, "row": row} | without_nan(flat(scores))
            for clip in scored
            for row, scores in clip.scores.items()
        ],
    }


def _faults(clip: ScoredClip) -> dict[str, str]:
    """Row -> what is wrong with its file, or with the pose, where they are scored all the same."""
    faults = {row: "; ".join(texts) for row, texts in clip.faults.items()} if clip.scores else {}
    if filled := clip.clip.annotations.pose_filled:
        faults[unscored.POSE] = f"NaN or infinity in {filled} of its frames, interpolated"
    return faults


def find_clips(options: ScoreOptions, matches: Mapping[str, Matches]) -> list[Clip]:
    """The clips of all systems with their sources and annotations. Raises ValueError where there is none."""
    training = matching.find(options.training) if options.training else []
    clips = file_clips.clips_of(matches, training, options.rebuild)
    if not clips:
        folders = ", ".join(map(str, options.generated.values()))
        raise ValueError(f"no file of {folders} has the name of one in {options.reference}; see --suffixes")
    sources = groups.group_names([clip.name for clip in clips], options.group)
    names = file_names(matches, [clip.name for clip in clips])
    annotations = read_annotations(options.annotations, names)
    clips = with_clocks(clips, names, training, options)
    return [
        dataclasses.replace(file_clips.with_source(clip, sources[clip.name]), annotations=annotations[clip.name])
        for clip in clips
    ]


def with_clocks(
    clips: Sequence[Clip], names: Mapping[str, str], training: Sequence[Path], options: ScoreOptions
) -> list[Clip]:
    """The clips with the clocks of their dances, and the training music whose dance has the nearest one.

    names: clip -> the name of its reference's file without extension.
    """
    poses, training_poses = options.annotations.poses, options.annotations.training_poses
    clocks = read_clocks(poses, {*names, *names.values()}, options.energy)
    stems = {matching.normal(path.stem): path.absolute() for path in training}
    found = read_clocks(training_poses, stems, options.energy)
    music = [Timed(clock, stems[name]) for name, clock in found.items()]
    if training_poses and not music:
        raise ValueError(f"{training_poses}: no pose with a clock for any file of {options.training}")
    clips_with = []
    for clip in clips:
        clock = clocks.get(clip.name) or clocks.get(names[clip.name])
        clips_with.append(file_clips.with_clock(clip, clock, nearest(clock, music) if clock else None))
    return clips_with


def file_names(matches: Mapping[str, Matches], clips: Iterable[str]) -> dict[str, str]:
    """Clip -> the name of its reference's file without extension, or the clip's own where several have that name."""
    stems: dict[str, str] = {}
    for matched in matches.values():
        for name, (reference, _) in matched.pairs.items():
            stems.setdefault(name, matching.normal(reference.stem))
    counts = collections.Counter(stems.values())
    return {name: stems[name] if counts[stems[name]] == 1 else name for name in clips}


def _check_readable(scored: Sequence[ScoredClip], systems: Sequence[str]) -> None:
    """Raise ValueError where no reference or no generated file can be read."""
    if not any(clip.scores for clip in scored):
        first = scored[0]
        reason = f"{first.name}: it is silent" if first.silent else next(iter(first.unreadable.values()))
        raise ValueError(f"no reference can be scored; the first, {reason}")
    if not any(system in clip.scores for clip in scored for system in systems):
        reason = next(text for clip in scored for row, text in clip.unreadable.items() if row in systems)
        raise ValueError(f"no generated file can be read; the first, {reason}")


def count_annotated(clips: Sequence[Clip], scored: set[str]) -> dict[str, int]:
    """Number of scored clips with a usable pose, true beats or a tempo, for each annotation given."""
    counts = {}
    for field, label in LABELS.items():
        names = {clip.name for clip in clips if getattr(clip.annotations, field) is not None}
        if names:
            counts[label] = len(names & scored)
    return counts


def unmatched(matches: Mapping[str, Matches], folders: Mapping[str, MusicFolder]) -> dict[str, dict[str, list[str]]]:
    """System or reference -> kind -> its files that were not used; what has none is left out.

    Files are named relative to their folder. folders: those of the systems and the reference.
    """
    roots = [folder.root for folder in folders.values()]
    named = {
        system: {
            kind: [_below(path, roots) for path in paths]
            for kind, field in KINDS.items()
            if (paths := getattr(matched, field))
        }
        | _in_case(matched, roots)
        for system, matched in matches.items()
    }
    for name, folder in folders.items():
        if folder.broken:
            named[name] = named.get(name, {}) | {"broken": [_below(path, roots) for path in folder.broken]}
    return {system: kinds for system, kinds in named.items() if kinds}


def _in_case(matched: Matches, roots: Sequence[Path]) -> dict[str, list[str]]:
    pairs = matching.differ_in_case(matched.reference_only, matched.generated_only)
    names = [" and ".join(_below(path, roots) for path in pair) for pair in pairs]
    return {"case": names} if names else {}


def _below(path: Path, roots: Sequence[Path]) -> str:
    """A path relative to the innermost of the folders that it is in."""
    return min((path.relative_to(root).as_posix() for root in roots if path.is_relative_to(root)), key=len)


def _in_order(rows: Rows, scored: Sequence[ScoredClip], latenesses: Mapping[str, Lateness]) -> Rows:
    """The rows with those of systems without their lateness, each after the system's own."""
    ordered: Rows = {}
    for row, scores in rows.items():
        ordered[row] = scores
        if row in latenesses:
            name = shifted.row_name(row, latenesses[row])
            ordered[name] = own_scores(scored, name)
    return ordered


def _by_row(clips: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Row -> clip -> text, from clip -> row -> text."""
    rows: dict[str, dict[str, str]] = {}
    for clip, texts in clips.items():
        for row, text in texts.items():
            rows.setdefault(row, {})[clip] = text
    return rows


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dicts as names joined by underscores -> values."""
    flattened: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}_{key}" if prefix else str(key)
        flattened |= flat(value, name) if isinstance(value, dict) else {name: value}
    return flattened
