"""VGGish: one embedding of 128 numbers per 0.96 s of audio, for the Fréchet audio distance (FACTS 9)."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pace import weights
from pace.media.resampling import mono_at

SAMPLE_RATE = 16000
WINDOW, HOP, N_FFT = 400, 160, 512  # samples: 25 ms, 10 ms
N_MELS, MEL_HZ = 64, (125.0, 7500.0)
LOG_OFFSET = 0.01
EXAMPLE = 96  # frames per example: 0.96 s, without overlap
SHORTEST = WINDOW + (EXAMPLE - 1) * HOP  # samples of one example: 0.975 s

CONVOLUTIONS = {0: 64, 3: 128, 6: 256, 8: 256, 11: 512, 13: 512}  # index in the published sequence -> channels
BEFORE_POOL = (0, 3, 8, 13)
BATCH = 16  # examples at a time, so that a long wave needs no more memory than a short one
_REMEDY = "give torchvggish's vggish-10086976.pth"


class VGGish(nn.Module):
    """The published network, with its 18 tensors and their names.

    width: factor on every channel count except the 128 of the embedding; 1.0 is the published network.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()

        def scaled(channels: int) -> int:
            return max(1, round(channels * width))

        self.features = nn.ModuleDict()
        inputs = 1
        for index, outputs in CONVOLUTIONS.items():
            self.features[str(index)] = nn.Conv2d(inputs, scaled(outputs), 3, padding=1)
            inputs = scaled(outputs)
        sizes = (scaled(512) * 6 * 4, scaled(4096), scaled(4096), 128)
        self.embeddings = nn.ModuleDict({str(2 * i): nn.Linear(sizes[i], sizes[i + 1]) for i in range(3)})

    def forward(self, examples: Tensor) -> Tensor:
        """Log-mel examples (n,96,64) -> embeddings (n,128), before the last ReLU and before PCA."""
        x = examples[:, None]
        for index in CONVOLUTIONS:
            x = F.relu(self.features[str(index)](x))
            if index in BEFORE_POOL:
                x = F.max_pool2d(x, 2)
        x = x.permute(0, 2, 3, 1).flatten(1)  # time, mel, channel: the order of the original TensorFlow network
        x = F.relu(self.embeddings["0"](x))
        embeddings: Tensor = self.embeddings["4"](F.relu(self.embeddings["2"](x)))
        return embeddings

    @torch.inference_mode()
    def embed(self, wave: np.ndarray, sample_rate: int) -> np.ndarray:
        """Embed a wave, (S,) or (C,S) in [-1,1], as (n,128) float32: one row per whole 0.96 s, so five for 5 s.

        Raises ValueError for a wave shorter than 0.975 s, for which the published code yields nothing.
        """
        examples = torch.from_numpy(log_mel_examples(mono_at(wave, sample_rate, SAMPLE_RATE)))
        device = next(self.parameters()).device
        embeddings: np.ndarray = (
            torch.cat([self(part.to(device)) for part in torch.split(examples, BATCH)]).cpu().numpy()
        )
        return embeddings


def log_mel_examples(wave: np.ndarray) -> np.ndarray:
    """Compute log(mel magnitude + 0.01) of a wave (S,) at 16 kHz: (n,96,64) float32, one example per whole 0.96 s.

    Raises ValueError for a wave shorter than one example, 0.975 s.
    """
    if len(wave) < SHORTEST:
        raise ValueError(
            f"VGGish needs {SHORTEST / SAMPLE_RATE} s of audio; the wave has {len(wave) / SAMPLE_RATE:.3f} s"
        )
    frames = np.lib.stride_tricks.sliding_window_view(wave.astype(np.float64), WINDOW)[::HOP]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    magnitude = np.abs(np.fft.rfft(frames * window, N_FFT))
    log_mel: np.ndarray = np.log(magnitude @ mel_matrix() + LOG_OFFSET)
    count = len(log_mel) // EXAMPLE
    return log_mel[: count * EXAMPLE].reshape(count, EXAMPLE, N_MELS).astype(np.float32)


def mel_matrix() -> np.ndarray:
    """Compute the mel matrix (257,64) float64: triangles of height 1 over HTK mels, not over Hz; all are above DC."""

    def to_mel(hz: npt.ArrayLike) -> np.ndarray:
        mels: np.ndarray = 1127 * np.log1p(np.asarray(hz) / 700)
        return mels

    low, high = to_mel(MEL_HZ)
    corners = np.linspace(low, high, N_MELS + 2)
    bins = to_mel(np.linspace(0, SAMPLE_RATE / 2, N_FFT // 2 + 1))[:, None]
    left, centre, right = corners[:-2], corners[1:-1], corners[2:]
    matrix: np.ndarray = np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre)).clip(min=0)
    return matrix


def load(path: Path | str) -> VGGish:
    """Load the published weights, a plain state dict of 18 tensors.

    Raises WeightsError for any other file.
    """
    state = weights.read(path, _REMEDY)
    with torch.device("meta"):
        model = VGGish()
    weights.load_strict(model, state, path, "VGGish", _REMEDY)
    return model
