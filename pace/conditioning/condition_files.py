"""Reading the files of the conditions (S, F, E and G of paper 4) and the table of clips."""

from pathlib import Path

import numpy as np

from pace.conditioning.conditions import VideoConditions
from pace.finite import check_finite
from pace.pose.skeleton import PARTS


def read_video(energy: Path, motion: Path, visual: Path) -> VideoConditions:
    """The conditions of one video from its files of energies, motion embeddings and visual embeddings.

    Raises FileNotFoundError naming a missing file, and ValueError naming the files if one lacks a column or an array or
    holds NaN or infinity.
    """
    import pandas

    for path in (energy, motion, visual):
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing")
    table = pandas.read_parquet(energy)
    try:
        slow, fast = (table[[f"{band}_{part}" for part in PARTS]].to_numpy(np.float32) for band in ("slow", "fast"))
        with np.load(motion, allow_pickle=False) as file:
            semantic, fps = file["embedding"], float(file["fps"])
        with np.load(visual, allow_pickle=False) as file:
            visual_embedding, visual_time = file["embedding"], file["time_s"]
    except KeyError as error:
        raise ValueError(f"{energy}, {motion} or {visual} lacks {error}; run the stages that make them again") from None
    arrays = {energy: np.concatenate([slow, fast], axis=1), motion: semantic, visual: visual_embedding}
    for path, values in arrays.items():
        check_finite(values, f"{path}: rows", "look at its video and run the stage that makes the file again")
    return VideoConditions(slow, fast, semantic, visual_embedding, visual_time, fps)


def read_videos(
    video_ids: list[str], energy: Path, motion: Path, visual: Path
) -> tuple[dict[str, VideoConditions], dict[str, str]]:
    """Conditions by video id from the three folders, and {video id: reason} for the videos that lack a file."""
    videos, missing = {}, {}
    for video_id in sorted(set(video_ids)):
        try:
            videos[video_id] = read_video(
                energy / f"{video_id}.parquet", motion / f"{video_id}.npz", visual / f"{video_id}.npz"
            )
        except FileNotFoundError as error:
            missing[video_id] = str(error)
    return videos, missing


def read_clips(path: Path) -> dict[str, tuple[str, str, float]]:
    """The table clips.parquet as {clip id: (video id, split, start in seconds)}, in the order of its rows."""
    import pandas

    table = pandas.read_parquet(path)
    rows = zip(table["clip_id"], table["video_id"], table["split"], table["start_s"], strict=True)
    return {clip: (video, split, float(start)) for clip, video, split, start in rows}
