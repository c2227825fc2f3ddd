"""The vocoder: waveforms from mel images by the pseudo-inverse filterbank and batched fast Griffin-Lim."""

import dataclasses
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from pace.audio import mel
from pace.clip import CLIP_SAMPLES, HOP, N_FFT, N_FRAMES, N_MELS
from pace.pipeline.params import limits


@dataclasses.dataclass(frozen=True)
class VocoderParams:
    """Section `vocoder` of params.yaml: Griffin-Lim's iterations and momentum (0 is plain Griffin-Lim)."""

    iterations: int = limits(1, 1000)
    momentum: float = limits(0.0, 0.999)


def magnitude(images: torch.Tensor) -> torch.Tensor:
    """Linear magnitude spectrograms (B,1025,256) of mel images (B,256,256) in [0,1]."""
    decibels = images.clamp(0, 1) * (mel.DB_HIGH - mel.DB_LOW) + mel.DB_LOW
    # The floor of the scale means silence, not noise at -45 dB.
    power = torch.where(images > 0, 10 ** (decibels / 10), 0.0)
    inverse = torch.from_numpy(mel.inverse_filterbank()).to(images.device)
    return (inverse @ power).clamp(min=0).sqrt()


@torch.no_grad()
def invert(images: torch.Tensor | npt.NDArray[Any], params: VocoderParams, seed: int = 0) -> npt.NDArray[Any]:
    """Waveforms (B,110250) float32 of mel images (B,256,256) in [0,1], computed on the images' device.

    Fast Griffin-Lim (Perraudin et al. 2013) from random phases drawn from `seed`. Every clip of the batch starts
    from the same phases, so its waveform does not depend on the other clips. Peaks may exceed 1.
    Raises ValueError for another shape and for values that are not finite.
    """
    images = torch.as_tensor(images).float()
    if images.ndim != 3 or images.shape[1:] != (N_MELS, N_FRAMES):
        raise ValueError(f"mel images have shape (B,{N_MELS},{N_FRAMES}), these have {tuple(images.shape)}")
    if not torch.isfinite(images).all():
        raise ValueError("the mel images hold values that are not finite numbers")
    if len(images) == 0:
        return np.zeros((0, CLIP_SAMPLES), np.float32)
    target = magnitude(images)
    window = torch.hann_window(N_FFT, device=images.device)

    def waves(spectrum: torch.Tensor) -> torch.Tensor:
        return torch.istft(spectrum, length=CLIP_SAMPLES, n_fft=N_FFT, hop_length=HOP, window=window, center=True)

    def spectra(wave: torch.Tensor) -> torch.Tensor:
        return torch.stft(
            wave,
            pad_mode="constant",
            return_complex=True,
            n_fft=N_FFT,
            hop_length=HOP,
            window=window,
            center=True,
        )

    generator = torch.Generator().manual_seed(seed)
    angle = torch.rand(target.shape[1:], generator=generator) * 2 * math.pi
    phase = torch.polar(torch.ones_like(angle), angle).to(images.device).expand(target.shape)
    previous = torch.zeros((), dtype=phase.dtype, device=images.device)
    for _ in range(params.iterations):
        consistent = spectra(waves(target * phase))
        phase = consistent + params.momentum * (consistent - previous)
        phase = phase / phase.abs().clamp(min=1e-9)
        previous = consistent
    return waves(target * phase).cpu().numpy()
