"""What a user knows of the scored clips beside their music: the dance's poses, the true beats, the tempo.

Files name a clip as the table does or as its reference is called, without extension.
"""

import csv
import dataclasses
import math
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from pace.evaluation.metrics.beat_alignment import read_motion_beats

GIVEN = {"motion_beats": "a pose", "beats": "true beats", "bpm": "a tempo"}  # field of Known -> what is given


@dataclasses.dataclass(frozen=True)
class Known:
    """Of one clip, None where it is not known: its true `beats` (B,) in seconds and its tempo `bpm`, and the beats of
    its dance, `motion_beats` (M,) in seconds.
    """

    beats: np.ndarray | None = None
    bpm: float | None = None
    motion_beats: np.ndarray | None = None

    def until(self, end: float) -> "Known":
        """The same with the beats before `end` seconds."""
        beats, motion = (None if times is None else times[times < end] for times in (self.beats, self.motion_beats))
        return Known(beats, self.bpm, motion)


NOTHING = Known()


@dataclasses.dataclass(frozen=True)
class Sources:
    """Where it lies, None where there is none: a folder of {clip}.npz (arrays pose (N,J,3) and fps, as the pipeline's
    data/pose3d), tables `clip,time_s` of beats, a row each, and `clip,bpm`.
    """

    poses: Path | None = None
    beats: Path | None = None
    tempo: Path | None = None


def of_clips(sources: Sources, clips: Mapping[str, str]) -> dict[str, Known]:
    """What is known of each clip. clips: name -> that of its reference without extension.

    A pose that is too short to have beats counts as none. Raises ValueError for a bad table or pose file, and where a
    source has nothing of any clip.
    """
    given = {
        "motion_beats": (sources.poses, read_poses(sources.poses, {*clips, *clips.values()})),
        "beats": (sources.beats, read_beats(sources.beats)),
        "bpm": (sources.tempo, read_tempo(sources.tempo)),
    }
    found: dict[str, dict[str, object]] = {name: {} for name in clips}
    for kind, (path, values) in given.items():
        for name, reference in clips.items():
            key = name if name in values else reference
            if key in values:
                found[name][kind] = values[key]
        if path and not any(kind in one for one in found.values()):
            remedy = f"its files or rows must have the clips' names, such as {next(iter(clips))!r}"
            raise ValueError(f"{path}: nothing in it is of use for any clip; {remedy}")
    return {name: Known(**values) for name, values in found.items()}


def read_poses(folder: Path | None, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Motion beats (M,) of the named clips that have a pose of use; the clip is the whole file.

    Raises ValueError for a missing folder, and for a file that has not the arrays.
    """
    if folder is None:
        return {}
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder; give a folder of poses, a file CLIP.npz each")
    found = {}
    for name in sorted(names):
        path = folder / f"{name}.npz"
        try:
            beats = read_motion_beats(path, 0, math.inf)
        except (KeyError, TypeError, AttributeError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"{path}: not a pose ({error}); give arrays pose (N,J,3) and fps, as in data/pose3d"
            ) from None
        if beats is not None:
            found[name] = beats
    return found


def read_beats(path: Path | None) -> dict[str, np.ndarray]:
    """Clip -> its beats (B,) in ascending order, from a table `clip,time_s`. Raises ValueError for a bad row."""
    found: dict[str, list[float]] = {}
    for clip, time, _ in _rows(path, "time_s", lambda time: time >= 0, "seconds from the start of the clip"):
        found.setdefault(clip, []).append(time)
    return {clip: np.unique(times) for clip, times in found.items()}


def read_tempo(path: Path | None) -> dict[str, float]:
    """Clip -> its tempo, from a table `clip,bpm`. Raises ValueError for a bad row and for two of one clip."""
    found: dict[str, float] = {}
    for clip, bpm, line in _rows(path, "bpm", lambda bpm: bpm > 0, "beats per minute, above 0"):
        if clip in found:
            raise ValueError(f"{path}:{line}: {clip} has a tempo already, {found[clip]:g}; give each clip one row")
        found[clip] = bpm
    return found


def _rows(
    path: Path | None, column: str, good: Callable[[float], bool], expected: str
) -> Iterable[tuple[str, float, int]]:
    """(clip, number, line) of a table with columns `clip` and `column`."""
    if path is None:
        return
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if missing := [name for name in ("clip", column) if name not in (reader.fieldnames or ())]:
            raise ValueError(f"{path}:1: no column {missing[0]!r}; the first line must be clip,{column}")
        for row in reader:
            try:
                value = float(row[column])
            except (TypeError, ValueError):
                value = math.nan
            if not (math.isfinite(value) and good(value)):
                raise ValueError(f"{path}:{reader.line_num}: {column} is {row[column]!r}; give {expected}")
            if not row["clip"]:
                raise ValueError(f"{path}:{reader.line_num}: clip is ''; give the name of a clip, without extension")
            yield row["clip"], value, reader.line_num
