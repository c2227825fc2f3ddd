"""Encode the pose of five body parts with the motion network into embeddings E (paper 4.1)."""

import argparse
import functools
from pathlib import Path

from pace.motion import dstformer, embedding
from pace.pipeline import params, per_video, stage

PARAMS = {"embed_motion": embedding.EmbedMotionParams}
SOURCES, OUT = {"pose3d": Path("data/pose3d"), "keypoints": Path("data/keypoints")}, Path("data/motion")


def main(argv: list[str] | None = None) -> None:
    """Write data/motion/{id}.npz."""
    argparse.ArgumentParser(prog="python -m stages.embed_motion", description=__doc__).parse_args(argv)
    settings = params.load(PARAMS)["embed_motion"]
    weights = Path(settings.weights)
    dstformer.load(weights)  # a wrong file stops the stage at once, not in every video
    per_video.map_videos(
        "embed_motion",
        functools.partial(embedding.embed_video, settings),
        {path.stem: (path, weights) for path in sorted(SOURCES[settings.input].glob("*.npz"))},
        {"motion.npz": OUT / "{id}.npz"},
        settings,
    )


if __name__ == "__main__":
    stage.run("embed_motion", main)
