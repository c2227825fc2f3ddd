"""Lift 2D keypoints to 3D poses with the motion network (paper 4.1)."""

import argparse
import functools
from pathlib import Path

from pace import items, params
from pace.motion import dstformer, lifting

PARAMS = {"lift": lifting.LiftParams}
KEYPOINTS, OUT = Path("data/keypoints"), Path("data/pose3d")


def main(argv: list[str] | None = None) -> None:
    argparse.ArgumentParser(prog="python -m stages.lift", description=__doc__).parse_args(argv)
    lift = params.load(PARAMS)["lift"]
    weights = Path(lift.weights)
    dstformer.load(weights)  # a wrong file stops the stage here, not once for each video
    items.map_items(
        "lift",
        functools.partial(lifting.lift_video, lift),
        {path.stem: (path, weights) for path in sorted(KEYPOINTS.glob("*.npz"))},
        {"pose3d.npz": OUT / "{id}.npz"},
        lift,
    )


if __name__ == "__main__":
    main()
