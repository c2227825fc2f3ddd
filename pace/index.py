"""The tables of a dataset: its usable videos and the five-second clips cut from them."""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from pace import media
from pace.params import choice, limits

CLIP_SECONDS = 5.0
END_SLACK = 0.02  # seconds that the last clip may run past the end: files end a frame early
SPLITS = ("train", "val", "test")
COLUMNS = ("video_id", "file", "split", "genre", "music_id", "dancer")


class DatasetError(ValueError):
    """A dataset folder is not as its reader expects; the message names the file and what to do."""


def read_synthetic(root: Path) -> pd.DataFrame:
    """A folder with videos.csv beside the videos: columns video_id, file (relative to the folder), split, genre,
    music_id, dancer, all text. Raises DatasetError."""
    path = root / "videos.csv"
    if not path.is_file():
        raise DatasetError(f"{path}: no such file; run its stage, or set dataset.root and dataset.name to your dataset")
    videos = pd.read_csv(path, dtype=str, keep_default_na=False)
    missing = [name for name in COLUMNS if name not in videos]
    if missing:
        raise DatasetError(f"{path}: no column {missing[0]!r}; expected the columns {', '.join(COLUMNS)}")
    return videos.loc[:, list(COLUMNS)]


# Name of a dataset -> its reader: root folder to a table with COLUMNS.
READERS: dict[str, Callable[[Path], pd.DataFrame]] = {"synthetic": read_synthetic}


@dataclasses.dataclass(frozen=True)
class IndexParams:
    """The keys of section `dataset` that the index depends on; strides in seconds."""

    name: str = choice(*READERS)
    root: str
    train_stride: float = limits(0.01, 3600)
    eval_stride: float = limits(0.01, 3600)


def build(params: IndexParams) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, str]]:
    """Read a dataset and probe its videos.

    Returns the videos (video_id, path, split, genre, music_id, dancer, duration_s, fps, width, height, has_audio),
    the clips (clip_id, video_id, split, start_s), and the videos left out with the reason (video_id -> text).
    Raises DatasetError for a wrong table and when no video is usable.
    """
    root = Path(params.root)
    listed = READERS[params.name](root)
    _check_table(listed, root)
    rows, failures = [], {}
    for row in listed.sort_values("video_id").itertuples(index=False):
        path = root / row.file
        try:
            info = media.probe(path)
            _check_length(info, path)
        except ValueError as error:
            failures[row.video_id] = str(error)
            continue
        described = {name: getattr(row, name) for name in COLUMNS if name != "file"}
        rows.append({**described, **dataclasses.asdict(info), "path": path.as_posix()})
    if not rows:
        reason = next(iter(failures.values()), "its table is empty")
        raise DatasetError(f"{root}: none of its {len(listed)} videos can be used; the first: {reason}")
    order = ["video_id", "path", *COLUMNS[2:], *(field.name for field in dataclasses.fields(media.VideoInfo))]
    videos = pd.DataFrame(rows)[order]
    clips = [
        {"clip_id": clip_id(row.video_id, start), "video_id": row.video_id, "split": row.split, "start_s": start}
        for row in videos.itertuples()
        for start in clip_starts(row.duration_s, params.train_stride if row.split == "train" else params.eval_stride)
    ]
    return videos, pd.DataFrame(clips), failures


def clip_starts(duration: float, stride: float) -> list[float]:
    """Starts in seconds, 0, stride, ..., of the clips that lie in a video (the last may end 20 ms late)."""
    last = duration + END_SLACK - CLIP_SECONDS
    return [round(i * stride, 6) for i in range(int(last / stride + 1e-9) + 1)] if last >= 0 else []


def clip_id(video_id: str, start_s: float) -> str:
    """Name of a clip: its video and its start in milliseconds, six digits."""
    return f"{video_id}_{round(start_s * 1000):06d}"


def summary(videos: pd.DataFrame, clips: pd.DataFrame, failures: dict[str, str]) -> str:
    """Counts for each split, and each video left out with its reason."""
    lines = []
    for split in SPLITS:
        of_split = videos[videos.split == split]
        count, music = (clips.split == split).sum(), of_split.music_id.nunique()
        lines.append(f"{split}: {len(of_split)} videos, {count} clips, {music} pieces of music")
    return "\n".join(lines + [f"left out: {video_id}: {reason}" for video_id, reason in failures.items()])


def _check_table(videos: pd.DataFrame, root: Path) -> None:
    repeated = videos.video_id[videos.video_id.duplicated()]
    if len(repeated):
        raise DatasetError(f"{root}: video_id {repeated.iloc[0]!r} is listed twice; give each video its own")
    for video_id, split in zip(videos.video_id, videos.split, strict=True):
        if split not in SPLITS:
            raise DatasetError(f"{root}: video {video_id} has the split {split!r}; allowed: {', '.join(SPLITS)}")
        if not re.fullmatch(r"[\w.-]+", video_id):
            raise DatasetError(f"{root}: video_id {video_id!r}; it names files: use letters, digits, '_', '-' and '.'")


def _check_length(info: media.VideoInfo, path: Path) -> None:
    if info.duration_s + END_SLACK < CLIP_SECONDS:
        raise media.MediaError(
            f"{path}: {info.duration_s:.2f} s long, shorter than a clip of {CLIP_SECONDS:g} s; give a longer video"
        )
