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
    """The key of section `decode` that sets the times of the frames."""

    fps: float = limits(1, 240)


PARAMS = {"keypoints": backends.KeypointsParams, "decode": DecodedRate}
PARTIAL = ("decode",)
VIDEOS, OUT = Path("data/index/videos.parquet"), Path("data/keypoints")


def main(argv: list[str] | None = None) -> None:
    """Write data/keypoints/{id}.npz."""
    argparse.ArgumentParser(prog="python -m stages.keypoints", description=__doc__).parse_args(argv)
    loaded = params.load(PARAMS, partial=PARTIAL)
    keypoints, fps = loaded["keypoints"], loaded["decode"].fps
    if keypoints.backend in ("alphapose", "aistpp"):
        videos = pd.read_parquet(VIDEOS)
        inputs: dict[str, tuple[Path, ...]] = {
            video_id: (backends.result_file(keypoints, video_id), Path(path))
            for video_id, path in zip(videos.video_id, videos.path, strict=True)
        }
    else:
        files = backends.estimator_files(keypoints)  # a wrong file stops the stage at once, not in every video
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
