"""The tables of a dataset: its usable videos and the five-second clips cut from them."""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from pace.clip import CLIP_SECONDS, SPLITS
from pace.datasets import aistpp, folder, leaks, synthetic, tiktok
from pace.datasets.listing import COLUMNS, END_SLACK, OPTIONAL_COLUMNS, DatasetError, IndexParams, Listing, count_note
from pace.datasets.splits import check_split
from pace.media import video
from pace.media.streams import MediaError
from pace.pipeline import isolated
from pace.pipeline.failures import of_file

# Consequence of a split without audio.
SILENT_SPLIT = {"train": "nothing can be trained", "val": "there is no validation", "test": "there is nothing to score"}
# What the table of videos takes from `video.VideoInfo`.
PROPERTIES = ("duration_s", "fps", "width", "height", "has_audio")
# Name of a dataset -> its reader.
READERS: dict[str, Callable[[IndexParams], Listing]] = {
    "synthetic": synthetic.read,
    "aistpp": aistpp.read,
    "tiktok": tiktok.read,
    "folder": folder.read,
}


@dataclasses.dataclass(frozen=True)
class Index:
    """The tables of a dataset.

    videos: video_id, path, split, genre, music_id, dancer, bpm, camera, sequence, source, duration_s, fps, width,
    height, has_audio.
    clips: clip_id, video_id, split, start_s.
    failures: video left out -> reason.
    notes: the reader's sentences on what it left out.
    remarks: path of a video -> sentences on what is unusual about it.
    """

    videos: pd.DataFrame
    clips: pd.DataFrame
    failures: dict[str, str]
    notes: tuple[str, ...]
    remarks: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)


def build(params: IndexParams) -> Index:
    """Read a dataset, probe its videos, several at a time, and cut them into clips.

    Raises DatasetError for a wrong table, and where no video is usable.
    """
    root = Path(params.root)
    listing = read(params)
    described = [*COLUMNS[2:], *OPTIONAL_COLUMNS]
    usable: list[dict[str, Any]] = []
    failures: dict[str, str] = {}
    remarks: dict[str, tuple[str, ...]] = {}
    records = _records(listing.videos.sort_values("video_id"))
    probed = dict(isolated.run("index", _probe, {row["video_id"]: (root / row["file"],) for row in records}))
    for listed in records:
        path = root / listed["file"]
        info, reason = probed[listed["video_id"]].value, probed[listed["video_id"]].reason
        if info is None:
            failures[listed["video_id"]] = of_file(reason or "", path)
            continue
        description = {name: listed[name] for name in ("video_id", *described)}
        properties = {name: getattr(info, name) for name in PROPERTIES}
        usable.append({**description, **properties, "path": path.as_posix()})
        if info.remarks:
            remarks[path.as_posix()] = info.remarks
    if not usable:
        raise DatasetError(
            f"{root}: none of its {len(listing.videos)} videos can be used; the first: {next(iter(failures.values()))}"
        )
    order = ["video_id", "path", *described, *PROPERTIES]
    clips = [
        {
            "clip_id": clip_id(row["video_id"], start),
            "video_id": row["video_id"],
            "split": row["split"],
            "start_s": start,
        }
        for row in usable
        for start in clip_starts(
            row["duration_s"], params.train_stride if row["split"] == "train" else params.eval_stride
        )
    ]
    return Index(pd.DataFrame(usable)[order], pd.DataFrame(clips), failures, listing.notes, remarks)


def read(params: IndexParams) -> Listing:
    """The videos that a dataset's reader lists, at least one. Raises DatasetError for a wrong folder or table."""
    listing = READERS[params.name](params)
    if listing.videos.empty:
        reason = "; ".join(listing.notes) or "its table is empty"
        raise DatasetError(
            f"{params.root}: no video for dataset.name {params.name}: {reason}; correct dataset.name or dataset.root"
        )
    _check_table(listing.videos, Path(params.root))
    return listing


def clip_starts(duration: float, stride: float) -> list[float]:
    """Starts in seconds, 0, stride, ..., of the clips that fit into a video (the last may end 20 ms late)."""
    last = duration + END_SLACK - CLIP_SECONDS
    return [round(i * stride, 6) for i in range(int(last / stride + 1e-9) + 1)] if last >= 0 else []


def clip_id(video_id: str, start_s: float) -> str:
    """Name of a clip: its video and its start in milliseconds, six digits."""
    return f"{video_id}_{round(start_s * 1000):06d}"


def summary(index: Index) -> str:
    """The counts of each split, the leak check, notes on what is not used, and each video left out with its reason."""
    videos, clips = index.videos, index.clips
    silent = videos.video_id[~videos.has_audio].tolist()
    splits_with_sound = set(clips.split[~clips.video_id.isin(silent)])
    lines = []
    for split in SPLITS:
        of_split = videos[videos.split == split]
        clip_count, music = (clips.split == split).sum(), of_split.music_id[of_split.music_id != ""].nunique()
        lines.append(f"{split}: {len(of_split)} videos, {clip_count} clips, {music} pieces of music")
    lines.append(leaks.sentence(leaks.count(videos, clips), int((clips.split == "test").sum())))
    notes = [*index.notes, *count_note(silent, "videos without sound, which training and scores cannot use")]
    notes += [f"no {split} clip has sound: {SILENT_SPLIT[split]}" for split in SPLITS if split not in splits_with_sound]
    notes += [f"{path}: {remark}" for path, remarks in index.remarks.items() for remark in remarks]
    lines += [f"note: {note}" for note in notes]
    return "\n".join(lines + [f"left out: {video_id}: {reason}" for video_id, reason in index.failures.items()])


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table, each as column -> value."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _check_table(videos: pd.DataFrame, root: Path) -> None:
    repeated = videos.video_id[videos.video_id.duplicated()]
    if len(repeated):
        files = ", ".join(videos.file[videos.video_id == repeated.iloc[0]])
        raise DatasetError(f"{root}: video_id {repeated.iloc[0]!r} is listed twice ({files}); give each video its own")
    for video_id, split in zip(videos.video_id, videos.split, strict=True):
        check_split(split, f"{root}: video {video_id}")
        if not re.fullmatch(r"[\w.-]+", video_id):
            raise DatasetError(
                f"{root}: video_id {video_id!r} cannot name files; use letters, digits, '_', '-' and '.' alone"
            )


def _probe(path: Path) -> video.VideoInfo:
    """What a video holds. Runs in a worker process. Raises MediaError, among others, for a video that is not usable."""
    try:
        info = video.probe(path)
    except (ValueError, OSError):
        raise
    except Exception as error:  # whatever a library makes of a file
        raise MediaError(f"{path}: cannot be read ({type(error).__name__}: {error}); leave it out") from error
    _check_length(info, path)
    return info


def _check_length(info: video.VideoInfo, path: Path) -> None:
    if info.duration_s + END_SLACK < CLIP_SECONDS:
        raise MediaError(
            f"{path}: {info.duration_s:.2f} s long, shorter than a clip of {CLIP_SECONDS:g} s; give a longer video"
        )
