"""Make the synthetic dataset: videos of procedural dancers with composed music, and the truth about them."""

import argparse
import csv
import dataclasses
import functools
from pathlib import Path

from pace.pipeline import params, per_video, stage
from pace.synthetic import dataset

PARAMS = {"synthetic": dataset.SyntheticParams}
VIDEOS, TRUTH = Path("data/synthetic/videos"), Path("data/synthetic/truth")


def make_video(synthetic: dataset.SyntheticParams, video_id: str, _: tuple[Path, ...], folder: Path) -> None:
    """Write video.mp4, notes.mid and truth.npz of one video."""
    split, number, *_style = video_id.split("_")
    paths = (folder / name for name in ("video.mp4", "truth.npz", "notes.mid"))
    dataset.make(dataset.Video(split, int(number)), synthetic, *paths)


def main(argv: list[str] | None = None) -> None:
    """Make the videos, their truth and the table videos.csv. Raises RuntimeError if a video fails."""
    argparse.ArgumentParser(prog="python -m stages.synthesise", description=__doc__).parse_args(argv)
    synthetic = params.load(PARAMS)["synthetic"]
    videos = dataset.plan(synthetic)
    # How a video looks does not depend on how many there are, so a larger dataset needs only the new ones rendered.
    look = {key: value for key, value in dataclasses.asdict(synthetic).items() if not key.endswith("_videos")}
    failures = per_video.map_videos(
        "synthesise",
        functools.partial(make_video, synthetic),
        {video.video_id: () for video in videos},
        {"truth.npz": TRUTH / "{id}.npz", "notes.mid": TRUTH / "{id}.mid", "video.mp4": VIDEOS / "{id}.mp4"},
        look,
    )
    if failures:
        raise RuntimeError(f"{len(failures)} of {len(videos)} synthetic videos failed: {failures}")
    with open(VIDEOS / "videos.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(videos[0].row))
        table.writeheader()
        table.writerows(video.row for video in videos)
    print(f"synthesise: {len(videos)} videos in {VIDEOS}, their truth in {TRUTH}")


if __name__ == "__main__":
    stage.run("synthesise", main)
