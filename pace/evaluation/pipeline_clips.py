"""The clips that `evaluate` scores: those of the index that have both true and generated music."""

import dataclasses
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pace.audio.vocoder import VocoderParams
from pace.clip import CLIP_SECONDS
from pace.evaluation import controls, unscored
from pace.evaluation.clips import Annotations, Clip
from pace.evaluation.controls import GENERATED
from pace.evaluation.dance_clock import Clock, Timed, nearest, read_clocks, start_in_phase
from pace.evaluation.ground_truth import Truth, read_truth
from pace.evaluation.metrics import beat_alignment
from pace.evaluation.metrics.beat_alignment import MotionBeats
from pace.evaluation.score_clips import ScoredClip
from pace.evaluation.track_clips import TrackClip, TrackPiece
from pace.motion.energy import EnergyParams

Record = Mapping[Hashable, Any]  # a clip of the index


@dataclasses.dataclass(frozen=True)
class Folders:
    """Folders of the music of the videos, the generated clips, the poses, the VAE and the dataset's truth."""

    audio: Path
    generated: Path
    poses: Path
    vae: Path
    truth: Path


@dataclasses.dataclass(frozen=True)
class Index:
    """The tables that stage `index` writes, and the split that is scored."""

    videos: pd.DataFrame
    clips: pd.DataFrame
    split: str

    @property
    def split_videos(self) -> pd.DataFrame:
        """The videos of the split."""
        return self.videos[self.videos.split == self.split]

    @property
    def split_clips(self) -> pd.DataFrame:
        """The clips of the split, with music_id, bpm and sequence of their video."""
        clips = self.clips[self.clips.split == self.split]
        return clips.merge(self.videos[["video_id", "music_id", "bpm", "sequence"]], on="video_id", how="left")


def read_index(folder: Path, split: str) -> Index:
    """The index in a folder."""
    return Index(pd.read_parquet(folder / "videos.parquet"), pd.read_parquet(folder / "clips.parquet"), split)


def clips_to_score(index: Index, folders: Folders, vocoder: VocoderParams, energy: EnergyParams) -> list[Clip]:
    """The clips of the split that have both true and generated music, each with two pieces of training music: a random
    one, and the one whose dance has the nearest clock.

    Where the dataset does not say which music or dance a video has, the video counts as having its own. Paths are made
    absolute: worker processes live on between calls and may be in another folder.
    Raises ValueError where there is no such clip.
    """
    table = index.split_clips
    table["music_id"] = table.music_id.replace("", None).fillna(table.video_id)
    table["sequence"] = table.sequence.replace("", None).fillna(table.video_id)
    records = [
        record
        for record in table.to_dict("records")
        if _track(folders, record).is_file() and _generated(folders, record).is_file()
    ]
    if not records:
        raise ValueError(
            f"none of {len(table)} {index.split} clips has both {folders.audio}/*.wav and {folders.generated}/*.wav"
        )
    training = training_records(index, folders)
    pieces = controls.random_music([_piece(folders, record) for record in training], len(records))
    clocks = dance_clocks([*records, *training], folders.poses, energy)
    timed = [Timed(clock, record) for record in training if (clock := clocks[record["clip_id"]])]
    truths = {video: read_truth(folders.truth, video) for video in dict.fromkeys(r["video_id"] for r in records)}
    return [
        Clip(
            record["clip_id"],
            record["video_id"],
            record["music_id"],
            record["sequence"],
            TrackClip(
                TrackPiece(_track(folders, record), record["start_s"]),
                _generated(folders, record),
                piece,
                folders.vae.absolute(),
                vocoder,
                (clock := clocks[record["clip_id"]]),
                retrieve(clock, timed, folders) if clock else None,
            ),
            annotations(record, truths[record["video_id"]], folders.poses),
        )
        for record, piece in zip(records, pieces, strict=True)
    ]


def training_records(index: Index, folders: Folders) -> list[Record]:
    """The training clips that have music, with the duration of their video."""
    clips = index.clips[index.clips.split == "train"].merge(index.videos[["video_id", "duration_s"]], on="video_id")
    return [record for record in clips.to_dict("records") if _track(folders, record).is_file()]


def dance_clocks(records: Sequence[Record], poses: Path, energy: EnergyParams) -> dict[str, Clock | None]:
    """The clock of each clip's dance, by clip_id; None where its pose has none or is not a pose."""
    by_video: dict[str, list[Record]] = {}
    for record in records:
        by_video.setdefault(record["video_id"], []).append(record)
    clocks: dict[str, Clock | None] = {}
    for video, clips in by_video.items():
        spans = [(clip["start_s"], clip["start_s"] + CLIP_SECONDS) for clip in clips]
        try:
            found = read_clocks(poses / f"{video}.npz", spans, energy)
        except ValueError:  # the annotations say what is wrong with it
            found = [None] * len(clips)
        clocks |= {clip["clip_id"]: clock for clip, clock in zip(clips, found, strict=True)}
    return clocks


def retrieve(clock: Clock, training: Sequence[Timed[Record]], folders: Folders) -> TrackPiece | None:
    """The training music whose dance has the clock nearest to `clock`, in phase with it; None without any."""
    timed = nearest(clock, training)
    if not timed:
        return None
    start = timed.piece["start_s"]
    latest = timed.piece["duration_s"] - CLIP_SECONDS - start
    shift = start_in_phase(clock, timed.clock, CLIP_SECONDS, -start, latest)
    return dataclasses.replace(_piece(folders, timed.piece), start=start + shift)


def annotations(record: Record, truth: Truth | None, poses: Path) -> Annotations:
    """Annotations of a clip: true beats and strength of the dataset, tempo in the index, motion beats of its pose."""
    span = record["start_s"], record["start_s"] + CLIP_SECONDS
    try:
        motion = beat_alignment.read_motion_beats(poses / f"{record['video_id']}.npz", *span)
    except ValueError as error:  # the music is scored all the same
        motion = MotionBeats(None, str(error))
    known = Annotations(
        truth.beats_between(*span) if truth else None,
        record["bpm"] if record["bpm"] > 0 else None,
        strength=truth.strength if truth else None,
    )
    if motion is None:
        return known
    return dataclasses.replace(
        known, motion_beats=motion.times, pose_unusable=motion.unusable, pose_filled=motion.filled
    )


def with_generated(scored: Sequence[ScoredClip]) -> tuple[list[ScoredClip], dict[str, str]]:
    """The clips whose true and generated music could be scored, and what is wrong with generated music, by clip.

    Raises ValueError where there is none.
    """
    readable = [clip for clip in scored if GENERATED in clip.scores]
    faults = {}
    for clip in scored:
        if GENERATED in clip.unreadable:
            faults[clip.name] = f"not scored: {clip.unreadable[GENERATED]}"
        elif GENERATED in clip.faults:
            faults[clip.name] = "; ".join(clip.faults[GENERATED])
    if not readable and (texts := unscored.reasons([clip for clip in scored if not clip.scores])):
        raise ValueError("no clip can be scored; the first, {}: {}".format(*next(iter(texts.items()))))
    if not readable:
        raise ValueError(f"no generated clip can be read; the first, {next(iter(faults.values()))}")
    return readable, faults


def _piece(folders: Folders, record: Record) -> TrackPiece:
    return TrackPiece(_track(folders, record), record["start_s"])


def _track(folders: Folders, record: Record) -> Path:
    return folders.audio.absolute() / f"{record['video_id']}.wav"


def _generated(folders: Folders, record: Record) -> Path:
    return folders.generated.absolute() / f"{record['clip_id']}.wav"
