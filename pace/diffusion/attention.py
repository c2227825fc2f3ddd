"""Transformer blocks of the U-Net, with the parameter names of diffusers' `Transformer2DModel`."""

import torch
import torch.nn.functional as F
from torch import nn


class Attention(nn.Module):
    """Multi-head attention of x (B,L,C) over `context` (B,T,K), or over itself."""

    def __init__(self, channels: int, heads: int, context_width: int | None = None) -> None:
        super().__init__()
        self.heads = heads
        context_width = context_width or channels
        self.to_q = nn.Linear(channels, channels, bias=False)
        self.to_k = nn.Linear(context_width, channels, bias=False)
        self.to_v = nn.Linear(context_width, channels, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])

    def forward(self, x: torch.Tensor, context: torch.Tensor | None = None) -> torch.Tensor:
        context = x if context is None else context
        q, k, v = (
            y.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for y in (self.to_q(x), self.to_k(context), self.to_v(context))
        )
        return self.to_out[0](F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))

    def of_one_token(self, context: torch.Tensor) -> torch.Tensor:
        """What attention over a single token (B,1,K) returns at each position (B,1,C): softmax over one key is 1."""
        return self.to_out[0](self.to_v(context))


class GatedLinear(nn.Module):
    """Linear layer gated by GELU (GEGLU)."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.proj = nn.Linear(channels, 2 * hidden)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        value, gate = self.proj(x).chunk(2, dim=-1)
        return value * F.gelu(gate)


class FeedForward(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        # The identity stands where diffusers has its dropout, which is 0 here.
        self.net = nn.ModuleList(
            [GatedLinear(channels, 4 * channels), nn.Identity(), nn.Linear(4 * channels, channels)]
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.net:
            x = layer(x)
        return x


class TransformerBlock(nn.Module):
    """Self-attention, cross-attention and feed-forward, each pre-norm residual."""

    def __init__(self, channels: int, heads: int, context_width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attn1 = Attention(channels, heads)
        self.norm2 = nn.LayerNorm(channels)
        self.attn2 = Attention(channels, heads, context_width)
        self.norm3 = nn.LayerNorm(channels)
        self.ff = FeedForward(channels)

    def forward(self, x: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        x = x + self.attn1(self.norm1(x))
        x = x + (self._one_token(context) if context.shape[1] == 1 else self.attn2(self.norm2(x), context))
        return x + self.ff(self.norm3(x))

    def _one_token(self, context: torch.Tensor) -> torch.Tensor:
        """Cross-attention over a single token without queries and keys, whose gradients are exactly zero.

        Sums over empty slices keep their weights in the graph: the optimiser and DDP see zeros, not missing gradients.
        """
        idle = (*self.norm2.parameters(), self.attn2.to_q.weight, self.attn2.to_k.weight)
        return self.attn2.of_one_token(context) + sum(weights[:0].sum() for weights in idle)


class SpatialTransformer(nn.Module):
    """A transformer block over the positions of a feature map (B,C,H,W)."""

    def __init__(self, channels: int, heads: int, groups: int, context_width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, channels, eps=1e-6)
        self.proj_in = nn.Conv2d(channels, channels, 1)
        self.transformer_blocks = nn.ModuleList([TransformerBlock(channels, heads, context_width)])
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        height, width = x.shape[-2:]
        tokens = self.proj_in(self.norm(x)).flatten(2).transpose(1, 2)
        for block in self.transformer_blocks:
            tokens = block(tokens, context)
        return x + self.proj_out(tokens.transpose(1, 2).unflatten(2, (height, width)))
