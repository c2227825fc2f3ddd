"""Frame features aligned with the U-Net's time columns (ours, not the paper's; `encoder.align`).

The paper's single context token cannot tell when something happens. Here the encoder's frame sequence is averaged
over the time that each latent column covers, and added to that column inside the residual blocks.
"""

import itertools

import torch
import torch.nn.functional as F
from torch import nn

from pace.clip import HOP, N_FRAMES, SAMPLE_RATE

HOP_SECONDS = HOP / SAMPLE_RATE  # mel frame j is centred at j * HOP_SECONDS


def resampling(bins: int, frames: int, fps: float) -> torch.Tensor:
    """Weights (bins, frames) that average video frames over equal time bins of the mel image; each row sums to 1.

    Bin b covers mel frames [b, b + 1) * 256 / bins, where mel frame j covers half a hop on either side of its centre.
    Video frame i covers half a frame on either side of i / fps; the first and last frames extend to the ends.
    """
    bin_edges = (torch.arange(bins + 1, dtype=torch.float64) * N_FRAMES / bins - 0.5) * HOP_SECONDS
    frame_edges = (torch.arange(frames + 1, dtype=torch.float64) - 0.5) / fps
    frame_edges[0] = torch.minimum(frame_edges[0], bin_edges[0])
    frame_edges[-1] = torch.maximum(frame_edges[-1], bin_edges[-1])
    low = torch.maximum(bin_edges[:-1, None], frame_edges[None, :-1])
    high = torch.minimum(bin_edges[1:, None], frame_edges[None, 1:])
    overlap = (high - low).clamp(min=0)
    return (overlap / overlap.sum(dim=1, keepdim=True)).float()


class Alignment(nn.Module):
    """Frame features (B,N,F) -> one addend (B,C,1,W) for every residual block.

    `blocks` lists (columns W, channels C) of the residual blocks. Each column of the finest level is divided into
    `bins` time bins. 1-D convolutions run over the bins; then a column's bins become channels, which keeps the
    position of an accent inside the column. Coarser levels first average neighbouring bins. `bins` 1 is plain average
    pooling over the columns.
    """

    weights: torch.Tensor

    def __init__(
        self,
        frame_width: int,
        blocks: list[tuple[int, int]],
        width: int,
        layers: int,
        kernel: int,
        bins: int,
        frames: int,
        fps: float,
    ) -> None:
        super().__init__()
        self.bins = bins
        self.columns = [columns for columns, _ in blocks]
        self.register_buffer("weights", resampling(max(self.columns) * bins, frames, fps), persistent=False)
        widths = [frame_width] + [width] * layers
        self.convolutions = nn.ModuleList(
            nn.Conv1d(a, b, kernel, padding=kernel // 2) for a, b in itertools.pairwise(widths)
        )
        self.projections = nn.ModuleList(nn.Conv1d(width * bins, channels, 1) for _, channels in blocks)

    def forward(self, frames: torch.Tensor) -> list[torch.Tensor]:
        """The addends of the residual blocks, in the order of `blocks`."""
        x = (self.weights.to(frames.dtype) @ frames).transpose(1, 2)
        for convolution in self.convolutions:
            x = F.silu(convolution(x))
        levels = {columns: self._fold(x, columns) for columns in sorted(set(self.columns))}
        pairs = zip(self.projections, self.columns, strict=True)
        return [projection(levels[columns])[:, :, None, :] for projection, columns in pairs]

    def _fold(self, x: torch.Tensor, columns: int) -> torch.Tensor:
        """Bins of the finest level as channels of `columns` columns: (B,C,finest bins) -> (B,C*bins,columns)."""
        batch, channels, length = x.shape
        x = x.view(batch, channels, columns, self.bins, length // (columns * self.bins)).mean(dim=-1)
        return x.transpose(2, 3).reshape(batch, channels * self.bins, columns)
