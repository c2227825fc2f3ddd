"""The sounds of the pipeline's clips: five seconds cut out of tracks, the generated wav, and the controls."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pace.audio.vocoder import VocoderParams
from pace.audio.wav_files import read_wave
from pace.clip import CLIP_SAMPLES, CLIP_SECONDS, SAMPLE_RATE
from pace.evaluation import controls
from pace.evaluation.ceiling import cached_vae, ceiling_clip, mel_clip
from pace.evaluation.clips import CEILING, MEL, TRUTH, ClipSounds
from pace.evaluation.dance_clock import Clock
from pace.media import sounds
from pace.media.sounds import Sound
from pace.media.streams import MediaError
from pace.pipeline.threads import one_thread

UNREADABLE = (ValueError, OSError, RuntimeError)  # what `read_wave` raises; soundfile's error is a RuntimeError


@dataclasses.dataclass(frozen=True)
class TrackPiece:
    """Five seconds of the wav of a video, from `start` in seconds."""

    track: Path
    start: float

    def read(self) -> npt.NDArray[np.float32]:
        """Samples (110250,) at 22,050 Hz, zeros outside the track."""
        return controls.cut(read_wave(self.track), self.start)


@dataclasses.dataclass(frozen=True)
class TrackClip:
    """The files of one clip (a ClipFiles): its true music, its generated wav, training music and the VAE.

    clock: that of its dance, if it has one. retrieved: the training music whose dance has the nearest clock.
    """

    true: TrackPiece
    generated: Path
    random: TrackPiece | None
    vae: Path
    vocoder: VocoderParams
    clock: Clock | None = None
    retrieved: TrackPiece | None = None

    def read(self, rebuilt: Mapping[str, Sound] | None = None) -> ClipSounds:
        """The rows `truth`, `mel`, `ceiling`, `generated` and the controls, at 22,050 Hz.

        With training music also `random`, with a clock `clock`, with both `retrieval`.

        Where the generated music cannot be read, there is no row `generated`; where the track cannot, no row at all.
        """
        try:
            track = read_wave(self.true.track)
        except UNREADABLE as error:
            return ClipSounds({}, unreadable={TRUTH: str(error).replace(str(self.true.track), self.true.track.name)})
        true = controls.cut(track, self.true.start)
        mel_error = float("nan")
        if rebuilt is None:
            with one_thread():
                ceiling, mel_error = ceiling_clip(true, cached_vae(self.vae), self.vocoder)
                mel = mel_clip(true, self.vocoder)
            rebuilt = {MEL: Sound(mel, SAMPLE_RATE), CEILING: Sound(ceiling, SAMPLE_RATE)}
        rows = {TRUTH: Sound(true, SAMPLE_RATE), **rebuilt}
        faults, unreadable = {}, {}
        try:
            rows["generated"], generated_faults = read_generated(self.generated)
            if generated_faults:
                faults["generated"] = generated_faults
        except (MediaError, OSError) as error:  # without the folder: metrics.json is the same in every folder
            unreadable["generated"] = str(error).replace(str(self.generated), self.generated.name)
        waves = {
            "clicks": controls.clicks(),
            "clicks120": controls.clicks(120.0),
            "delayed": controls.delayed(track, self.true.start),
        }
        if self.clock:
            waves[controls.CLOCK] = controls.clicks_at(self.clock.beats(CLIP_SECONDS), CLIP_SAMPLES, SAMPLE_RATE)
        for row, piece in (("random", self.random), (controls.RETRIEVAL, self.retrieved)):
            if piece:
                try:
                    waves[row] = piece.read()
                except UNREADABLE as error:
                    unreadable[row] = str(error)
        rows |= {row: Sound(wave, SAMPLE_RATE) for row, wave in waves.items()}
        return ClipSounds(rows, faults, unreadable, mel_error)

    def failed(self, reason: str) -> dict[str, str]:
        """The reason, without folders: metrics.json is the same in every folder."""
        for path in (self.true.track, self.generated):
            reason = reason.replace(f"{path.parent}/", "")
        return {"generated": reason}

    def compared_lengths(self, protocol: str, truth: int, row: int) -> tuple[int, int]:
        """All samples: every row has five seconds, unless a generated file is faulty."""
        return truth, row


def read_generated(path: Path) -> tuple[Sound, tuple[str, ...]]:
    """A generated clip at 22,050 Hz, and what is wrong with the file.

    Faults are those of `sounds.read`, another sample rate (the music is resampled) and another length than five
    seconds (longer music is cut). Raises MediaError for a file that cannot be read.
    """
    sound = sounds.read(path)
    wave, faults = sound.at(SAMPLE_RATE), list(sound.faults)
    if sound.sample_rate != SAMPLE_RATE:
        faults.append(f"{sound.sample_rate} Hz instead of {SAMPLE_RATE}")
    if len(wave) != CLIP_SAMPLES:
        faults.append(f"{sound.seconds:.3f} s instead of {CLIP_SECONDS:g}")
    return Sound(wave[:CLIP_SAMPLES], SAMPLE_RATE), tuple(faults)
