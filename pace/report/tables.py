"""The report's tables as HTML: rhythm metrics by protocol, Fréchet distances, all other metrics, and failures."""

import json
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from pace.report.wording import (
    AS_CLOCK,
    AS_CLOCK_MEANS,
    AS_SHUFFLED,
    AS_SHUFFLED_MEANS,
    COLUMNS,
    FAD_INTERVALS,
    FAD_MARK_MEANS,
    FAD_SCOPE,
    INTERVALS,
    MARK,
    MARK_MEANS,
    MISSING_MEANS,
    NOT_TESTED,
    PROTOCOLS,
    ROWS,
)

Nested = dict[str, Any]  # a section of metrics.json
NO_VALUE = "–"
# Sections of metrics.json that are in the tables, their notes or the failures.
SHOWN = (
    "rhythm", "interval", "fad", "beats", "uninformative", "not_above_clock", "not_above_shuffled",
    "own_minus_shuffled", "strength", "faults", "missing", "unscored",
)  # fmt: skip


def number(value: object) -> str:
    """Format a metric: whole numbers with thousands separators, others with 1 or 3 decimals, anything else as JSON.

    A missing one is a dash.
    """
    if value is None or value != value:
        return NO_VALUE
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value if isinstance(value, str) else json.dumps(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def ordered(names: Iterable[str], order: Iterable[str]) -> list[str]:
    """Sort distinct names in the given order; names that are not in it come last."""
    distinct, order = list(dict.fromkeys(names)), list(order)
    return [name for name in order if name in distinct] + [name for name in distinct if name not in order]


def rhythm(
    metrics: Nested,
    intervals: Nested | None = None,
    uninformative: Nested | None = None,
    missing: Nested | None = None,
    as_clock: Nested | None = None,
    as_shuffled: Nested | None = None,
) -> str:
    """Build one table for each protocol in `metrics` (row -> protocol -> metric -> value), with an explanation.

    intervals: row -> protocol -> metric -> (low, high); may lack any of them.
    uninformative: protocol -> metric -> the controls that are not separated from the true music. None when metrics.json
    does not have it.
    missing: row -> protocol -> metric -> how many clips or pairs lack it; only those above 0.
    as_clock, as_shuffled: protocol -> metrics on which the generated music is not above the row `clock` or `shuffled`;
    None without that row.
    """
    protocols = ordered((name for values in metrics.values() for name in values), PROTOCOLS)
    notes = f"<p>{escape(INTERVALS)}</p>" if intervals else ""
    if metrics and uninformative is not None:
        tested = any(name in uninformative for name in protocols)
        notes += f"<p>{escape(MARK_MEANS if tested else NOT_TESTED)}</p>"
    if as_clock is not None:
        notes += f"<p>{escape(AS_CLOCK_MEANS)}</p>"
    if as_shuffled is not None:
        notes += f"<p>{escape(AS_SHUFFLED_MEANS)}</p>"
    marks = {AS_CLOCK: as_clock or {}, AS_SHUFFLED: as_shuffled or {}}
    return notes + _tables(metrics, intervals or {}, uninformative or {}, protocols, missing or {}, marks)


def distances(
    metrics: Nested,
    intervals: Nested | None = None,
    uninformative: Nested | None = None,
    as_clock: Nested | None = None,
) -> str:
    """Build the Fréchet tables of section `fad`, one for each extractor, with warnings and what was not computed.

    intervals: row -> extractor -> figure -> (low, high).
    uninformative: extractor -> figure -> the controls that are no farther from the true music than the ceiling. None
    when metrics.json does not have it. as_clock: extractor -> figures that are not better than those of `clock`.
    """
    if not metrics:
        return ""
    remarks = {key: metrics.get(key, {}) for key in ("warning", "not_computed")}
    after = "".join(
        f"<p>{escape(PROTOCOLS.get(name, (name,))[0])}: {escape(text)}</p>"
        for texts in remarks.values()
        for name, text in texts.items()
    )
    rows = {row: values for row, values in metrics.items() if row not in remarks}
    extractors = ordered((name for values in rows.values() for name in values), PROTOCOLS)
    notes = f"<p>{escape(FAD_SCOPE)}</p>"
    if any(name in values for values in (intervals or {}).values() for name in extractors):
        notes += f"<p>{escape(FAD_INTERVALS)}</p>"
    if extractors and uninformative is not None:
        tested = any(name in uninformative for name in extractors)
        notes += f"<p>{escape(FAD_MARK_MEANS if tested else NOT_TESTED)}</p>"
    return (
        notes + _tables(rows, intervals or {}, uninformative or {}, extractors, {}, {AS_CLOCK: as_clock or {}}) + after
    )


def _tables(
    metrics: Nested,
    intervals: Nested,
    uninformative: Nested,
    names: list[str],
    missing: Nested,
    marks: Nested,
) -> str:
    """One table for each protocol or extractor in `names`. marks: mark -> protocol -> metrics of generated music."""
    rows = ordered(metrics, ROWS)
    return "\n".join(
        _table(
            name,
            {row: metrics[row].get(name, {}) for row in rows},
            {row: intervals.get(row, {}).get(name, {}) for row in rows},
            uninformative.get(name, {}),
            {mark: metrics_of.get(name, ()) for mark, metrics_of in marks.items()},
        )
        + _missing({row: missing[row][name] for row in ordered(missing, ROWS) if name in missing[row]})
        for name in names
    )


def _missing(rows: Nested) -> str:
    """How many clips have no value, for one protocol. rows: row -> metric -> number."""
    if not rows:
        return ""
    texts = [
        f"{row}: "
        + ", ".join(f"{COLUMNS.get(metric, (metric,))[0]} {values[metric]}" for metric in ordered(values, COLUMNS))
        for row, values in rows.items()
    ]
    return f"<p>{escape(MISSING_MEANS)} {escape('; '.join(texts))}.</p>"


def _table(
    name: str, rows: Nested, intervals: Nested, uninformative: dict[str, list[str]], marks: dict[str, Sequence[str]]
) -> str:
    """One protocol's or extractor's table. rows: row -> metric -> value. marks: mark -> metrics of generated music."""
    title, explanation = PROTOCOLS.get(name, (name, ""))
    columns = ordered((metric for values in rows.values() for metric in values), COLUMNS)
    headings = {
        column: COLUMNS.get(column, (column,))[0] + MARK * bool(uninformative.get(column)) for column in columns
    }
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings.values())
    marked = [
        f"{headings[column]} ({', '.join(uninformative[column])})" for column in columns if uninformative.get(column)
    ]
    controls = f"<p>Controls not separated from the true music: {escape('; '.join(marked))}.</p>" if marked else ""
    body = ""
    for row, values in rows.items():
        cells = ""
        for column in columns:
            marked_as = [mark for mark, metrics in marks.items() if row == "generated" and column in metrics]
            text = escape(cell(values, column)) + "".join(marked_as)
            cells += f"<td>{text}{interval(intervals[row], column)}</td>"
        note = f"<small>{escape(ROWS[row])}</small>" if row in ROWS else ""
        attributes = ' class="ours"' if row == "generated" else ""
        body += f'<tr{attributes}><th scope="row">{escape(row)}{note}</th>{cells}</tr>\n'
    return (
        f'<h3>{escape(title)}</h3><div class="scroll"><table class="numbers"><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>\n{body}</tbody></table></div>{controls}<p>{escape(explanation)}</p>"
    )


def cell(values: Nested, column: str) -> str:
    """A row's value of a metric with its decimals; a dash where it has none."""
    value = values.get(column)
    if value is None or value != value:
        return NO_VALUE
    return f"{value:.{COLUMNS[column][1]}f}" if column in COLUMNS else number(value)


def interval(intervals: Nested, column: str) -> str:
    """HTML of a metric's interval, below its value."""
    if column not in intervals:
        return ""
    low, high = (cell({column: value}, column) for value in intervals[column])
    return f"<small>{escape(low)}–{escape(high)}</small>"


def flatten(metrics: object, prefix: str = "") -> dict[str, object]:
    """Flatten nested dicts to dotted name -> value."""
    if not isinstance(metrics, dict):
        return {prefix: metrics}
    flat: dict[str, object] = {}
    for key, value in metrics.items():
        flat |= flatten(value, f"{prefix}.{key}" if prefix else str(key))
    return flat


def others(metrics: Nested) -> str:
    """Build a small table for each section of metrics.json that is shown nowhere else."""
    tables = []
    for section, values in metrics.items():
        if section in SHOWN:
            continue
        rows = "".join(
            f'<tr><th scope="row">{escape(name or section)}</th><td>{escape(number(value))}</td></tr>'
            for name, value in flatten(values).items()
        )
        tables.append(f"<div><h3>{escape(section)}</h3><table>{rows}</table></div>")
    return f'<div class="grid">{"".join(tables)}</div>' if tables else ""


def read_failures(data: Path) -> list[tuple[str, str, str]]:
    """Read every failures.json one level below `data`: (stage, item, reason). The folder's name is the stage."""
    failed = []
    for path in sorted(data.glob("*/failures.json")):
        reasons = json.loads(path.read_text(encoding="utf-8"))
        failed += [(path.parent.name, str(item), str(reason)) for item, reason in sorted(reasons.items())]
    return failed


def failures(failed: list[tuple[str, str, str]]) -> str:
    """Build the table of failed videos and faulty clips, or a sentence if there are none."""
    if not failed:
        return "<p>No video failed in any stage, and no generated clip is faulty.</p>"
    rows = "".join(f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in entry)}</tr>\n" for entry in failed)
    head = "<tr><th>stage</th><th>video or clip</th><th>reason</th></tr>"
    return f'<div class="scroll"><table class="texts"><thead>{head}</thead><tbody>\n{rows}</tbody></table></div>'
