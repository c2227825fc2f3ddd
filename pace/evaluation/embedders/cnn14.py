"""PANNs CNN14 at 32 kHz: one embedding of 2048 numbers per clip, for the Fréchet audio distance (FACTS 9)."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pace import weights
from pace.evaluation.embedders.logmel import N_MELS, LogMel, Spectrogram
from pace.media.resampling import mono_at

SAMPLE_RATE = 32000
HOP = 320
CHANNELS = (64, 128, 256, 512, 1024, 2048)
CLASSES = 527
SHORTEST = 31 * HOP  # samples: the five poolings by two need 32 frames
_REMEDY = "give PANNs' Cnn14_mAP=0.431.pth (32 kHz); its variants for 16 and 8 kHz and other networks do not fit"


class ConvBlock(nn.Module):
    """Two 3x3 convolutions, each with batch norm and ReLU, then an average pool."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.bn2 = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor, pool: int) -> Tensor:
        """Features (B,inputs,T,F) -> (B,outputs,T // pool,F // pool)."""
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return F.avg_pool2d(x, pool)


class Cnn14(nn.Module):
    """The published network for inference, with its tensors and their names, including the frozen front end.

    width: factor on every channel count except the 64 mels; 1.0 is the published network.
    """

    def __init__(self, width: float = 1.0, classes: int = CLASSES) -> None:
        super().__init__()
        channels = [round(count * width) for count in CHANNELS]
        self.spectrogram_extractor = Spectrogram(HOP)
        self.logmel_extractor = LogMel(SAMPLE_RATE)
        self.bn0 = nn.BatchNorm2d(N_MELS)
        for i, (inputs, outputs) in enumerate(zip([1, *channels], channels, strict=False), start=1):
            self.add_module(f"conv_block{i}", ConvBlock(inputs, outputs))
        self.fc1 = nn.Linear(channels[-1], channels[-1])
        self.fc_audioset = nn.Linear(channels[-1], classes)

    def forward(self, waves: Tensor) -> Tensor:
        """Waves (B,S) at 32 kHz -> embeddings (B,2048), after the ReLU of fc1."""
        x = self.logmel_extractor(self.spectrogram_extractor(waves))[:, None]  # (B,1,T,64)
        x = self.bn0(x.transpose(1, 3)).transpose(1, 3)  # normalised per mel band
        for i in range(1, 7):
            x = self.get_submodule(f"conv_block{i}")(x, pool=2 if i < 6 else 1)
        x = x.mean(dim=3)  # over frequency
        return F.relu(self.fc1(x.amax(dim=2) + x.mean(dim=2)))

    def scores(self, embeddings: Tensor) -> Tensor:
        """Compute the probabilities (B,527) of AudioSet's classes from embeddings (B,2048)."""
        return torch.sigmoid(self.fc_audioset(embeddings))

    @torch.inference_mode()
    def embed(self, wave: np.ndarray, sample_rate: int) -> np.ndarray:
        """Embed a whole wave, (S,) or (C,S) in [-1,1], as (1,2048) float32.

        Raises ValueError for a wave shorter than 0.31 s, which the published network cannot process.
        """
        samples = mono_at(wave, sample_rate, SAMPLE_RATE)
        if len(samples) < SHORTEST:
            raise ValueError(
                f"CNN14 needs {SHORTEST / SAMPLE_RATE} s of audio; the wave has {len(samples) / SAMPLE_RATE:.3f} s"
            )
        embedding: np.ndarray = self(torch.from_numpy(samples)[None].to(self.fc1.weight.device)).cpu().numpy()
        return embedding


def load(path: Path | str) -> Cnn14:
    """Load the published checkpoint ({'iteration', 'model', 'sampler'}) or its state dict alone.

    The front end's tensors are taken from the file. The sampler's NumPy arrays are accepted but ignored, and the batch
    counters, which inference does not use, may be missing. Raises WeightsError for any other file.
    """
    state = weights.read(path, _REMEDY, sections=("model",), numpy_values=True)
    with torch.device("meta"):
        model = Cnn14()
    weights.load_strict(model, state, path, "PANNs CNN14", _REMEDY, may_lack=("num_batches_tracked",))
    return model
