"""The result of `pace.scoring.score` in files: as Markdown, CSV and JSON."""

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pace.evaluation.controls import AS_CLOCK, AS_SHUFFLED
from pace.evaluation.rounding import rounded
from pace.scoring.console_table import signed
from pace.scoring.notes import MARK, Result, as_clock, as_shuffled, notes
from pace.scoring.score import flat

OUT_SUFFIXES = (".json", ".csv", ".md")
DISTANCES = ("_fad", "_fad_inf")  # endings of an extractor's figures that have an interval
BELOW, BELOW_SHUFFLED, LAST = "not_above_clock", "not_above_shuffled", "not_separated"
MARKS = {BELOW: AS_CLOCK, BELOW_SHUFFLED: AS_SHUFFLED}  # columns that name metrics -> mark in Markdown


def records(result: Result) -> list[dict[str, object]]:
    """The table: of each row its name, what heard its beats, clips, rhythm metrics as `protocol_metric` and distances
    as `extractor_fad`.

    Each of them is followed by its interval, `..._low` and `..._high`, empty where it has none, and by the number of
    clips or pairs that lack it, `..._missing`, if any do. An extractor that was not computed has the column
    `extractor_fad` with the reason in every row. The columns `not_above_clock` and `not_above_shuffled` name the
    metrics on which a system is not above the row `clock` or its own music shuffled. The last column, `not_separated`,
    is for controls: it names the uninformative metrics, which do not separate the row from the true music.
    """
    missing = {f"{name}_fad": reason for name, reason in result["not_computed"].items()}
    table = []
    for row, entry in result["rows"].items():
        counts = {
            "row": row,
            "beats": result["beats"],
            "clips": entry["clips"],
            "not_scored": entry.get("not_scored", ""),
        }
        limits, lacking = flat(entry["interval"]), flat(entry.get("missing", {}))
        rhythm, metrics = flat(entry["rhythm"]), {}
        for name, value in (rhythm | flat(entry["fad"])).items():
            metrics[name] = value
            if name in rhythm or name.endswith(DISTANCES):
                metrics[f"{name}_low"], metrics[f"{name}_high"] = limits.get(name, ("", ""))
            if name in lacking:
                metrics[f"{name}_missing"] = lacking[name]
        uninformative = [name for name, controls in flat(result["uninformative"]).items() if row in controls]
        below, below_shuffled = (
            " ".join(name for name in metrics if name in marked(result, row)) for marked in (as_clock, as_shuffled)
        )
        table.append(
            counts | metrics | missing | {BELOW: below, BELOW_SHUFFLED: below_shuffled, LAST: " ".join(uninformative)}
        )
    fullest = sorted(table, key=len, reverse=True)  # the fullest record decides on the order of the columns
    columns = dict.fromkeys(name for record in fullest for name in record)
    columns |= {name: columns.pop(name) for name in (BELOW, BELOW_SHUFFLED, LAST)}
    return [{name: record.get(name, "") for name in columns} for record in table]


def shown(value: object) -> str:
    """A value of the table as text for reading."""
    if isinstance(value, float):
        form = ".1f" if abs(value) >= 100 else ".3f" if abs(value) >= 0.01 or value == 0 else ".1e"
        return format(value, form)
    if str(value).startswith("not computed"):
        return str(value).partition(" (")[0]
    return "–" if value in ("", None) else str(value)


def _marked(table: Iterable[Mapping[str, Any]], result: Result) -> list[dict[str, Any]]:
    """The table with a mark at the names of uninformative metrics."""
    uninformative = {name for name, controls in flat(result["uninformative"]).items() if controls}
    return [{name + MARK * (name in uninformative): value for name, value in record.items()} for record in table]


def markdown(result: Result) -> str:
    """The whole table and the notes."""
    aside = ("beats", BELOW, BELOW_SHUFFLED, LAST)  # which notes and marks tell
    table = _marked([_readable(record, aside) for record in records(result)], result)
    head = "| " + " | ".join(table[0]) + " |"
    rule = "|" + "|".join("---" if name == "row" else "---:" for name in table[0]) + "|"
    body = ["| " + " | ".join(_escaped(shown(value)) for value in record.values()) + " |" for record in table]
    lines = [f"- {note}" for note in notes(result)]
    title = f"# Scores against {result['reference']}"
    return (
        "\n".join(
            [title, "", head, rule, *body, "", *difference_table(result), *own_table(result), "## Notes", "", *lines]
        )
        + "\n"
    )


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def _readable(record: dict[str, object], aside: tuple[str, ...]) -> dict[str, object]:
    """A record with each interval in its value's cell, marked where it is not above a control; without `aside`."""
    cells = {
        name: value for name, value in record.items() if name not in aside and not name.endswith(("_low", "_high"))
    }
    for column, mark in MARKS.items():
        for name in str(record[column]).split():
            cells[name] = f"{shown(cells[name])} {mark}"
    for name, value in cells.items():
        if (low := record.get(f"{name}_low", "")) != "":
            cells[name] = f"{shown(value)} [{shown(low)}, {shown(record[f'{name}_high'])}]"
    return cells


def difference_table(result: Result) -> list[str]:
    """The differences between all pairs of systems in all metrics, as the lines of a Markdown table."""
    if not result["differences"]:
        return []
    lines = ["## Differences, first minus second", "", "| first | second | metric | difference | p | clips |"]
    lines.append("|---|---|---|---:|---:|---:|")
    for one in result["differences"]:
        value, low, high = (signed(one[key]) for key in ("difference", "low", "high"))
        p = f"{'<=' if one['p_at_most'] else '='} {one['p']:.2g}"
        names = [_escaped(one[key]) for key in ("first", "second")]
        cells = [*names, f"{one['protocol']}_{one['metric']}", f"{value} [{low}, {high}]", p, str(one["clips"])]
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def own_table(result: Result) -> list[str]:
    """How much better each system scores with its own references than shuffled, as the lines of a Markdown table."""
    lines = [
        f"| {_escaped(system)} | {protocol}_{metric} | {signed(one['difference'])} "
        f"[{', '.join(map(signed, one['interval']))}] |"
        for system, protocols in result["own_minus_shuffled"].items()
        for protocol, metrics in protocols.items()
        for metric, one in metrics.items()
    ]
    if not lines:
        return []
    return ["## Own minus shuffled", "", "| system | metric | difference |", "|---|---|---:|", *lines, ""]


def write(result: Result, path: Path) -> None:
    """Write the result as .json (everything), .csv (the table) or .md (table and notes), by the name's suffix."""
    write_as(path, result, records, markdown)


def write_as(
    path: Path,
    result: Mapping[str, Any],
    records: Callable[[Any], list[dict[str, Any]]],
    markdown: Callable[[Any], str],
) -> None:
    """Write a result as .json, or what `records` (.csv) or `markdown` (.md) make of it, by the name's suffix."""
    if path.suffix.lower() == ".json":
        content = json.dumps(rounded(dict(result)), indent=2, ensure_ascii=False) + "\n"
    elif path.suffix.lower() == ".csv":
        table, buffer = rounded(records(result)), io.StringIO()
        writer = csv.DictWriter(buffer, table[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
        content = buffer.getvalue()
    else:
        content = markdown(result)
    write_text(content, path)


def write_text(content: str, path: Path) -> None:
    """Write a file whole: an error leaves an older one as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(content, encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def check_out(path: Path, inputs: Iterable[Path] = ()) -> None:
    """Raise ValueError where a table cannot be written, before anything is scored.

    That is for a file of an unknown kind, a folder, a folder without permission, and one of the input files.
    """
    if path.suffix.lower() not in OUT_SUFFIXES:
        raise ValueError(
            f"{path}: unknown kind of table; give a file name that ends in one of {', '.join(OUT_SUFFIXES)}"
        )
    if path.is_dir():
        raise ValueError(f"{path}: a folder; give the name of a file in it, such as {path / 'table.json'}")
    if path.resolve() in {file.resolve() for file in inputs}:
        raise ValueError(f"{path}: an input of this command, which the table would replace; give another name")
    existing = next(folder for folder in path.absolute().parents if folder.exists())
    if not existing.is_dir():
        raise ValueError(f"{path}: {existing} is a file; give a file in a folder")
    if not os.access(existing, os.W_OK):
        raise ValueError(f"{path}: no permission to write in {existing}; give a file in another folder")
