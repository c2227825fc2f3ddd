"""The rows of the rhythm table: generated music and the controls that show what its scores are worth (FACTS 7)."""

import librosa
import numpy as np
import torch

from pace.audio.mel import CLIP_SAMPLES, SAMPLE_RATE, mel_image
from pace.audio.vocoder import VocoderParams, invert
from pace.generation.vae import AutoencoderKL

# truth: the true music. ceiling: the true music through VAE and vocoder. generated: the model's music.
# shuffled: generated music of other clips. random: training music. clicks: one click per second. clicks120: a click
# track of 120 BPM. delayed: the true music 250 ms late.
ROWS = ("truth", "ceiling", "generated", "shuffled", "random", "clicks", "clicks120", "delayed")
DELAY = 0.25  # seconds


def cut(track: np.ndarray, start: float) -> np.ndarray:
    """Five seconds (110250,) of a track (S,) at 22,050 Hz from `start` in seconds, zeros outside the track."""
    first = round(start * SAMPLE_RATE)
    out = np.zeros(CLIP_SAMPLES, dtype=np.float32)
    inside = slice(max(first, 0), max(min(first + CLIP_SAMPLES, len(track)), 0))
    part = track[inside]
    out[inside.start - first : inside.start - first + len(part)] = part
    return out


def delayed(track: np.ndarray, start: float) -> np.ndarray:
    """The clip with its music 250 ms late: what precedes the clip in the track enters, silence before its start.

    A clip at the very start of its track so begins with 250 ms of silence. Nothing else tells the delayed music
    from the true one than its timing.
    """
    return cut(track, start - DELAY)


def random_music(train: list[dict], count: int, seed: int = 0) -> list[dict | None]:
    """A training clip for each of `count` clips, drawn without repetition while they last; None where there is none."""
    if not train:
        return [None] * count
    drawn = np.random.default_rng(seed).choice(len(train), count, replace=len(train) < count)
    return [train[i] for i in drawn]


def clicks(bpm: float = 60.0) -> np.ndarray:
    """Five seconds with a click at every beat of `bpm`, the first after half a beat.

    At 60 BPM one onset in every one-second bin, at 120 BPM two; 120 is the usual tempo of dance music and what beat
    trackers expect.
    """
    beat = 60 / bpm
    times = np.arange(beat / 2, CLIP_SAMPLES / SAMPLE_RATE, beat)
    return librosa.clicks(times=times, sr=SAMPLE_RATE, length=CLIP_SAMPLES)


@torch.no_grad()
def ceiling(wave: np.ndarray, vae: AutoencoderKL, vocoder: VocoderParams) -> tuple[np.ndarray, float]:
    """The best that a generator in this latent space can do: a clip (110250,) through VAE and vocoder.

    Decodes the mean of the posterior. Returns the wave (110250,) clipped to [-1,1], as a file would hold it,
    and the mean absolute error of the mel image in units of its [0,1] scale.
    """
    image = torch.from_numpy(mel_image(wave))[None, None]
    mean, _ = vae.encode(image)
    decoded = vae.decode(mean).clamp(0, 1)
    return np.clip(invert(decoded[:, 0], vocoder)[0], -1, 1), float((decoded - image).abs().mean())
