"""Split the motion of five body parts into slow and fast energy (paper 4.1)."""

import argparse
import functools
from pathlib import Path

from pace.motion import energy
from pace.pipeline import params, per_video, stage

PARAMS = {"energy": energy.EnergyParams}
POSE, OUT = Path("data/pose3d"), Path("data/energy")


def main(argv: list[str] | None = None) -> None:
    """Write data/energy/{id}.parquet."""
    argparse.ArgumentParser(prog="python -m stages.energy", description=__doc__).parse_args(argv)
    settings = params.load(PARAMS)["energy"]
    per_video.map_videos(
        "energy",
        functools.partial(energy.energy_video, settings),
        {path.stem: (path,) for path in sorted(POSE.glob("*.npz"))},
        {"energy.parquet": OUT / "{id}.parquet"},
        settings,
    )


if __name__ == "__main__":
    stage.run("energy", main)
