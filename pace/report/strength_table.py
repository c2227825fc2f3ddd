"""The report's table of the main metrics by thirds of the dances, and what the music's own dance makes of them."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from pace.report.tables import NO_VALUE, cell, interval
from pace.report.wording import BY_STRENGTH, COLUMNS, MAIN, MAIN_ROWS, OWN_MINUS_SHUFFLED, THIRDS

TITLES = ("Strict", "Dynamics")  # of the two halves of MAIN


def by_strength(thirds: Mapping[str, Any]) -> str:
    """HTML of section `strength` of metrics.json: its rows by the thirds of each main metric; empty without it."""
    if not thirds:
        return ""
    counts = [
        f"{third}: {thirds[third]['dances']} dances, {thirds[third]['clips']} clips, strength "
        f"{thirds[third]['strength'][0]:.2f}–{thirds[third]['strength'][1]:.2f}"
        if third in thirds
        else f"{third}: no dance"
        for third in THIRDS
    ]
    halves = MAIN[: len(MAIN) // 2], MAIN[len(MAIN) // 2 :]  # one table of all of them would be wider than the page
    tables = "".join(f"<h3>{title}</h3>{_table(thirds, half)}" for title, half in zip(TITLES, halves, strict=True))
    return f"<p>{escape(BY_STRENGTH)} In numbers: {escape('; '.join(counts))}.</p>{tables}"


def _table(thirds: Mapping[str, Any], metrics: Sequence[tuple[str, str]]) -> str:
    """The rows by the thirds of some metrics, (protocol, metric)."""
    heads = "".join(f'<th colspan="{len(THIRDS)}">{escape(COLUMNS[metric][0])}</th>' for _, metric in metrics)
    subheads = "".join(f"<th>{third}</th>" for third in THIRDS) * len(metrics)
    shown = {row for results in thirds.values() for row in results["rhythm"]}
    body = ""
    for row in (row for row in MAIN_ROWS if row in shown):
        cells = "".join(_cell(thirds.get(third, {}), row, *metric) for metric in metrics for third in THIRDS)
        attributes = ' class="ours"' if row == "generated" else ""
        body += f'<tr{attributes}><th scope="row">{row}</th>{cells}</tr>\n'
    differences = "".join(_difference(thirds.get(third, {}), *metric) for metric in metrics for third in THIRDS)
    body += f'<tr><th scope="row">generated − shuffled</th>{differences}</tr>\n'
    return (
        f'<div class="scroll"><table class="numbers"><thead><tr><th></th>{heads}</tr>'
        f"<tr><th></th>{subheads}</tr></thead><tbody>\n{body}</tbody></table></div>"
    )


def _cell(results: Mapping[str, Any], row: str, protocol: str, metric: str) -> str:
    values, limits = (results.get(name, {}).get(row, {}).get(protocol, {}) for name in ("rhythm", "interval"))
    return f"<td>{escape(cell(values, metric))}{interval(limits, metric)}</td>"


def _difference(results: Mapping[str, Any], protocol: str, metric: str) -> str:
    found = results.get("own_minus_shuffled", {}).get(protocol, {}).get(metric)
    if not found:
        return f"<td>{NO_VALUE}</td>"
    low, high = found["interval"]
    return f"<td>{found['difference']:+.3f}<small>{low:+.3f} – {high:+.3f}</small></td>"


def differences(own_minus_shuffled: Mapping[str, Any]) -> str:
    """HTML of section `own_minus_shuffled`: the main metrics; empty without them."""
    heads = [COLUMNS[metric][0] for protocol, metric in MAIN if metric in own_minus_shuffled.get(protocol, {})]
    if not heads:
        return ""
    cells = "".join(
        _difference({"own_minus_shuffled": own_minus_shuffled}, protocol, metric)
        for protocol, metric in MAIN
        if metric in own_minus_shuffled.get(protocol, {})
    )
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    return (
        f'<h3>Generated minus shuffled</h3><div class="scroll"><table class="numbers"><thead><tr><th></th>{head}</tr>'
        f'</thead><tbody><tr><th scope="row">generated − shuffled</th>{cells}</tr></tbody></table></div>'
        f"<p>{escape(OWN_MINUS_SHUFFLED)}</p>"
    )
