"""Build the report: videos with generated and with their own music, figures, metrics, failed videos."""

import argparse
from pathlib import Path

from pace import params
from pace.report import page
from pace.report.clips import Sources

PARAMS = {"report": page.ReportParams}
DATA, REPORTS = Path("data"), Path("reports")
SOURCES = Sources(DATA / "decoded", DATA / "audio", DATA / "generated", DATA / "energy")


def main(argv: list[str] | None = None) -> None:
    argparse.ArgumentParser(prog="python -m stages.report", description=__doc__).parse_args(argv)
    inputs = page.Inputs(DATA, SOURCES, REPORTS / "metrics.json", REPORTS / "per_clip.csv", REPORTS / "curves")
    made = page.build(inputs, params.load(PARAMS)["report"], REPORTS)
    print(f"report: open {made}")


if __name__ == "__main__":
    main()
