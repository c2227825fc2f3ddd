"""The best that a generator can do: true music through mel image, VAE and vocoder."""

import functools
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from pace.audio.joining import clip_starts, join
from pace.audio.limiter import limit_peaks
from pace.audio.mel import mel_image
from pace.audio.vocoder import VocoderParams, invert
from pace.autoencoder.inference import load_vae
from pace.autoencoder.vae import AutoencoderKL
from pace.clip import SAMPLE_RATE
from pace.evaluation.controls import cut
from pace.pipeline.threads import one_thread

Wave = npt.NDArray[np.float32]


@functools.cache
def cached_vae(folder: Path) -> AutoencoderKL:
    """The autoencoder of a folder, loaded once in each worker process."""
    return load_vae(folder)


def mel_clip(wave: Wave, vocoder: VocoderParams) -> Wave:
    """A clip (110250,) through mel image and vocoder alone. Peaks are attenuated as those of generated music are."""
    return limit_peaks(invert(mel_image(wave)[None], vocoder)[0])


def ceiling_clip(wave: Wave, vae: AutoencoderKL, vocoder: VocoderParams) -> tuple[Wave, float]:
    """A clip (110250,) through VAE and vocoder, and the mean absolute error of its mel image, of the scale [0,1].

    Decodes the mean of the posterior. Peaks are attenuated as those of generated music are.
    """
    rebuilt, error = _rebuilt(wave, vae, vocoder)
    return limit_peaks(rebuilt), error


def ceiling_track(track: Wave, folder: Path, vocoder: VocoderParams) -> Wave:
    """Music (S,) of any length at 22,050 Hz through VAE and vocoder, in clips joined as `compose` joins them.

    folder: of a trained autoencoder. Runs in a worker process, on one thread.
    """
    starts = clip_starts(len(track) / SAMPLE_RATE)
    with one_thread():
        clips = np.stack([_rebuilt(cut(track, start), cached_vae(folder), vocoder)[0] for start in starts])
    return limit_peaks(join(clips, starts, len(track) / SAMPLE_RATE))


@torch.no_grad()
def _rebuilt(wave: Wave, vae: AutoencoderKL, vocoder: VocoderParams) -> tuple[Wave, float]:
    image = torch.from_numpy(mel_image(wave))[None, None]
    mean, _ = vae.encode(image)
    decoded = vae.decode(mean).clamp(0, 1)
    return invert(decoded[:, 0], vocoder)[0], float((decoded - image).abs().mean())
