"""List a dataset's videos and the five-second clips cut from them."""

import argparse
import json
from pathlib import Path

from pace.datasets import index
from pace.datasets.listing import IndexParams
from pace.pipeline import params, stage

PARAMS = {"dataset": IndexParams}
PARTIAL = ("dataset",)
OUT = Path("data/index")


def main(argv: list[str] | None = None) -> None:
    """Write data/index/videos.parquet, clips.parquet and failures.json, and print a summary."""
    argparse.ArgumentParser(prog="python -m stages.index", description=__doc__).parse_args(argv)
    dataset = params.load(PARAMS, partial=PARTIAL)["dataset"]
    tables = index.build(dataset)
    OUT.mkdir(parents=True, exist_ok=True)
    tables.videos.to_parquet(OUT / "videos.parquet", index=False)
    tables.clips.to_parquet(OUT / "clips.parquet", index=False)
    (OUT / "failures.json").write_text(json.dumps(tables.failures, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(index.summary(tables))


if __name__ == "__main__":
    stage.run("index", main)
