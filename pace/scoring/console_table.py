"""The table of `pace score` on the console: the main metrics of systems and controls in at most 100 columns."""

import dataclasses
import math
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pace.evaluation.controls import AS_CLOCK, AS_SHUFFLED
from pace.evaluation.metrics.dynamics import DYNAMICS
from pace.evaluation.metrics.rhythm import BINNED, STRICT
from pace.scoring.notes import MARK, Result, as_clock, as_shuffled
from pace.scoring.rows import shuffled_name
from pace.scoring.score import flat

WIDTH = 100  # columns
NAMES = (12, 32)  # least and most columns of a row's name
LEVEL = 0.05  # p-values below it are marked
DIFFERS = "*"
MISSING = "–"
SHUFFLED = "shuffled (best)"  # of several systems' shuffled rows the best figures


@dataclasses.dataclass(frozen=True)
class Column:
    """A metric of the table. heads: its two lines of the header. rank: columns of the highest go first for space."""

    protocol: str  # or extractor
    metric: str
    heads: tuple[str, str]
    form: Callable[[float], str]
    rank: int

    @property
    def name(self) -> str:
        """As in the other forms of the table."""
        return f"{self.protocol}_{self.metric}"


def _distance(value: float) -> str:
    """Three significant digits, without an exponent for what is below 10,000."""
    if abs(value) >= 10_000:
        return f"{value:.0e}"
    digits = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 2
    return f"{value:.{min(digits, 3)}f}"


SHARE, PERCENT = "{:.3f}".format, "{:.1f}".format
RHYTHM = (
    Column(STRICT, "beat_f70", ("beat", "F"), SHARE, 0),
    Column(STRICT, "onset_f70", ("onset", "F"), SHARE, 1),
    Column("alignment", "bas", ("dance", "BAS"), SHARE, 2),
    Column(DYNAMICS, "loudness", ("loud", "r"), SHARE, 4),
    Column(DYNAMICS, "density", ("dens.", "r"), SHARE, 5),
    *(Column(protocol, "f1", (protocol, "F1 %"), PERCENT, 9 - i) for i, protocol in enumerate(BINNED)),
)


def columns_of(result: Result) -> list[Column]:
    """The main metrics that any row has: beats first, then what published tables show."""
    distances = dict.fromkeys(name for entry in result["rows"].values() for name in entry["fad"])
    shown = {"descriptors": "descr."}
    candidates = [
        *RHYTHM,
        *(Column(name, "fad", (shown.get(name, name), "FAD"), _distance, 3) for name in distances),
    ]
    return [
        column
        for column in candidates
        if any(column.metric in _figures(entry, column.protocol) for entry in result["rows"].values())
    ]


def _figures(entry: Mapping[str, Any], protocol: str) -> Mapping[str, Any]:
    figures: Mapping[str, Any] = entry["rhythm"].get(protocol) or entry["fad"].get(protocol) or {}
    return figures


def _value(entry: Mapping[str, Any], column: Column) -> float | None:
    """A figure, None where it is missing."""
    value = _figures(entry, column.protocol).get(column.metric)
    return None if value is None else float(value)


def fitted(result: Result, columns: Sequence[Column]) -> tuple[list[str], list[Column]]:
    """The lines of the table, and the columns that do not fit: first the interval goes, then columns by their rank."""
    shown = list(columns)
    longest = max(width(name) for name in _rows(result))  # the rows without lateness are indented below their system
    for with_interval in (True, False):
        lines = _lines(result, shown, with_interval, min(longest, NAMES[1]))
        if max(map(width, lines)) <= WIDTH:
            return lines, []
    while True:
        lines = _lines(result, shown, False, NAMES[0])
        spare = WIDTH - max(map(width, lines))
        if spare >= 0:
            lines = _lines(result, shown, False, min(longest, NAMES[0] + spare, NAMES[1]))
            return lines, [column for column in columns if column not in shown]
        shown.remove(max(shown, key=lambda column: column.rank))


def _rows(result: Result) -> dict[str, dict[str, Any]]:
    """The rows of the console: the shuffled rows of several systems are one."""
    shuffled = {name for system in result["systems"] if (name := shuffled_name(system)) in result["rows"]}
    rows = dict(result["rows"])
    if len(shuffled) < 2:
        return rows
    first, *_ = (name for name in rows if name in shuffled)
    best = _best([rows[name] for name in rows if name in shuffled])
    return {SHUFFLED if name == first else name: best if name == first else entry
            for name, entry in rows.items() if name == first or name not in shuffled}  # fmt: skip


def _best(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The highest of each main rhythm metric of shuffled rows, which have no distances."""
    rhythm: dict[str, dict[str, float]] = {}
    for column in RHYTHM:
        values = [value for entry in entries if (value := _value(entry, column)) is not None]
        if values:
            rhythm.setdefault(column.protocol, {})[column.metric] = max(values)
    return {"clips": max(entry["clips"] for entry in entries), "rhythm": rhythm, "fad": {}, "interval": {}}


def _lines(result: Result, columns: Sequence[Column], with_interval: bool, names: int) -> list[str]:
    uninformative = {name for name, controls in flat(result["uninformative"]).items() if controls}
    marks = different(result)
    head = [["", "clips"], ["", ""]]
    for column in columns:
        head[0].append(column.heads[0] + " ")
        head[1].append(column.heads[1] + (MARK if column.name in uninformative else " "))
    if with_interval and columns:
        head[0].insert(3, "95 %")
        head[1].insert(3, "interval")
    late = {one["row"]: f"  {one['shift']}" for one in result["lateness"].values()}
    systems = {*result["systems"], *late}
    names = max([names, *map(width, late.values())])
    body: list[list[str]] = []
    for row, entry in _rows(result).items():
        cells = [late.get(row, abbreviated(row, names)), _clips(entry)]
        for column in columns:
            value = _value(entry, column)
            mark = DIFFERS if (row, column.name) in marks else " "
            mark = AS_CLOCK if column.name in as_clock(result, row) else mark
            mark = AS_SHUFFLED if column.name in as_shuffled(result, row) else mark
            cells.append((MISSING if value is None else column.form(value)) + mark)
        if with_interval and columns:
            limits = entry["interval"].get(columns[0].protocol, {}).get(columns[0].metric)
            cells.insert(3, "–".join(map(columns[0].form, limits)) if limits else "")
        body.append(cells)
    order = list(_rows(result))
    titled = [
        *([cells for row, cells in zip(order, body, strict=True) if row in systems]),
        ["controls:"] + [""] * (len(head[0]) - 1),
        *([cells for row, cells in zip(order, body, strict=True) if row not in systems]),
    ]
    return _aligned([*head, *titled])


def _clips(entry: Mapping[str, Any]) -> str:
    lacking = entry.get("not_scored") or 0
    return f"{entry['clips']} of {entry['clips'] + lacking}" if lacking else str(entry["clips"])


def _aligned(table: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(width(cell) for cell in column) for column in zip(*table, strict=True)]
    lines = []
    for first, *cells in table:
        line = first + " " * (widths[0] - width(first))
        line += "".join(" " * (1 + w - width(cell)) + cell for w, cell in zip(widths[1:], cells, strict=True))
        lines.append(line.rstrip())
    return lines


def abbreviated(name: str, columns: int) -> str:
    """A name of at most so many columns: its middle is left out, since the ends of names tell runs apart."""
    if width(name) <= columns:
        return name
    start, end = name, name
    while width(start) > columns - columns // 2 - 1:
        start = start[:-1]
    while width(end) > columns // 2:
        end = end[1:]
    return f"{start}…{end}"


def width(string: str) -> int:
    """Columns of a string in a terminal: Chinese and Japanese characters take two, combining accents none."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in string
    )


def different(result: Result) -> set[tuple[str, str]]:
    """(system, metric) where a system differs from the first with a p-value below 0.05."""
    return {(one["second"], f"{one['protocol']}_{one['metric']}") for one in to_first(result) if one["p"] < LEVEL}


def to_first(result: Result) -> list[Mapping[str, Any]]:
    """The differences of the first system to the others."""
    first = next(iter(result["systems"]))
    return [one for one in result["differences"] if one["first"] == first and one["p"] is not None]


def signed(value: float) -> str:
    """A difference with three decimals and its sign, which is a plus for what rounds to 0."""
    return f"{round(value, 3) + 0.0:+.3f}"
