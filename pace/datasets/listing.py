"""What a dataset's reader gets and gives: parameters, the table of videos, and the files of a folder."""

import dataclasses
import os
from pathlib import Path

import pandas as pd

from pace.pipeline.params import choice, limits

END_SLACK = 0.02  # seconds that the last clip may run past the end: files end a frame early
# Columns of a table of videos. `file` is relative to the root; the rest is text, '' where unknown.
COLUMNS = ("video_id", "file", "split", "genre", "music_id", "dancer")
# More columns and their values where unknown. bpm: true tempo; camera: name of the view; sequence: the dance, the same
# for every camera that filmed it; source: the recording, the same for every piece and copy of it.
MORE_COLUMNS = {"bpm": float("nan"), "camera": "", "sequence": "", "source": ""}
PLACEHOLDER = Path("data/none")
VIDEO_SUFFIXES = frozenset(
    [".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".wmv", ".flv", ".mpg", ".mpeg", ".mts", ".m2ts", ".ogv", ".3gp"]
)  # fmt: skip


class DatasetError(ValueError):
    """A dataset folder is not as its reader expects; the message names the file and what to do."""


@dataclasses.dataclass(frozen=True)
class IndexParams:
    """The keys of section `dataset` that the index depends on; strides in seconds, fractions of all videos."""

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
    """The videos of a dataset (COLUMNS and MORE_COLUMNS), and sentences on what its reader left out."""

    videos: pd.DataFrame
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, rows: list[dict], notes: list[str] | tuple[str, ...] = ()) -> "Listing":
        """From one dict per video; a key that is not there is unknown."""
        unknown = dict.fromkeys(COLUMNS, "") | MORE_COLUMNS
        return cls(pd.DataFrame([unknown | row for row in rows], columns=list(unknown)), tuple(notes))


def given(path: str) -> bool:
    """Whether an optional input is set to something else than the placeholder."""
    return Path(path) != PLACEHOLDER


def find_videos(root: Path) -> list[str]:
    """Paths of all video files below a folder, relative to it, sorted; hidden ones left out.

    Linked folders are looked into, each folder once, so that links in a circle end. Raises DatasetError.
    """
    if not root.is_dir():
        raise DatasetError(f"{root}: no such folder; set dataset.root to the folder of your videos")
    found, seen = [], set()
    for name, folders, files in os.walk(root, followlinks=True):
        folder, real = Path(name), os.path.realpath(name)
        folders[:] = [] if real in seen else sorted(inner for inner in folders if not inner.startswith("."))
        paths = [] if real in seen else [folder / file for file in files if not file.startswith(".")]
        seen.add(real)
        chosen = (path for path in paths if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file())
        found += [path.relative_to(root).as_posix() for path in chosen]
    if not found:
        raise DatasetError(f"{root}: no video in it; set dataset.root to the folder of your videos")
    return sorted(found)


def counted(names: list[str], what: str) -> list[str]:
    """One sentence on names that were left out, none when there are none."""
    return [f"{len(names)} {what}, such as {names[0]}"] if names else []
