"""Log-mel front end of the PANNs and CLAP networks, with the tensors of their weights files (FACTS 9).

The published front end (torchlibrosa's) is itself a network, saved with the weights: a Fourier transform as two frozen
convolutions, and a mel matrix. These modules therefore have the published names. Their initial values are computed.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

N_FFT = 1024
N_MELS = 64
MEL_HZ = (50.0, 14000.0)
FLOOR = 1e-10  # power, -100 dB


class Kernel(nn.Module):
    """One frozen convolution: its tensor `weight` (513,1,1024)."""

    def __init__(self, weight: np.ndarray) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.from_numpy(weight)[:, None])


class Transform(nn.Module):
    """Windowed Fourier transform: the kernels `conv_real` and `conv_imag`."""

    def __init__(self) -> None:
        super().__init__()
        real, imaginary = fourier_kernels(N_FFT)
        self.conv_real, self.conv_imag = Kernel(real), Kernel(imaginary)


class Spectrogram(nn.Module):
    """Power spectrogram with frames centred on multiples of `hop` samples; the ends are reflected."""

    def __init__(self, hop: int) -> None:
        super().__init__()
        self.hop = hop
        self.stft = Transform()

    def forward(self, waves: Tensor) -> Tensor:
        """Waves (B,S), S > 512 -> power (B,1 + S // hop,513)."""
        padded = F.pad(waves[:, None], (N_FFT // 2, N_FFT // 2), mode="reflect")[:, 0]
        frames = padded.unfold(1, N_FFT, self.hop)
        real, imaginary = (frames @ kernel.weight[:, 0].T for kernel in (self.stft.conv_real, self.stft.conv_imag))
        power: Tensor = real**2 + imaginary**2
        return power


class LogMel(nn.Module):
    """Mel matrix `melW` (513,64), and decibels relative to unit power."""

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        self.melW = nn.Parameter(torch.from_numpy(slaney_mels(sample_rate, N_FFT, N_MELS, *MEL_HZ)))

    def forward(self, power: Tensor) -> Tensor:
        """Power (B,T,513) -> dB (B,T,64), at least -100."""
        return 10 * torch.log10((power @ self.melW).clamp(min=FLOOR))


def fourier_kernels(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Compute the real and imaginary parts (n/2+1,n) float32 of exp(-2 pi i k t / n) times the periodic Hann window."""
    time = np.arange(n)
    angle = -2 * np.pi / n * (np.outer(np.arange(n // 2 + 1), time) % n)  # the remainder keeps the angle exact
    window = 0.5 - 0.5 * np.cos(2 * np.pi * time / n)
    return (np.cos(angle) * window).astype(np.float32), (np.sin(angle) * window).astype(np.float32)


def slaney_mels(sample_rate: int, n_fft: int, n_mels: int, low: float, high: float) -> np.ndarray:
    """Compute the mel matrix (n_fft/2+1,n_mels) float32: triangles over Hz, each of unit area.

    Their corners are evenly spaced on Slaney's scale, which is linear (200/3 Hz per mel) up to 1 kHz and logarithmic
    (27 mels per factor 6.4) above.
    """
    knee, step = 15.0, float(np.log(6.4)) / 27  # mels at 1 kHz; natural logarithm of Hz per mel above it

    def to_mel(hz: float) -> float:
        return hz * 3 / 200 if hz < 1000 else knee + float(np.log(hz / 1000)) / step

    mels = np.linspace(to_mel(low), to_mel(high), n_mels + 2)
    corners = np.where(mels < knee, mels * 200 / 3, 1000 * np.exp((mels - knee) * step))
    bins = np.linspace(0, sample_rate / 2, n_fft // 2 + 1)[:, None]
    left, centre, right = corners[:-2], corners[1:-1], corners[2:]
    triangles = np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre)).clip(min=0)
    matrix: np.ndarray = (triangles * 2 / (right - left)).astype(np.float32)
    return matrix
