"""Transformer blocks of the U-Net, with the parameter names of diffusers' `Transformer2DModel`."""

import torch
import torch.nn.functional as F
from torch import nn


class Attention(nn.Module):
    """Multi-head attention of x (B,L,C) over `context` (B,T,K), or over x itself without one."""

    def __init__(self, channels: int, heads: int, context_width: int | None = None) -> None:
        super().__init__()
        self.heads = heads
        context_width = context_width or channels
        self.to_q = nn.Linear(channels, channels, bias=False)
        self.to_k = nn.Linear(context_width, channels, bias=False)
        self.to_v = nn.Linear(context_width, channels, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])

    def forward(self, x: torch.Tensor, context: torch.Tensor | None = None) -> torch.Tensor:
        """`x` (B,L,C), context (B,T,K) -> (B,L,C)."""
        context = x if context is None else context
        q, k, v = (
            y.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for y in (self.to_q(x), self.to_k(context), self.to_v(context))
        )
        out: torch.Tensor = self.to_out[0](F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return out

    def of_one_token(self, context: torch.Tensor) -> torch.Tensor:
        """Attention over a single token (B,1,K), the same at every position (B,1,C): a softmax over one key is 1."""
        out: torch.Tensor = self.to_out[0](self.to_v(context))
        return out


class GatedLinear(nn.Module):
    """Linear layer gated by GELU (GEGLU)."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.proj = nn.Linear(channels, 2 * hidden)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`x` (B,L,C) -> (B,L,hidden)."""
        value, gate = self.proj(x).chunk(2, dim=-1)
        gated: torch.Tensor = value * F.gelu(gate)
        return gated


class FeedForward(nn.Module):
    """The transformer block's feed-forward layers, four times as wide inside."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        # The identity takes the place of diffusers' dropout, so that the parameters have the same names.
        self.net = nn.ModuleList(
            [GatedLinear(channels, 4 * channels), nn.Identity(), nn.Linear(4 * channels, channels)]
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`x` (B,L,C) -> (B,L,C)."""
        for layer in self.net:
            x = layer(x)
        return x


class TransformerBlock(nn.Module):
    """Self-attention, cross-attention and feed-forward layers, each with a norm before it and a residual around it."""

    def __init__(self, channels: int, heads: int, context_width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attn1 = Attention(channels, heads)
        self.norm2 = nn.LayerNorm(channels)
        self.attn2 = Attention(channels, heads, context_width)
        self.norm3 = nn.LayerNorm(channels)
        self.ff = FeedForward(channels)

    def forward(self, x: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """`x` (B,L,C), context (B,T,K) -> (B,L,C)."""
        x = x + self.attn1(self.norm1(x))
        x = x + (self._one_token(context) if context.shape[1] == 1 else self.attn2(self.norm2(x), context))
        out: torch.Tensor = x + self.ff(self.norm3(x))
        return out

    def _one_token(self, context: torch.Tensor) -> torch.Tensor:
        """Cross-attention over a single token. It needs no queries and keys: their gradients are exactly zero.

        Sums over empty slices keep their weights in the graph, so that the optimiser and DDP see zeros and not
        missing gradients.
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
        """`x` (B,C,H,W), context (B,T,K) -> (B,C,H,W)."""
        height, width = x.shape[-2:]
        tokens: torch.Tensor = self.proj_in(self.norm(x)).flatten(2).transpose(1, 2)
        for block in self.transformer_blocks:
            tokens = block(tokens, context)
        update: torch.Tensor = self.proj_out(torch.unflatten(tokens.transpose(1, 2), 2, (height, width)))
        return x + update
