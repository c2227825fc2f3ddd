"""Interface of the dataset readers: their parameters, the table of videos, and the files below a folder."""

import dataclasses
import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pace.pipeline.params import choice, limits

END_SLACK = 0.02  # seconds that the last clip may run past the end of its video: files end a frame early
# Columns of a table of videos. `file` is relative to the root; the others are text, '' where unknown.
COLUMNS = ("video_id", "file", "split", "genre", "music_id", "dancer")
# Optional columns, with their value for unknown. bpm: true tempo; camera: name of the view; sequence: the dance,
# the same for every camera that filmed it; source: the recording, the same for every excerpt and copy of it.
OPTIONAL_COLUMNS: dict[str, object] = {"bpm": float("nan"), "camera": "", "sequence": "", "source": ""}
PLACEHOLDER = Path("data/none")  # the value of a path parameter that is not set; DVC needs a folder that exists
VIDEO_SUFFIXES = frozenset(
    [
        ".mp4", ".m4v", ".mov", ".qt", ".3gp", ".3g2", ".f4v", ".flv", ".mkv", ".webm", ".ogv", ".avi", ".divx", ".wmv",
        ".asf", ".mpg", ".mpeg", ".mpe", ".m2v", ".vob", ".mod", ".ts", ".m2t", ".mts", ".m2ts", ".tod", ".mxf", ".dv",
        ".nut", ".rm", ".rmvb",
    ]
)  # fmt: skip

# One video as a reader describes it: some of COLUMNS and OPTIONAL_COLUMNS.
VideoRecord = dict[str, Any]


class DatasetError(ValueError):
    """A dataset folder is not as its reader expects; the message names the file and the remedy."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class IndexParams:
    """The keys of section `dataset` that the index depends on: strides in seconds, fractions of all videos."""

    name: str = choice("synthetic", "aistpp", "tiktok", "folder")
    root: str
    annotations: str
    cameras: tuple[str, ...] = choice("all", *(f"c{number:02d}" for number in range(1, 10)))
    split_lists: str
    seed: int = limits(0)
    val_fraction: float = limits(0, 0.9)
    test_fraction: float = limits(0, 0.9)
    train_stride: float = limits(0.01, 3600)
    eval_stride: float = limits(0.01, 3600)


@dataclasses.dataclass(frozen=True)
class Listing:
    """The videos of a dataset (COLUMNS and OPTIONAL_COLUMNS), and notes: sentences on what its reader left out."""

    videos: pd.DataFrame
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, records: Iterable[Mapping[str, Any]], notes: Iterable[str] = ()) -> "Listing":
        """Make a listing from one record per video; a key that a record lacks is unknown."""
        unknown = dict.fromkeys(COLUMNS, "") | OPTIONAL_COLUMNS
        table = pd.DataFrame([unknown | dict(record) for record in records], columns=list(unknown))
        return cls(table, tuple(notes))


def is_set(path: str) -> bool:
    """Whether an optional path parameter names something other than the placeholder."""
    return Path(path) != PLACEHOLDER


def find_videos(root: Path) -> list[str]:
    """Paths of all video files below a folder, relative to it, sorted, without hidden ones.

    Follows links to folders and visits each folder once, so that circular links end.
    Raises DatasetError where there is no such folder or no video in it.
    """
    if not root.is_dir():
        raise DatasetError(f"{root}: no such folder; set dataset.root to the folder of your videos")
    videos: list[str] = []
    visited: set[str] = set()
    for name, folders, files in os.walk(root, followlinks=True):
        folder, real = Path(name), os.path.realpath(name)
        folders[:] = [] if real in visited else sorted(inner for inner in folders if not inner.startswith("."))
        paths = [] if real in visited else [folder / file for file in files if not file.startswith(".")]
        visited.add(real)
        of_type = (path for path in paths if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file())
        videos += [path.relative_to(root).as_posix() for path in of_type]
    if not videos:
        raise DatasetError(f"{root}: no video in it; set dataset.root to the folder of your videos")
    return sorted(videos)


def normalised(name: str) -> str:
    """A name with each accented letter as one character (Unicode's NFC), as most systems write it.

    macOS' older disks keep letter and accent apart (NFD), so that equal names compare unequal.
    """
    return unicodedata.normalize("NFC", name)


def stored_file(path: Path) -> Path:
    """The file of a folder that `path` names: itself, or the one whose name only writes its accents in another way.

    `path` itself where there is none or several.
    """
    if path.name.isascii() or path.exists() or not path.parent.is_dir():
        return path
    same = [other for other in path.parent.iterdir() if normalised(other.name) == normalised(path.name)]
    return same[0] if len(same) == 1 else path


def count_note(names: Sequence[str], description: str) -> list[str]:
    """One note that counts `names` and shows the first, such as `3 videos in no list, such as a`; none for no name."""
    return [f"{len(names)} {description}, such as {names[0]}"] if names else []
