"""All rows of one clip, from files: the true music, its controls and the generated music, heard by one function."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import torch

from pace.audio.mel import CLIP_SECONDS, SAMPLE_RATE
from pace.audio.vocoder import VocoderParams
from pace.audio.wave import read_wave
from pace.evaluation import alignment_score, controls, descriptors, table
from pace.evaluation.ceiling import ceiling, vae_of
from pace.evaluation.onsets import events
from pace.evaluation.truth import read_truth


@dataclasses.dataclass(frozen=True)
class Folders:
    """Where the music of the videos, the generated clips, the VAE, the poses and the dataset's truth lie."""

    audio: Path
    generated: Path
    vae: Path
    poses: Path
    truth: Path


def compile_once() -> None:
    """Hear a click track, so that librosa's compiled functions lie in numba's cache before worker processes start.

    Processes that write that cache at the same time can leave it broken, and then every later call ends in a
    segmentation fault until it is removed.
    """
    events(controls.clicks(), SAMPLE_RATE)


@dataclasses.dataclass(frozen=True)
class Heard:
    """One clip's rows as events and sounds, and the error of its mel image through the VAE.

    points: row -> its descriptors. waves: row -> samples (S,) for the audio networks, empty where none will listen.
    """

    clip: table.Clip
    mel_error: float
    points: dict[str, np.ndarray]
    waves: dict[str, np.ndarray]


def listen(clip: dict, folders: Folders, vocoder: VocoderParams, keep_waves: bool = False) -> Heard:
    """Make and hear all rows of one clip.

    clip: clip_id, video_id, music_id, start_s, bpm (NaN where not known), and optionally `random`, the video_id and
    start_s of a training clip. Runs in a worker process, on one thread.
    """
    torch.set_num_threads(1)
    track = read_wave(folders.audio / f"{clip['video_id']}.wav")
    true = controls.cut(track, clip["start_s"])
    rebuilt, mel_error = ceiling(true, vae_of(folders.vae), vocoder)
    waves = {
        "truth": true,
        "ceiling": rebuilt,
        "generated": read_wave(folders.generated / f"{clip['clip_id']}.wav"),
        "clicks": controls.clicks(),
        "clicks120": controls.clicks(120.0),
        "delayed": controls.delayed(track, clip["start_s"]),
    }
    if clip.get("random"):
        other = clip["random"]
        waves["random"] = controls.cut(read_wave(folders.audio / f"{other['video_id']}.wav"), other["start_s"])
    truth = read_truth(folders.truth, clip["video_id"])
    span = clip["start_s"], clip["start_s"] + CLIP_SECONDS
    beats = truth.beats_between(*span) if truth else None
    motion_beats = alignment_score.read_motion_beats(folders.poses / f"{clip['video_id']}.npz", *span)
    bpm = None if math.isnan(clip["bpm"]) else clip["bpm"]
    heard = {row: events(wave, SAMPLE_RATE) for row, wave in waves.items()}
    points = {row: descriptors.embed(wave, SAMPLE_RATE) for row, wave in waves.items()}
    keys = clip["clip_id"], clip["video_id"], clip["music_id"]
    own = table.Clip(*keys, beats, heard, bpm, motion_beats)
    return Heard(own, mel_error, points, waves if keep_waves else {})
