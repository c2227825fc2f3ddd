"""Results by the strength of the dances: of the third that shows the beat least, of the middle and of the strongest.

Only a dataset that says how strong its dances are has them (`strength` in its truth). A third is of dances, by rank, so
that all cameras of a dance are in one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pace.evaluation import intervals, metric_validity, table
from pace.evaluation.controls import GENERATED
from pace.evaluation.metrics.dynamics import DYNAMICS
from pace.evaluation.metrics.rhythm import STRICT
from pace.evaluation.score_clips import ScoredClip
from pace.evaluation.scores import Scores
from pace.evaluation.table import MAIN, Rows, RowScore

WEAK, MIDDLE, STRONG = THIRDS = ("weak", "middle", "strong")
PROTOCOLS = (STRICT, DYNAMICS)
MAIN_ROWS = (GENERATED, "ceiling", "truth", "clock", "retrieval", "shuffled")


def strengths(scored: Sequence[ScoredClip]) -> dict[str, float]:
    """Dance -> its strength, the mean over its clips; dances of unknown strength are left out."""
    known: dict[str, list[float]] = {}
    for clip in scored:
        if (strength := clip.clip.annotations.strength) is not None:
            known.setdefault(clip.source, []).append(strength)
    return {dance: float(np.mean(values)) for dance, values in known.items()}


def thirds(known: Mapping[str, float]) -> dict[str, str]:
    """Dance -> its third by rank, from dance -> strength.

    Equal ones stay in their order. The weak and the strong third are of the same size, so two dances are one of each.
    """
    ranked = sorted(known, key=lambda dance: known[dance])
    return {dance: THIRDS[3 * (2 * rank + 1) // (2 * len(ranked))] for rank, dance in enumerate(ranked)}


def section(scored: Sequence[ScoredClip], rows: Rows) -> dict[str, Any] | None:
    """Section `strength` of metrics.json; None where no strength is known or nothing is scored by these protocols.

    Of each third that has clips: the number of `dances` and `clips`, the `strength` of its weakest and strongest dance,
    and of protocols `strict` and `dynamics` `rhythm`, `interval` and `own_minus_shuffled` as in the whole file.
    """
    known = strengths(scored)
    rows = {row: [_main_scores(entry) for entry in entries] for row, entries in rows.items()}
    if not known or not any(entry.scores for entries in rows.values() for entry in entries):
        return None
    by_third = {}
    for third in THIRDS:
        dances = {dance for dance, its_third in thirds(known).items() if its_third == third}
        if dances:
            counts = {"dances": len(dances), "clips": sum(clip.source in dances for clip in scored)}
            limits = [min(known[dance] for dance in dances), max(known[dance] for dance in dances)]
            by_third[third] = counts | {"strength": limits} | _results(_within(rows, dances))
    return by_third


def _main_scores(entry: RowScore) -> RowScore:
    """An entry with the scores of PROTOCOLS alone."""
    scores: Scores = {name: values for name, values in entry.scores.items() if name in PROTOCOLS}
    return RowScore(scores, entry.clip, entry.reference)


def _within(rows: Rows, dances: set[str]) -> Rows:
    """The entries of these dances; a shuffled pair is of them if both its clips are. Rows without any are left out."""
    kept = {row: [entry for entry in entries if {*entry.sources} <= dances] for row, entries in rows.items()}
    return {row: entries for row, entries in kept.items() if entries}


def _results(rows: Rows) -> dict[str, Any]:
    return {
        "rhythm": table.summary(rows),
        "interval": intervals.intervals(rows),
        "own_minus_shuffled": metric_validity.own_minus_shuffled(rows, GENERATED),
    }


def text(by_third: Mapping[str, Any]) -> str:
    """The main metrics by thirds for the console: of each row and metric the weak, middle and strong third."""
    heads = [f"{third} ({by_third[third]['dances']})" if third in by_third else third for third in THIRDS]
    lines = ["", f"by strength of the dances: {', '.join(heads)} third"]
    lines.append(" " * 10 + "".join(name.rjust(22) for name in MAIN.values()))
    shown = {row for results in by_third.values() for row in results["rhythm"]}
    for row in (row for row in MAIN_ROWS if row in shown):
        cells = ["  ".join(_cell(by_third, third, row, *metric) for third in THIRDS) for metric in MAIN]
        lines.append(row.ljust(10) + "".join(cell.rjust(22) for cell in cells))
    return "\n".join(lines)


def _cell(by_third: Mapping[str, Any], third: str, row: str, protocol: str, metric: str) -> str:
    value = by_third.get(third, {}).get("rhythm", {}).get(row, {}).get(protocol, {}).get(metric, np.nan)
    return "–".rjust(5) if np.isnan(value) else f"{value:5.2f}"
