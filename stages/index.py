"""List a dataset's videos and the five-second clips cut from them."""

import argparse
import json
from pathlib import Path

from pace.datasets import index
from pace.pipeline import params, stage

PARAMS = {"dataset": index.IndexParams}
PARTIAL = ("dataset",)
OUT = Path("data/index")


def main(argv: list[str] | None = None) -> None:
    argparse.ArgumentParser(prog="python -m stages.index", description=__doc__).parse_args(argv)
    dataset = params.load(PARAMS, partial=PARTIAL)["dataset"]
    made = index.build(dataset)
    OUT.mkdir(parents=True, exist_ok=True)
    made.videos.to_parquet(OUT / "videos.parquet", index=False)
    made.clips.to_parquet(OUT / "clips.parquet", index=False)
    (OUT / "failures.json").write_text(json.dumps(made.failures, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(index.summary(made))


if __name__ == "__main__":
    stage.run("index", main)
