"""Annotations of the clips that a user gives: the dance's poses, the true beats, the tempo.

Files name a clip as the table does, or by its reference's file name without extension.
"""

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pace.evaluation import dance_clock
from pace.evaluation.clips import Annotations
from pace.evaluation.dance_clock import Clock
from pace.evaluation.metrics.beat_alignment import MotionBeats, read_motion_beats
from pace.motion.energy import EnergyParams
from pace.scoring import matching
from pace.scoring.csv_files import read_rows

# Field of Annotations -> what is given.
LABELS = {"motion_beats": "a usable pose", "beats": "true beats", "bpm": "a tempo"}


@dataclasses.dataclass(frozen=True)
class AnnotationFiles:
    """The files of annotations, each None where there is none.

    poses: a folder of {clip}.npz (arrays pose (N,J,3) and fps, as the pipeline's data/pose3d). beats: a table
    `clip,time_s`, a row for each beat. tempo: a table `clip,bpm`.
    """

    poses: Path | None = None
    beats: Path | None = None
    tempo: Path | None = None
    training_poses: Path | None = None  # as poses, of the training music


def read_annotations(files: AnnotationFiles, clips: Mapping[str, str]) -> dict[str, Annotations]:
    """Annotations of each clip. clips: name -> file name of its reference without extension.

    A pose that is too short, or that lacks positions for too long, gives no motion beats, and the annotations say why.
    Raises ValueError for a bad table or pose file, and for one without an entry for any clip.
    """
    sources: dict[str, tuple[Path | None, Mapping[str, Any]]] = {
        "motion_beats": (files.poses, read_poses(files.poses, {*clips, *clips.values()})),
        "beats": (files.beats, read_beats(files.beats)),
        "bpm": (files.tempo, read_tempo(files.tempo)),
    }
    fields: dict[str, dict[str, Any]] = {name: {} for name in clips}
    for field, (path, values) in sources.items():
        for name, reference in clips.items():
            key = name if name in values else reference
            if key in values:
                value = values[key]
                if isinstance(value, MotionBeats):
                    fields[name] |= {"pose_unusable": value.unusable, "pose_filled": value.filled}
                    value = value.times
                fields[name][field] = value
        if path and not any(field in clip for clip in fields.values()):
            remedy = f"its files or rows must have the clips' names, such as {next(iter(clips))!r}"
            raise ValueError(f"{path}: none of its entries matches a clip; {remedy}")
    return {name: Annotations(**values) for name, values in fields.items()}


def check_poses(folder: Path) -> None:
    """Raise ValueError where there is no such folder of poses."""
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder; give a folder of poses, a file CLIP.npz each")


def read_poses(folder: Path | None, names: Iterable[str]) -> dict[str, MotionBeats]:
    """Motion beats of the named clips that have a pose; a clip is its whole file.

    Raises ValueError for a missing folder, and for a file without the arrays.
    """
    if folder is None:
        return {}
    check_poses(folder)
    motion_beats = {}
    for name in sorted(names):
        beats = read_motion_beats(matching.stored(folder, f"{name}.npz"), 0, math.inf)
        if beats is not None:
            motion_beats[name] = beats
    return motion_beats


def read_clocks(folder: Path | None, names: Iterable[str], energy: EnergyParams) -> dict[str, Clock]:
    """The clocks of the named clips whose dance has one. Raises ValueError as `read_poses`."""
    if folder is None:
        return {}
    check_poses(folder)
    clocks = {}
    for name in sorted(names):
        (clock,) = dance_clock.read_clocks(matching.stored(folder, f"{name}.npz"), [(0, math.inf)], energy)
        if clock:
            clocks[name] = clock
    return clocks


def read_beats(path: Path | None) -> dict[str, npt.NDArray[np.float64]]:
    """Clip -> its beats (B,) in ascending order, from a table `clip,time_s`. Raises ValueError for a bad row."""
    beats: dict[str, list[float]] = {}
    for clip, time, _ in _numbers(path, "time_s", lambda time: time >= 0, "seconds from the start of the clip"):
        beats.setdefault(clip, []).append(time)
    return {clip: np.unique(times) for clip, times in beats.items()}


def read_tempo(path: Path | None) -> dict[str, float]:
    """Clip -> its tempo, from a table `clip,bpm`. Raises ValueError for a bad row and for two rows of one clip."""
    tempi: dict[str, float] = {}
    for clip, bpm, line in _numbers(path, "bpm", lambda bpm: bpm > 0, "beats per minute, above 0"):
        if clip in tempi:
            raise ValueError(f"{path}:{line}: {clip} has a tempo already, {tempi[clip]:g}; give each clip one row")
        tempi[clip] = bpm
    return tempi


def _numbers(
    path: Path | None, column: str, good: Callable[[float], bool], expected: str
) -> Iterator[tuple[str, float, int]]:
    """(clip, number, line) of a table with columns `clip` and `column`."""
    if path is None:
        return
    columns, rows = read_rows(path)
    if missing := [name for name in ("clip", column) if name not in columns]:
        raise ValueError(f"{path}:1: no column {missing[0]!r}; the first line must be clip,{column}")
    for line, row in rows:
        clip, text = row["clip"], row[column]
        try:
            value = float(text or "")
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and good(value)):
            raise ValueError(f"{path}:{line}: {column} is {text!r}; give {expected}")
        if not clip:
            raise ValueError(f"{path}:{line}: clip is {clip!r}; give the name of a clip, without extension")
        yield matching.normal(clip), value, line
