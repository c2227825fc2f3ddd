"""The command `python -m pace sensitivity`."""

import argparse
from pathlib import Path

from pace.pipeline.workers import worker_count
from pace.sensitivity import page
from pace.sensitivity.study import study


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    out_help = "folder of sensitivity.md and sensitivity.svg, which are overwritten (default: docs)"
    parser.add_argument("--out", type=Path, default=Path("docs"), metavar="FOLDER", help=out_help)
    parser.add_argument("--pieces", type=int, default=30, metavar="N", help="pieces of music (default: 30)")


def run(arguments: argparse.Namespace) -> None:
    """Write sensitivity.md and sensitivity.svg."""
    result = study(arguments.pieces, worker_count() or 1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "sensitivity.svg").write_bytes(page.figure(result))
    text = page.page(result, arguments.pieces, "python -m pace sensitivity", "sensitivity.svg")
    (arguments.out / "sensitivity.md").write_text(text, encoding="utf-8")
    print(f"sensitivity: written to {arguments.out / 'sensitivity.md'}")
