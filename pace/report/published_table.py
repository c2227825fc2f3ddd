"""The report's tables of published figures, with this run's own where they are comparable."""

import dataclasses
from html import escape
from typing import Any

from pace.report.published import CAVEAT, PROTOCOL, SETTINGS, SOURCE, DataParams, differences, own_figures
from pace.report.published import read as read_published

COLUMNS = {  # printed column -> heading, decimals
    "bcs": ("BCS %", 2),
    "csd": ("CSD", 2),
    "bhs": ("BHS %", 2),
    "hsd": ("HSD", 2),
    "f1": ("F1 % as printed", 2),
    "f1_of_means": ("F1 % of means", 2),
    "fad_vggish": ("FAD v", 2),
    "fad_panns": ("FAD p", 2),
    "fad_clap": ("FAD c", 2),
    "fad_panns_pooled_legacy": ("FAD p pooled, legacy", 4),
}


def published(metrics: dict[str, Any], data: DataParams) -> str:
    """Build the tables of the paper's figures as HTML, one for each dataset.

    This run's generated row is included where dataset, split and protocol are the paper's; otherwise the table says
    what differs. A figure that this run did not compute is shown as a dash and listed.
    """
    counts = metrics.get("data", {})
    scored = counts.get("test_clips", 0) - counts.get("missing_clips", 0)
    own = own_figures(metrics)
    section = f"<p>As printed in {escape(SOURCE)}. {escape(CAVEAT)}</p>"
    for dataset in SETTINGS:
        nothing_to_compare = [f"this run has no {PROTOCOL} scores and no FAD"]
        reasons = differences(dataset, data, scored) if own else nothing_to_compare
        section += _table(dataset, reasons, own)
    return section


def _table(dataset: str, reasons: list[str], own: dict[str, float]) -> str:
    """One dataset's table, with this run's row unless there are reasons against a comparison."""
    body = "" if reasons else _row("this run", "", own, ' class="ours"')
    for row in read_published():
        if row.dataset == dataset:
            values = dataclasses.asdict(row) | {"f1_of_means": row.f1_of_means}
            body += _row(row.method, f"table{'s' * (' ' in row.table)} {row.table}", values)
    head = "".join(f"<th>{escape(heading)}</th>" for heading, _ in COLUMNS.values())
    status = f"Not comparable with this run: {'; '.join(reasons)}." if reasons else "Comparable with this run."
    missing = [heading for column, (heading, _) in COLUMNS.items() if column not in {*own, "f1"}]
    if missing and not reasons:
        status += f" Not computed in this run: {', '.join(missing)}."
    return (
        f'<h3>{escape(dataset)}</h3><p>{escape(status)}</p><div class="scroll"><table class="numbers">'
        f"<thead><tr><th></th>{head}</tr></thead><tbody>\n{body}</tbody></table></div>"
    )


def _row(name: str, note: str, values: dict[str, Any], attributes: str = "") -> str:
    cells = ""
    for column, (_, decimals) in COLUMNS.items():
        cells += f"<td>{values[column]:.{decimals}f}</td>" if column in values else "<td>–</td>"
    note = f"<small>{escape(note)}</small>" if note else ""
    return f'<tr{attributes}><th scope="row">{escape(name)}{note}</th>{cells}</tr>\n'
