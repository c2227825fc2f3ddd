"""Measure speed and memory of the per-video stages, the generator and the evaluation: python -m benchmarks [NAME ...].

It makes its own videos and random networks in a temporary folder, prints a table and writes it to reports/bench.json.
The numbers hold for the machine named in the table, with nothing else running on it.
"""

import argparse
import dataclasses
import json
import tempfile
from pathlib import Path

from benchmarks import energy, evaluation, generator, mel, memory, throughput
from benchmarks.results import Row, Scale, machine, table
from pace.pipeline.closure import ROOT

BENCHMARKS = {module.NAME: module for module in (energy, mel, throughput, memory, generator, evaluation)}
OUT = ROOT / "reports/bench.json"


def measure(name: str, scale: Scale) -> list[Row]:
    """Run one benchmark in an empty folder of its own and return its rows."""
    with tempfile.TemporaryDirectory(prefix=f"pace-{name}-") as folder:
        return BENCHMARKS[name].rows(scale, Path(folder))


def main(argv: list[str] | None = None, scale: Scale | None = None, out: Path = OUT) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)} (default: all)")
    names = parser.parse_args(argv).names or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"unknown benchmark {unknown[0]!r}; choose from {', '.join(BENCHMARKS)}")
    where = machine()
    rows: list[Row] = []
    out.parent.mkdir(parents=True, exist_ok=True)
    for name in names:  # written after each, so that none is lost when a later one fails
        rows += measure(name, scale or Scale())
        content = {"machine": where, "rows": [dataclasses.asdict(row) | {"met": row.met} for row in rows]}
        out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(", ".join(f"{key} {value}" for key, value in where.items()))
    print(table(rows))
    print(f"written to {out}")


if __name__ == "__main__":
    main()
