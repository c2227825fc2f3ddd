"""The result of `pace.scoring.score` as a table: for the console, as Markdown, CSV and JSON."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pace.evaluation.metric_validity import YARDSTICKS
from pace.evaluation.metrics.jackknife import MIN_SOURCES
from pace.evaluation.rounding import rounded
from pace.scoring.rows import shuffled_name
from pace.scoring.score import flat

Result = dict[str, Any]  # what `pace.scoring.score.score` returns

OUT_SUFFIXES = (".json", ".csv", ".md")
HEADLINE = ("f1",)  # of a protocol that has it, else all its metrics
DISTANCES = ("_fad", "_fad_inf")  # endings of an extractor's figures that have an interval
MARK = "†"
LAST = "not_separated"
WITHOUT = {
    "a pose": "not in alignment",
    "true beats": "scored against the beats tracked in the reference",
    "a tempo": "scored against the tempo of its true beats or that tracked in the reference",
}
UNMATCHED = {
    "reference_only": "of the reference without a generated file",
    "generated_only": "generated without a reference",
    "doubles": "not used, another file has the same name",
}
FILES = {
    "unreadable": "unreadable, not scored",
    "unscored": "not scored, or not in all metrics",
    "faults": "faulty, scored all the same",
}


def records(result: Result) -> list[dict[str, object]]:
    """The table: of each row its name, clips, rhythm metrics as `protocol_metric` and distances as `extractor_fad`.

    Each of them is followed by its interval, `..._low` and `..._high`, empty where it has none, and by the number of
    clips or pairs that lack it, `..._missing`, if any do. An extractor that was
    not computed has the column `extractor_fad` with the reason in every row. The last column, `not_separated`, is for
    controls: it names the uninformative metrics, which do not separate the row from the true music.
    """
    missing = {f"{name}_fad": reason for name, reason in result["not_computed"].items()}
    table = []
    for row, entry in result["rows"].items():
        counts = {"row": row, "clips": entry["clips"], "not_scored": entry.get("not_scored", "")}
        limits, lacking = flat(entry["interval"]), flat(entry.get("missing", {}))
        rhythm, metrics = flat(entry["rhythm"]), {}
        for name, value in (rhythm | flat(entry["fad"])).items():
            metrics[name] = value
            if name in rhythm or name.endswith(DISTANCES):
                metrics[f"{name}_low"], metrics[f"{name}_high"] = limits.get(name, ("", ""))
            if name in lacking:
                metrics[f"{name}_missing"] = lacking[name]
        uninformative = [name for name, controls in flat(result["uninformative"]).items() if row in controls]
        table.append(counts | metrics | missing | {LAST: " ".join(uninformative)})
    fullest = sorted(table, key=len, reverse=True)  # the fullest record decides on the order of the columns
    columns = dict.fromkeys(name for record in fullest for name in record)
    columns[LAST] = columns.pop(LAST)
    return [{name: record.get(name, "") for name in columns} for record in table]


def shown(value: object) -> str:
    """A value of the table as text for reading."""
    if isinstance(value, float):
        form = ".1f" if abs(value) >= 100 else ".3f" if abs(value) >= 0.01 or value == 0 else ".1e"
        return format(value, form)
    if str(value).startswith("not computed"):
        return str(value).partition(" (")[0]
    return "–" if value in ("", None) else str(value)


def headline(result: Result) -> list[dict[str, str]]:
    """The table's main columns as text: F1 of protocols that have it, else all metrics; the plain distances with n."""
    fullest = max((entry["rhythm"] for entry in result["rows"].values()), key=len)
    kept = ["row", "clips", "not_scored"]
    for protocol, metrics in fullest.items():
        kept += [f"{protocol}_{name}" for name in metrics if _is_headline(name, metrics)]
    table = records(result)
    kept += [name for name in table[0] if name.endswith(("_fad", "_n"))]
    return _marked([{name: shown(record[name]) for name in kept} for record in table], result)


def _marked(table: Iterable[Mapping[str, Any]], result: Result) -> list[dict[str, Any]]:
    """The table with a mark at the names of uninformative metrics."""
    uninformative = {name for name, controls in flat(result["uninformative"]).items() if controls}
    return [{name + MARK * (name in uninformative): value for name, value in record.items()} for record in table]


def _is_headline(name: str, metrics: Iterable[str]) -> bool:
    return name in HEADLINE or not {*HEADLINE} & {*metrics}


def notes(result: Result, most: int | None = None) -> list[str]:
    """Everything that a reader of the table must know, a line each. most: how many files a line lists, if not all."""
    lines = [f"{name}: nothing scored, it has no usable file" for name, n in _systems(result).items() if not n]
    lines += [f"{name}: {reason}" for name, reason in result["not_computed"].items()]
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
    lines += [*_shuffled(result), *_sources(result), *_uninformative(result), *_untested_distances(result)]
    warned: dict[tuple[str, str], list[str]] = {}
    for row, entry in result["rows"].items():
        for name, text in entry.get("warning", {}).items():
            warned.setdefault((name, text), []).append(row)
    lines += [f"{name}: {text} ({', '.join(rows)})" for (name, text), rows in warned.items()]
    for system, kinds in result["files"]["unmatched"].items():
        lines += [f"{system}: {_listed(UNMATCHED[kind], paths, most)}" for kind, paths in kinds.items()]
    for kind, words in FILES.items():
        for row, clips in result["files"].get(kind, {}).items():
            lines.append(f"{row}: {_listed(words, [f'{clip} ({text})' for clip, text in clips.items()], most)}")
    return lines


def _systems(result: Result) -> dict[str, int]:
    """System -> clips scored."""
    return {name: result["rows"][name]["clips"] for name in result["systems"]}


def _shuffled(result: Result) -> list[str]:
    """Which shuffled rows are missing or hold only a part of the clips."""
    lines = []
    for system, clips in _systems(result).items():
        row = shuffled_name(system)
        if clips and row not in result["rows"]:
            lines.append(f"no row {row}: there are no two clips of different sources")
        elif clips and (paired := result["rows"][row]["clips"]) < clips:
            lines.append(f"{row}: all pairs of {paired} of {clips} clips, spread evenly over their list")
    return lines


def _sources(result: Result) -> list[str]:
    """What the intervals resample, and how many clips lack annotations."""
    group = result["group"]
    lines = [f"intervals resample {_counted(group['sources'], 'source')} of {_counted(group['clips'], 'clip')}"]
    if group["unmatched"]:
        counts = f"{len(group['unmatched'])} of {group['clips']} clip names"
        lines.append(f"{counts} do not match {group['pattern']}: each its own source")
    for annotation, count in result["known"].items():
        if lacking := group["clips"] - count:
            lines.append(f"{lacking} of {group['clips']} clips without {annotation}, {WITHOUT[annotation]}")
    return lines


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _uninformative(result: Result) -> list[str]:
    """What the marks mean: a line for each set of controls that some metrics do not separate from the true music."""
    metrics: dict[tuple[str, ...], list[str]] = {}
    for name, controls in flat(result["uninformative"]).items():
        if controls:
            metrics.setdefault(tuple(controls), []).append(name)
    lines = [
        f"{MARK} uninformative, the true music is not separated from {', '.join(controls)}: {', '.join(names)}"
        for controls, names in metrics.items()
    ]
    protocols = {name for row in result["rows"].values() for name in row["rhythm"]}
    if protocols and not protocols & {*result["uninformative"]}:
        lines.append(f"rhythm metrics not tested against the controls: {_too_few(result)}")
    return lines


def _too_few(result: Result) -> str:
    return f"only {_counted(result['group']['sources'], 'source')}; at least {MIN_SOURCES} are needed"


def _untested_distances(result: Result) -> list[str]:
    """Which extractors' distances were not tested against the controls, and why."""
    names = dict.fromkeys(name for row in result["rows"].values() for name in row.get("fad", {}))
    untested = [name for name in names if name not in result["uninformative"]]
    if not untested:
        return []
    start = f"distances not tested against the controls ({', '.join(untested)}): "
    if not {*YARDSTICKS} & {*result["rows"]}:
        return [
            start
            + "without the row ceiling (--vae DIR) or random (--training DIR) there is no distance to compare with"
        ]
    return [start + _too_few(result)]


def _listed(description: str, names: list[str], most: int | None) -> str:
    rest = len(names) - len(names[:most])
    return f"{len(names)} {description}: {', '.join(names[:most])}" + (f" and {rest} more, see --out" if rest else "")


def text(result: Result) -> str:
    """The main columns for the console."""
    table = headline(result)
    widths = {name: max(len(name), *(len(record[name]) for record in table)) for name in table[0]}
    lines = [dict(zip(widths, widths, strict=True)), *table]
    return "\n".join(
        "  ".join(line[name].ljust(w) if name == "row" else line[name].rjust(w) for name, w in widths.items())
        for line in lines
    )


def markdown(result: Result) -> str:
    """The whole table and the notes."""
    whole = [{name: value for name, value in record.items() if name != LAST} for record in records(result)]
    table = _marked([_with_intervals(record) for record in whole], result)
    head = "| " + " | ".join(table[0]) + " |"
    rule = "|" + "|".join("---" if name == "row" else "---:" for name in table[0]) + "|"
    body = ["| " + " | ".join(shown(value).replace("|", "\\|") for value in record.values()) + " |" for record in table]
    lines = [f"- {note}" for note in (*difference_lines(result), *notes(result))]
    return "\n".join([f"# Scores against {result['reference']}", "", head, rule, *body, "", *lines]).rstrip() + "\n"


def _with_intervals(record: dict[str, object]) -> dict[str, object]:
    """A record with each interval in its value's cell."""
    cells = {name: value for name, value in record.items() if not name.endswith(("_low", "_high"))}
    for name, value in cells.items():
        if (low := record.get(f"{name}_low", "")) != "":
            cells[name] = f"{shown(value)} [{shown(low)}, {shown(record[f'{name}_high'])}]"
    return cells


def signed(value: float) -> str:
    """A difference with three decimals and its sign, which is a plus for what rounds to 0."""
    return f"{round(value, 3) + 0.0:+.3f}"


def difference_lines(result: Result) -> list[str]:
    """The differences between systems in the main columns, a line each."""

    def is_main(difference: Mapping[str, Any]) -> bool:
        metrics = result["rows"][difference["first"]]["rhythm"].get(difference["protocol"])
        return _is_headline(difference["metric"], metrics) if metrics else difference["metric"] == "fad"

    return [
        f"{d['first']} - {d['second']}, {d['protocol']} {d['metric']}: {signed(d['difference'])} "
        f"[{signed(d['low'])}, {signed(d['high'])}], p {'<=' if d['p_at_most'] else '='} {d['p']:.2g} "
        f"({d['clips']} clips)"
        for d in result["differences"]
        if is_main(d)
    ]


def write(result: Result, path: Path) -> None:
    """Write the result as .json (everything), .csv (the table) or .md (table and notes), by the name's suffix."""
    check_out(path)
    if path.suffix.lower() == ".json":
        content = json.dumps(rounded(result), indent=2, ensure_ascii=False) + "\n"
    elif path.suffix.lower() == ".csv":
        table, buffer = rounded(records(result)), io.StringIO()
        writer = csv.DictWriter(buffer, table[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
        content = buffer.getvalue()
    else:
        content = markdown(result)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def check_out(path: Path) -> None:
    """Raise ValueError for a file of an unknown kind, before anything is scored."""
    if path.suffix.lower() not in OUT_SUFFIXES:
        raise ValueError(
            f"{path}: unknown kind of table; give a file name that ends in one of {', '.join(OUT_SUFFIXES)}"
        )
