"""The result of `pace score` on the console: one table of at most 100 columns, and short notes below it.

All that it leaves out is in `--out`: shuffled rows of further systems, other metrics, intervals, differences between
any two systems, and files by name.
"""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pace.evaluation.clips import TRUTH
from pace.evaluation.metrics.beat_alignment import ALIGNMENT
from pace.evaluation.metrics.dynamics import DYNAMICS
from pace.scoring import notes
from pace.scoring.console_table import (
    DIFFERS,
    LEVEL,
    NAMES,
    WIDTH,
    Column,
    abbreviated,
    columns_of,
    fitted,
    signed,
    to_first,
    width,
)  # fmt: skip
from pace.scoring.notes import MARK, Result

OTHERS = {  # protocol -> why clips lack it
    ALIGNMENT: "the other dances have no beats or no usable pose",
    DYNAMICS: "the other references are too short, or their music does not change",
}


def text(result: Result) -> str:
    """The table and its notes."""
    columns = columns_of(result)
    table, left_out = fitted(result, columns)
    return "\n".join([*table, "", *_wrapped(short_notes(result, columns, left_out))])


def rest(out: Path | None) -> str:
    """Where all that the console leaves out is. out: the file that it was written to, if any."""
    where = f"{out} also has" if out else "--out FILE.json (or .md, .csv) also gives"
    return "\n".join(_wrapped([f"{where} all metrics, intervals, differences of all pairs, rows and file names"]))


def short_notes(result: Result, columns: Sequence[Column], left_out: Sequence[Column]) -> list[str]:
    """The notes of the console; those in full are `notes.notes`."""
    lines = [*notes.nothing_scored(result), *_lateness(result), _legend(columns), notes.heard_by(result)]
    lines += [
        *_uninformative(result, columns),
        *notes.control_notes(result),
        *notes.untested_rhythm(result),
        *notes.untested_distances(result),
    ]
    lines += [*_differences(result, columns), *notes.sources(result), *_missing(result, columns), *_not_there(result)]
    warnings = {name: text for name, text in reversed(notes.warnings(result))}  # the first of each extractor
    lines += [f"{name}: {text}" for name, text in warnings.items()]
    if left_out:
        lines.append(f"no room for {', '.join(' '.join(column.heads) for column in left_out)}")
    return [*lines, *_files(result)]


def _lateness(result: Result) -> list[str]:
    """Which systems are late by a constant."""
    if not result["lateness"]:
        return []
    lines = [f"  {notes.late_line(system, late)}" for system, late in result["lateness"].items()]
    start = "late or early by a constant, as encoders delay music; the row below has the figures without it:"
    return [start, *lines]


def _legend(columns: Sequence[Column]) -> str:
    meanings = {
        "beat_f70": "F: F-measure of beats or onsets within 70 ms, 1 is best",
        "loudness": "r: correlation of loudness or onset density over time, 1 is best",
        "bas": "BAS: beat alignment with the dance, 1 is best",
        "f1": "F1: bins of a second (5hz: a fifth) with onsets in both, the truth has 100 %",
        "fad": "FAD: Fréchet audio distance, 0 is best",
    }
    return "; ".join(meaning for metric, meaning in meanings.items() if metric in {column.metric for column in columns})


def _uninformative(result: Result, columns: Sequence[Column]) -> list[str]:
    """Which columns do not separate the truth from which controls."""
    controls: dict[str, None] = {}
    names = []
    for column in columns:
        if rows := result["uninformative"].get(column.protocol, {}).get(column.metric):
            names.append(" ".join(column.heads))
            controls |= dict.fromkeys("shuffled" if row.endswith("(shuffled)") else row for row in rows)
    if not names:
        return []
    return [f"{MARK} uninformative: a high figure proves no fit, since the truth is not separated from {_or(controls)}"]


def _or(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def _differences(result: Result, columns: Sequence[Column]) -> list[str]:
    """The differences to the first system in the main metric, and what the marks mean."""
    names = {column.name for column in columns}
    shown = [one for one in to_first(result) if f"{one['protocol']}_{one['metric']}" in names]
    if not shown:
        return []
    first, main = next(iter(result["systems"])), columns[0]
    lines = []
    if any(one["p"] < LEVEL for one in shown):
        by_chance = f"of {len(shown)} comparisons about {max(1, round(LEVEL * len(shown)))} by chance alone"
        lines.append(f"{DIFFERS} differs from {first}, p < {LEVEL} (not corrected: {by_chance})")
    of_main = [one for one in shown if (one["protocol"], one["metric"]) == (main.protocol, main.metric)]
    if of_main:
        lines.append(f"{' '.join(main.heads)} minus that of {first}, with its 95 % interval:")
    size = max((width(one["second"]) for one in of_main), default=0)
    for one in of_main:
        low, high, value = (signed(-one[key]) for key in ("high", "low", "difference"))
        name = abbreviated(one["second"], min(size, NAMES[1]))
        p = f"p {'<=' if one['p_at_most'] else '='} {one['p']:.2g}"
        lines.append(f"  {name}{' ' * (min(size, NAMES[1]) - width(name))}  {value} [{low}, {high}], {p}")
    return lines


def _missing(result: Result, columns: Sequence[Column]) -> list[str]:
    """How many clips lack a figure of the table, for their reference's or pose's sake and so in all rows alike."""
    truth = result["rows"].get(TRUTH, {})
    of_truth = [record for record in result["per_clip"] if record["row"] == TRUTH]
    lacking: dict[tuple[str, int], list[str]] = {}
    for column in columns:
        metric = "bhs" if column.metric == "f1" else column.metric
        if truth.get("missing", {}).get(column.protocol, {}).get(metric):
            # alignment has no entry at all for a clip without a usable pose
            count = sum(record.get(f"{column.protocol}_{metric}") is not None for record in of_truth)
            others = OTHERS.get(column.protocol, "the other references have none")
            lacking.setdefault((others, count), []).append(" ".join(column.heads))
    return [
        f"{', '.join(names)}: of {count} of {truth['clips']} clips; {others}"
        for (others, count), names in lacking.items()
    ]


def _not_there(result: Result) -> list[str]:
    """Extractors and rows that are missing, and how to have them."""
    lines = []
    reasons: dict[str, list[str]] = {}
    for name, reason in result["not_computed"].items():
        reasons.setdefault(reason.replace(f"fetch {name}", "fetch NAME"), []).append(name)
    lines += [f"{', '.join(names)}: {reason}" for reason, names in reasons.items()]
    options = {"ceiling": "--vae DIR", "random": "--training DIR"}
    if missing := [f"{row} ({option})" for row, option in options.items() if row not in result["rows"]]:
        lines.append(f"without the control {' and '.join(missing)} fewer columns can be marked as uninformative")
    return lines + [line for line in notes.shuffled(result) if line.startswith("no row")]


def _files(result: Result) -> list[str]:
    """What was not used or is faulty, a note for each kind."""
    lines = []
    for kind, words in notes.UNMATCHED.items():
        files = {name: kinds[kind] for name, kinds in result["files"]["unmatched"].items() if kind in kinds}
        lines += _counted(words, files)
    for kind, words in notes.FILES.items():
        named = result["files"].get(kind, {}).items()
        files = {row: [f"{clip} ({why})" for clip, why in clips.items()] for row, clips in named}
        lines += _counted(words, files)
    return lines + notes.other_files(result)


def _counted(words: str, files: Mapping[str, Sequence[str]], most: int = 4) -> list[str]:
    """One note on a kind of files: how many each system has, with the first name."""
    if not files:
        return []
    parts = [f"{name} {len(paths)}, {'' if len(paths) == 1 else 'such as '}{paths[0]}" for name, paths in files.items()]
    rest = [notes.counted(len(parts) - most, "more system")] if len(parts) > most else []
    return [f"{words}: {'; '.join(parts[:most] + rest)}"]


def _wrapped(lines: Iterable[str]) -> list[str]:
    """Lines of at most 100 columns, with what follows indented."""
    return [
        part
        for line in lines
        for part in textwrap.wrap(line, WIDTH, subsequent_indent="  ", break_on_hyphens=False, drop_whitespace=True)
    ]
