"""All rows of one clip, from files: the true music, its controls and the generated music, heard by one function."""

import dataclasses
import math
from pathlib import Path

import numpy as np

from pace.audio.vocoder import VocoderParams
from pace.audio.wav_files import read_wave
from pace.clip import CLIP_SAMPLES, CLIP_SECONDS, SAMPLE_RATE
from pace.evaluation import controls, table
from pace.evaluation.ceiling import ceiling, vae_of
from pace.evaluation.embedders import descriptors
from pace.evaluation.ground_truth import read_truth
from pace.evaluation.metrics import beat_alignment
from pace.evaluation.metrics.onsets import events
from pace.media import sounds
from pace.media.sounds import audible
from pace.media.streams import MediaError
from pace.pipeline.threads import one_thread


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

    clip: None where the generated music cannot be read. points: row -> its descriptors. waves: row -> samples (S,) for
    the audio networks, empty where none will listen. faults: what is wrong with the generated music.
    """

    clip_id: str
    clip: table.Clip | None = None
    mel_error: float = math.nan
    points: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    waves: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    faults: tuple[str, ...] = ()


def listen(clip: dict, folders: Folders, vocoder: VocoderParams, keep_waves: bool = False) -> Heard:
    """Make and hear all rows of one clip.

    clip: clip_id, video_id, music_id, start_s, bpm (NaN where not known), and optionally `random`, the video_id and
    start_s of a training clip. Runs in a worker process, on one thread.
    """
    track = read_wave(folders.audio / f"{clip['video_id']}.wav")
    true = controls.cut(track, clip["start_s"])
    path = folders.generated / f"{clip['clip_id']}.wav"
    try:
        generated, faults = read_generated(path)
    except (MediaError, OSError) as error:  # metrics.json is the same in every folder
        return Heard(clip["clip_id"], faults=(f"not scored: {str(error).replace(str(path), path.name)}",))
    with one_thread():
        rebuilt, mel_error = ceiling(true, vae_of(folders.vae), vocoder)
    waves = {
        "truth": true,
        "ceiling": rebuilt,
        "generated": generated,
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
    motion_beats = beat_alignment.read_motion_beats(folders.poses / f"{clip['video_id']}.npz", *span)
    bpm = None if math.isnan(clip["bpm"]) else clip["bpm"]
    heard = {row: events(wave, SAMPLE_RATE) for row, wave in waves.items()}
    waves["generated"] = audible(generated, SAMPLE_RATE)  # an empty file has a second of silence to be described
    points = {row: descriptors.embed(wave, SAMPLE_RATE) for row, wave in waves.items()}
    keys = clip["clip_id"], clip["video_id"], clip["music_id"]
    own = table.Clip(*keys, beats, heard, bpm, motion_beats)
    return Heard(clip["clip_id"], own, mel_error, points, waves if keep_waves else {}, faults)


def read_generated(path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """Samples (S,) of a generated clip at 22,050 Hz, and what is wrong with the file.

    That is the faults of `audio_files.read`, another sample rate (the music is resampled) and another length than five
    seconds (music that is too long is cut). Raises MediaError for a file that cannot be read.
    """
    sound = sounds.read(path)
    wave, faults = sound.at(SAMPLE_RATE), list(sound.faults)
    if sound.sample_rate != SAMPLE_RATE:
        faults.append(f"{sound.sample_rate} Hz instead of {SAMPLE_RATE}")
    if len(wave) != CLIP_SAMPLES:
        faults.append(f"{sound.seconds:.3f} s instead of {CLIP_SECONDS:g}")
    return wave[:CLIP_SAMPLES], tuple(faults)
