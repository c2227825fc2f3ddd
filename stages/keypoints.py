"""Find the dancer's 2D keypoints in each video, or read them from result files (paper 4.1)."""

import argparse
import dataclasses
import functools
from pathlib import Path

import pandas as pd

from pace.pipeline import params, per_video, stage
from pace.pipeline.params import limits
from pace.pose import backends


@dataclasses.dataclass(frozen=True)
class DecodedRate:
    """The key of section `decode` that says at which times the frames lie."""

    fps: float = limits(1, 240)


PARAMS = {"keypoints": backends.KeypointsParams, "decode": DecodedRate}
PARTIAL = ("decode",)
VIDEOS, OUT = Path("data/index/videos.parquet"), Path("data/keypoints")


def main(argv: list[str] | None = None) -> None:
    argparse.ArgumentParser(prog="python -m stages.keypoints", description=__doc__).parse_args(argv)
    loaded = params.load(PARAMS, partial=PARTIAL)
    keypoints, fps = loaded["keypoints"], loaded["decode"].fps
    if keypoints.backend in ("alphapose", "aistpp"):
        videos = pd.read_parquet(VIDEOS)
        paths = dict(zip(videos.video_id, map(Path, videos.path), strict=True))
        inputs = {name: (backends.result_file(keypoints, name), path) for name, path in paths.items()}
    else:
        files = backends.estimator_files(keypoints)  # wrong ones stop the stage here, not once for each video
        inputs = {path.stem: (path, *files) for path in sorted(Path(keypoints.source).glob("*.mp4"))}
    per_video.map_videos(
        "keypoints",
        functools.partial(backends.find_keypoints, keypoints, fps),
        inputs,
        {"keypoints.npz": OUT / "{id}.npz"},
        {"keypoints": dataclasses.asdict(keypoints), "fps": fps},
    )


if __name__ == "__main__":
    stage.run("keypoints", main)
