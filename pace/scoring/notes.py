"""What a reader of the table of `pace score` must know, in full: the notes of `--out FILE.md`."""

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from pace.evaluation.controls import AS_CLOCK, AS_SHUFFLED
from pace.evaluation.metric_validity import YARDSTICKS
from pace.evaluation.metrics.jackknife import MIN_SOURCES
from pace.scoring.rows import shuffled_name
from pace.scoring.score import flat

Result = dict[str, Any]  # what `pace.scoring.score.score` returns

MARK = "†"
AS_CLOCK_MEANS = f"{AS_CLOCK} not above the row clock: one tempo and one phase, found in the dance without learning"
AS_SHUFFLED_MEANS = f"{AS_SHUFFLED} not above its own row shuffled: it fits its own dance no better than others"
WITHOUT = {
    "a usable pose": "not in alignment",
    "true beats": "scored against the beats tracked in the reference",
    "a tempo": "scored against the tempo of its true beats or that tracked in the reference",
}
UNMATCHED = {
    "reference_only": "references without a generated file",
    "generated_only": "generated files without a reference",
    "doubles": "not used, another file has the same name",
    "ambiguous": "not used, several files in several folders have the name",
    "case": "not matched, the names differ in the case of letters",
    "broken": "not read, the link leads nowhere",
}
FILES = {
    "unreadable": "unreadable, not scored",
    "unscored": "not scored, or not in all metrics",
    "faults": "faulty, scored all the same",
}


def notes(result: Result) -> list[str]:
    """Everything that a reader of the table must know, a line each."""
    lines = [*nothing_scored(result), heard_by(result)]
    lines += [f"{name}: {reason}" for name, reason in result["not_computed"].items()]
    lines += [
        f"{late_line(system, late)}, perhaps by an encoder's delay: row '{late['row']}' has the figures without it"
        for system, late in result["lateness"].items()
    ]
    if "ceiling" not in result["rows"]:
        lines.append(
            "no row ceiling: no trained autoencoder (give one with --vae DIR). "
            "Fewer metrics can be marked as uninformative."
        )
    if "random" not in result["rows"]:
        lines.append(
            "no row random: no training music (give a folder with --training DIR). "
            "Fewer metrics can be marked as uninformative."
        )
    lines += [
        *shuffled(result),
        *sources(result),
        *uninformative(result),
        *control_notes(result),
        *untested_distances(result),
    ]
    lines += [f"{name}: {text} ({', '.join(rows)})" for (name, text), rows in warnings(result).items()]
    for system, kinds in result["files"]["unmatched"].items():
        lines += [f"{system}: {listed(UNMATCHED[kind], paths)}" for kind, paths in kinds.items()]
    for kind, words in FILES.items():
        for row, clips in result["files"].get(kind, {}).items():
            lines.append(f"{row}: {listed(words, [f'{clip} ({text})' for clip, text in clips.items()])}")
    return lines + other_files(result)


def nothing_scored(result: Result) -> list[str]:
    """Systems without a clip."""
    return [f"{name}: nothing scored, it has no usable file" for name, n in systems(result).items() if not n]


def as_clock(result: Result, row: str) -> set[str]:
    """The metrics, as `protocol_metric`, on which a row is not above the row clock."""
    return _not_above(result["not_above_clock"], row)


def as_shuffled(result: Result, row: str) -> set[str]:
    """The metrics, as `protocol_metric`, on which a system is not above its own music shuffled."""
    return _not_above(result["not_above_shuffled"], row)


def _not_above(marks: Mapping[str, Mapping[str, Iterable[str]]], row: str) -> set[str]:
    return {f"{name}_{metric}" for name, metrics in marks.get(row, {}).items() for metric in metrics}


def heard_by(result: Result) -> str:
    """What heard the beats of all rows."""
    return f"beats heard by {result['beats']}, in all rows alike"


def systems(result: Result) -> dict[str, int]:
    """System -> clips scored."""
    return {name: result["rows"][name]["clips"] for name in result["systems"]}


def late_line(system: str, late: Mapping[str, Any]) -> str:
    """By how much a system is late, in how many clips."""
    measured = [f"{abs(round(1000 * late[key]))}" for key in ("seconds", "low", "high") if late[key] is not None]
    interval = f" [{', '.join(sorted(measured[1:], key=int))}]" if measured[1:] else ""
    clips = "measured on one clip alone" if late["measured"] == 1 else f"in {late['clips']} of {late['measured']} clips"
    return f"{system}: {measured[0]} ms {'late' if late['seconds'] > 0 else 'early'}{interval}, {clips}"


def shuffled(result: Result) -> list[str]:
    """Which shuffled rows are missing or hold only a part of the clips."""
    lines = []
    for system, clips in systems(result).items():
        row = shuffled_name(system)
        if clips and row not in result["rows"]:
            lines.append(f"no row {row}: there are no two clips of different sources")
        elif clips and (paired := result["rows"][row]["clips"]) < clips:
            lines.append(f"{row}: all pairs of {paired} of {clips} clips, spread evenly over their list")
    return lines


def sources(result: Result) -> list[str]:
    """What the intervals resample, and how many clips lack annotations."""
    group = result["group"]
    lines = [f"intervals resample {counted(group['sources'], 'source')} of {counted(group['clips'], 'clip')}"]
    if group["unmatched"]:
        counts = f"{len(group['unmatched'])} of {group['clips']} clip names"
        lines.append(f"{counts} do not match {group['pattern']}: each its own source")
    for annotation, count in result["known"].items():
        if lacking := group["clips"] - count:
            lines.append(f"{lacking} of {group['clips']} clips without {annotation}, {WITHOUT[annotation]}")
    return lines


def counted(number: int, noun: str) -> str:
    """A number and its noun, such as `2 clips`."""
    return f"{number} {noun}{'s' * (number != 1)}"


def uninformative(result: Result) -> list[str]:
    """What the marks mean: a line for each set of controls that some metrics do not separate from the true music."""
    metrics: dict[tuple[str, ...], list[str]] = {}
    for name, controls in flat(result["uninformative"]).items():
        if controls:
            metrics.setdefault(tuple(controls), []).append(name)
    lines = [
        f"{MARK} uninformative, the true music is not separated from {', '.join(controls)}: {', '.join(names)}"
        for controls, names in metrics.items()
    ]
    return lines + untested_rhythm(result)


def control_notes(result: Result) -> list[str]:
    """What the marks of the clock and of shuffled music mean, where there are any."""
    marks = {AS_CLOCK_MEANS: as_clock, AS_SHUFFLED_MEANS: as_shuffled}
    return [text for text, marked in marks.items() if any(marked(result, row) for row in result["rows"])]


def untested_rhythm(result: Result) -> list[str]:
    """That rhythm metrics were not tested against the controls, if so."""
    protocols = {name for row in result["rows"].values() for name in row["rhythm"]}
    if protocols and not protocols & {*result["uninformative"]}:
        return [f"rhythm metrics not tested against the controls: {_too_few(result)}"]
    return []


def _too_few(result: Result) -> str:
    return f"only {counted(result['group']['sources'], 'source')}; at least {MIN_SOURCES} are needed"


def untested_distances(result: Result) -> list[str]:
    """Which extractors' distances were not tested against the controls, and why."""
    names = dict.fromkeys(name for row in result["rows"].values() for name in row.get("fad", {}))
    untested = [name for name in names if name not in result["uninformative"]]
    if not untested:
        return []
    lacking = "without the row ceiling (--vae DIR) or random (--training DIR) there is no distance to compare with"
    reason = _too_few(result) if {*YARDSTICKS} & {*result["rows"]} else lacking
    return [f"distances not tested against the controls ({', '.join(untested)}): {reason}"]


def warnings(result: Result) -> dict[tuple[str, str], list[str]]:
    """(extractor, warning) -> the rows that it is about."""
    warned: dict[tuple[str, str], list[str]] = {}
    for row, entry in result["rows"].items():
        for name, text in entry.get("warning", {}).items():
            warned.setdefault((name, text), []).append(row)
    return warned


def other_files(result: Result) -> list[str]:
    """How many files of each folder are no music by their extension."""
    lines = []
    for name, files in result["other_files"].items():
        suffixes = sorted({PurePosixPath(file).suffix.lower() or "without extension" for file in files})
        if files:
            lines.append(f"{name}: {counted(len(files), 'other file')} passed over ({', '.join(suffixes)})")
    return lines


def listed(description: str, names: Iterable[str]) -> str:
    """What files there are, how many, and their names."""
    every = list(names)
    return f"{description} ({len(every)}): {', '.join(every)}"
