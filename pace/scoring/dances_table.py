"""The result of `pace.scoring.dances.score` on the console and in files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pace.evaluation.controls import AS_CLOCK
from pace.scoring import tables
from pace.scoring.dances import DIFFERENCE, FIGURES, OTHERS, OWN
from pace.scoring.notes import AS_CLOCK_MEANS


def records(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The table, with `{own, others, difference}_{bas, bas_music}`, each with `_low` and `_high` after it."""
    table = []
    for system, row in result["rows"].items():
        record: dict[str, object] = {"row": system, "beats": result["beats"], "dances": row["dances"]}
        for kind in (OWN, OTHERS, DIFFERENCE):
            for figure in FIGURES:
                low, high = row["interval"][kind].get(figure, (None, None))
                value = row[kind].get(figure)
                record |= dict(
                    zip((f"{kind}_{figure}{end}" for end in ("", "_low", "_high")), (value, low, high), strict=True)
                )
        table.append(record | {"not_above_clock": " ".join(result["not_above_clock"].get(system, ()))})
    return table


def lines(result: Mapping[str, Any]) -> list[list[str]]:
    """The table's cells for reading, its head first."""
    heads = [f"{kind} {figure}" for figure in FIGURES for kind in (OWN, OTHERS, DIFFERENCE)]
    cells = [["row", "dances", *heads]]
    for name, row in result["rows"].items():
        cells.append([name, str(row["dances"])])
        for figure in FIGURES:
            for kind in (OWN, OTHERS, DIFFERENCE):
                value, limits = row[kind].get(figure), row["interval"][kind].get(figure)
                form = "+.3f" if kind == DIFFERENCE else ".3f"
                interval = f" [{limits[0]:{form}}, {limits[1]:{form}}]" if limits else ""
                mark = AS_CLOCK if kind == OWN and figure in result["not_above_clock"].get(name, ()) else ""
                cells[-1].append("–" if value is None else f"{value:{form}}{mark}{interval}")
    return cells


def notes(result: Mapping[str, Any]) -> list[str]:
    """What a reader of the table must know."""
    said = [
        "bas: over the beats of the dance; bas_music: over those of the music; 1 is best",
        "others: the music made for all other dances; where the interval of the difference holds 0, own music fits no "
        "better than any",
        f"beats heard by {result['beats']}, in all rows alike",
        f"intervals resample {result['group']['sources']} sources of {result['group']['clips']} dances",
    ]
    if any(result["not_above_clock"].values()):
        said.append(AS_CLOCK_MEANS)
    for system, counts in result["files"]["unmatched"].items():
        said.append(f"{system}: {counts['dances']} dances without music, {counts['music']} music files without a dance")
    said += [f"{name}: not scored: {why}" for name, why in result["files"]["unusable"].items()]
    for system, files in result["files"]["unreadable"].items():
        said += [f"{system}: {name}: not scored: {why}" for name, why in files.items()]
    return said


def text(result: Mapping[str, Any]) -> str:
    """The table, a block for each direction, and its notes, for the console."""
    cells = lines(result)
    blocks = []
    for first in (2, 5):
        part = [[*row[:2], *row[first : first + 3]] for row in cells]
        widths = [max(len(row[i]) for row in part) for i in range(5)]
        blocks.append(
            "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in part)
        )
    return "\n\n".join([*blocks, "\n".join(notes(result))])


def markdown(result: Mapping[str, Any]) -> str:
    """The table and its notes, as Markdown."""
    head, *body = (_markdown(row) for row in lines(result))
    rule = "|---" * len(lines(result)[0]) + "|"
    listed = [f"- {note}" for note in notes(result)]
    return "\n".join([f"# Alignment with {result['dances']}", "", head, rule, *body, "", *listed]) + "\n"


def write(result: Mapping[str, Any], path: Path) -> None:
    """Write the result as .json (everything), .csv (the table) or .md (table and notes)."""
    tables.write_as(path, result, records, markdown)


def _markdown(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
