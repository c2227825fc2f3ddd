"""Build the report: videos with their generated and their own music, figures, metrics and failed videos."""

import argparse
from pathlib import Path

from pace.pipeline import params, stage
from pace.report import page
from pace.report.clips import Sources
from pace.report.published import DataParams

PARAMS = {"report": page.ReportParams, "dataset": DataParams}
PARTIAL = ("dataset",)
DATA, REPORTS = Path("data"), Path("reports")
SOURCES = Sources(DATA / "decoded", DATA / "audio", DATA / "generated", DATA / "energy")


def main(argv: list[str] | None = None) -> None:
    """Write reports/index.html and reports/media."""
    argparse.ArgumentParser(prog="python -m stages.report", description=__doc__).parse_args(argv)
    inputs = page.Inputs(DATA, SOURCES, REPORTS / "metrics.json", REPORTS / "per_clip.csv", REPORTS / "curves")
    sections = params.load(PARAMS, partial=PARTIAL)
    index = page.build(inputs, sections["report"], REPORTS, sections["dataset"])
    print(f"report: open {index} in a browser")


if __name__ == "__main__":
    stage.run("report", main)
