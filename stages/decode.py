"""Convert videos to a constant rate and size, and their audio to 22,050 Hz mono, both on one clock."""

import argparse
import functools
import logging
from pathlib import Path

import pandas as pd

from pace.media import video
from pace.pipeline import params, per_video, stage

log = logging.getLogger(__name__)

PARAMS = {"decode": video.DecodeParams}
VIDEOS, DECODED, AUDIO = Path("data/index/videos.parquet"), Path("data/decoded"), Path("data/audio")


def decode_video(decode: video.DecodeParams, _: str, inputs: tuple[Path, ...], folder: Path) -> None:
    """Write video.mp4 and, where there is audio, audio.wav; log what is unusual about the video."""
    for remark in video.probe(inputs[0]).remarks:
        log.warning("%s: %s", inputs[0], remark)
    video.decode(inputs[0], folder / "video.mp4", folder / "audio.wav", decode.fps, decode.short_side)


def main(argv: list[str] | None = None) -> None:
    """Write data/decoded/{id}.mp4 and, for videos with audio, data/audio/{id}.wav."""
    argparse.ArgumentParser(prog="python -m stages.decode", description=__doc__).parse_args(argv)
    decode = params.load(PARAMS)["decode"]
    videos = pd.read_parquet(VIDEOS)
    AUDIO.mkdir(parents=True, exist_ok=True)
    per_video.map_videos(
        "decode",
        functools.partial(decode_video, decode),
        {video_id: (Path(path),) for video_id, path in zip(videos.video_id, videos.path, strict=True)},
        {"video.mp4": DECODED / "{id}.mp4", "audio.wav": AUDIO / "{id}.wav"},
        decode,
    )


if __name__ == "__main__":
    stage.run("decode", main)
