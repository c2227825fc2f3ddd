"""Lift 2D keypoints to 3D poses with the motion network (paper 4.1), or take a dataset's own 3D joints."""

import argparse
import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

from pace.motion import aistpp_joints, dstformer, lifting
from pace.pipeline import params, per_video, stage


@dataclasses.dataclass(frozen=True)
class Annotations:
    """The key of section `dataset` that names AIST++'s annotation folder."""

    annotations: str


PARAMS = {"lift": lifting.LiftParams, "dataset": Annotations}
PARTIAL = ("dataset",)
KEYPOINTS, OUT = Path("data/keypoints"), Path("data/pose3d")


def main(argv: list[str] | None = None) -> None:
    """Write data/pose3d/{id}.npz."""
    argparse.ArgumentParser(prog="python -m stages.lift", description=__doc__).parse_args(argv)
    loaded = params.load(PARAMS, partial=PARTIAL)
    lift, annotations = loaded["lift"], Path(loaded["dataset"].annotations)
    keypoints = {path.stem: path for path in sorted(KEYPOINTS.glob("*.npz"))}
    function: Callable[[str, tuple[Path, ...], Path], None]
    inputs: dict[str, tuple[Path, ...]]
    if lift.source == "aistpp":
        function = functools.partial(aistpp_joints.pose_video, annotations)
        inputs = {name: (path, *aistpp_joints.annotation_files(annotations, name)) for name, path in keypoints.items()}
    else:
        function = functools.partial(lifting.lift_video, lift)
        weights = Path(lift.weights)
        dstformer.load(weights)  # a wrong file stops the stage at once, not in every video
        inputs = {name: (path, weights) for name, path in keypoints.items()}
    per_video.map_videos("lift", function, inputs, {"pose3d.npz": OUT / "{id}.npz"}, lift)


if __name__ == "__main__":
    stage.run("lift", main)
