"""HSF-Encoder, the Hierarchical Slow-Fast Conditioning Encoder (paper 4.2).

A number in brackets, such as (5), marks the paper's equation. Shapes: B clips, N frames, P parts, d = `encoder.width`.
"""

import dataclasses
import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from pace.conditioning.alignment import resampling
from pace.pipeline.params import choice, limits

SEMANTIC_WIDTH = 512  # width of the motion encoder's embeddings E
MIN_DEVIATION = 1e-5  # floor in the z-score: a part that does not move gives zeros, not amplified noise
TIME_TOKENS = 32  # tokens of `pooling: sequence`: one per latent column


@dataclasses.dataclass(frozen=True)
class EncoderParams:
    """Section `encoder` of params.yaml."""

    width: int = limits(1)
    heads: int = limits(1)
    branches: str = choice("both", "slow", "fast")
    fusion: str = choice("gate", "concat")
    parts: str = choice("five", "whole")
    pooling: str = choice("mean", "sequence")
    residual: bool = choice(True, False)
    align: bool = choice(True, False)
    motion: bool = choice(True, False)
    visual: bool = choice(True, False)
    part_gate: bool = choice(True, False)
    energies: bool = choice(True, False)
    semantic: bool = choice(True, False)


class Conditions(NamedTuple):
    """Conditions of a batch of clips, in any floating type. The order of the parts is to, la, ra, ll, rl."""

    slow: torch.Tensor  # S: slow energy (B,N,5)
    fast: torch.Tensor  # F: fast energy (B,N,5)
    semantic: torch.Tensor  # E: motion embeddings (B,N,5,512)
    visual: torch.Tensor  # G: visual embeddings at the frames' times (B,N,D)


class Encoding(NamedTuple):
    """Output of the encoder: context tokens, frame sequence, and the gates for plots (None if the variant has none)."""

    tokens: torch.Tensor  # C: context of the cross-attention (B,T,C); T is 1 for `pooling: mean`
    frames: torch.Tensor | None  # frame sequence for `align` (B,N,F)
    gate_slow: torch.Tensor | None  # g^s of (5): (B,N,P), sums to 1 over the parts
    gate_fast: torch.Tensor | None  # g^f of (5): (B,N,P), sums to 1 over the parts
    alpha: torch.Tensor | None  # alpha of (6): (B,N,d), the share of the slow branch

    def masked(self, keep: torch.Tensor) -> "Encoding":
        """Replace tokens and frames by the null condition, zeros, where `keep` (B,) is 0."""
        keep = keep.to(self.tokens.dtype)[:, None, None]
        frames = None if self.frames is None else self.frames * keep
        return self._replace(tokens=self.tokens * keep, frames=frames)


def zscore(energy: torch.Tensor) -> torch.Tensor:
    """The z-score of (3): energies (B,N,P) normalised over the N frames, per clip and part."""
    deviation, mean = torch.std_mean(energy, dim=1, correction=0, keepdim=True)
    return (energy - mean) / deviation.clamp(min=MIN_DEVIATION)


def position_code(length: int, width: int) -> torch.Tensor:
    """Sinusoidal position code (length, width): sines in the even, cosines in the odd columns."""
    rates = torch.exp(-math.log(10_000) * torch.arange(0, width, 2) / width)
    angles = torch.arange(length)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :width]


class Branch(nn.Module):
    """The slow or the fast branch: energies query the semantic features, and part gates weight the sum, (3)-(5).

    `energies` false: the branch of an encoder without energies, in which the semantic features query themselves.
    """

    def __init__(self, width: int, heads: int, residual: bool, gate: bool = True, energies: bool = True) -> None:
        super().__init__()
        self.heads = heads
        self.residual = residual
        self.mlp = nn.Sequential(nn.Linear(1, width), nn.SiLU(), nn.Linear(width, width)) if energies else None
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.gate = nn.Linear(width, 1) if gate else None

    def forward(self, energy: torch.Tensor | None, semantic: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Energies (B,N,P) and projected semantics E' (B,N,P,d) -> H^s_n or H^f_n (B,N,d) and gates (B,N,P).

        Where one of them is None, the features of the other are queries, keys and values.
        Without part gates every part has the weight 1/P.
        """
        motion = semantic
        if self.mlp is not None and energy is not None:
            motion = self.mlp(zscore(energy)[..., None].to(self.query.weight.dtype))  # (3): S' or F' (B,N,P,d)
        if motion is None:
            raise ValueError("a branch of the encoder needs energies or semantic features")
        semantic = motion if semantic is None else semantic
        # (4) prints S' in the query of the fast branch too; we take that for a misprint and use F' there.
        attended = self.attend(self.query(motion), self.key(semantic), self.value(semantic))  # (4): H_p,n (B,N,P,d)
        if self.residual:
            attended = attended + motion
        if self.gate is None:
            gates = torch.full_like(attended[..., 0], 1 / attended.shape[2])
        else:
            gates = self.gate(attended).squeeze(-1).softmax(dim=-1)  # g_p,n of (5)
        return (gates[..., None] * attended).sum(dim=2), gates  # (5)

    def attend(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """MHA of (4): multi-head attention over the parts of each frame; all (B,N,P,d).

        Clips and frames are one axis: PyTorch's compiler rewrites attention over four axes, and fails at five.
        """
        size = (-1, query.shape[2], self.heads, query.shape[3] // self.heads)
        q, k, v = (x.reshape(size).transpose(1, 2) for x in (query, key, value))  # (B*N,heads,P,d/heads)
        attention = attend_by_sums if query.device.type == "cuda" else attend_by_products
        out: torch.Tensor = self.out(attention(q, k, v).transpose(1, 2).flatten(2).view(query.shape))
        return out


def attend_by_products(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Scaled dot-product attention by matrix products: q, k and v (B,heads,P,D) -> (B,heads,P,D)."""
    return (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).softmax(dim=-1) @ v


def attend_by_sums(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """The same by elementwise products and sums.

    On a GPU the compiler makes one pass over the memory of it. Attention kernels work on tiles of 64 or 128 positions,
    and would waste most of them on five parts.
    """
    scores = (q[..., :, None, :] * k[..., None, :, :]).sum(-1) / math.sqrt(q.shape[-1])
    return (scores.softmax(dim=-1)[..., None] * v[..., None, :, :]).sum(-2)


def branch_names(params: EncoderParams) -> tuple[str, ...]:
    """The branches of an encoder: slow, fast or both; the one branch of an encoder without energies is `semantic`."""
    if not params.motion:
        return ()
    if not params.energies:
        return ("semantic",)
    return ("slow", "fast") if params.branches == "both" else (params.branches,)


class HSFEncoder(nn.Module):
    """Energies S and F, semantics E and visual embeddings G -> context C = [H, G] and the frame sequence.

    `visual_width` is the width D of G; `frames` and `fps` are those of a clip.
    Raises ValueError for parameters that contradict each other.
    """

    pool: torch.Tensor
    position: torch.Tensor

    def __init__(self, params: EncoderParams, visual_width: int, frames: int, fps: float) -> None:
        super().__init__()
        for key, message, remedy in contradictions(params):
            raise ValueError(f"`encoder.{key}`: {message}: {remedy}")
        self.params = params
        width = params.width
        self.width = width * params.motion + visual_width * params.visual  # width of [H, G]
        self.context_width = self.width or width
        names = branch_names(params)
        if params.motion and params.semantic:
            self.norm = nn.LayerNorm(SEMANTIC_WIDTH)
            self.project = nn.Linear(SEMANTIC_WIDTH, width)
        if names:
            self.branches = nn.ModuleDict(
                {
                    name: Branch(width, params.heads, params.residual, params.part_gate, params.energies)
                    for name in names
                }
            )
        if len(names) == 2:
            self.fusion = nn.Linear(2 * width, width)
            self.fusion_norm = nn.LayerNorm(2 * width) if params.fusion == "gate" else nn.Identity()
        if params.pooling == "sequence":
            self.register_buffer("pool", resampling(TIME_TOKENS, frames, fps), persistent=False)
            self.register_buffer("position", position_code(TIME_TOKENS, self.context_width), persistent=False)

    def forward(self, conditions: Conditions) -> Encoding:
        """Encode a batch of clips. Without motion and visual features, the tokens are zeros.

        The results have the type of the encoder's weights, float32 if it has none.
        """
        gates: dict[str, torch.Tensor] = {}
        alpha, features = None, []
        if self.params.motion:
            hidden, gates, alpha = self.hidden(conditions)
            features.append(hidden)
        if self.params.visual:
            features.append(conditions.visual.to(features[0].dtype) if features else conditions.visual.float())
        if not features:
            tokens = conditions.slow.new_zeros(conditions.slow.shape[0], 1, self.context_width)
            return Encoding(tokens, None, None, None, None)
        sequence = torch.cat(features, dim=-1)  # [H_n, G] of every frame
        frames = sequence if self.params.align else None
        return Encoding(self.tokens(sequence), frames, gates.get("slow"), gates.get("fast"), alpha)

    def hidden(self, conditions: Conditions) -> tuple[torch.Tensor, dict[str, torch.Tensor], torch.Tensor | None]:
        """(2)-(7): H_n (B,N,d), the part gates by branch, and alpha."""
        energy = {"slow": conditions.slow.float(), "fast": conditions.fast.float()} if self.params.energies else {}
        semantic = conditions.semantic if self.params.semantic else None
        if self.params.parts == "whole":
            energy = {name: value.sum(dim=-1, keepdim=True) for name, value in energy.items()}
            semantic = None if semantic is None else semantic.mean(dim=2, keepdim=True)
        projected = None if semantic is None else self.project_semantic(semantic)  # (2)
        summed, gates = {}, {}
        for name, branch in self.branches.items():
            summed[name], gates[name] = branch(energy.get(name), projected)  # (3)-(5)
        if len(summed) == 1:
            return next(iter(summed.values())), gates, None
        slow, fast = summed["slow"], summed["fast"]
        fused = self.fusion(self.fusion_norm(torch.cat([slow, fast], dim=-1)))  # f(LN([H^s; H^f])) of (6)
        if self.params.fusion == "concat":
            return fused, gates, None
        alpha = fused.sigmoid()  # (6)
        # (7) as we read it: the paper prints (1 - alpha H^f), but calls alpha a balance of slow and fast.
        return alpha * slow + (1 - alpha) * fast, gates, alpha

    def project_semantic(self, semantic: torch.Tensor) -> torch.Tensor:
        """(2): E' = f(LN(E)), from (B,N,P,512) to (B,N,P,d).

        The norm's scale and shift are folded into the projection. The function is the same, but no gradient is
        computed at the width of 512, which would take half of the encoder's time.
        """
        weight = self.project.weight * self.norm.weight
        bias = self.project.weight @ self.norm.bias + self.project.bias
        normal = F.layer_norm(semantic.float(), self.norm.normalized_shape)
        return F.linear(normal.to(weight.dtype), weight, bias)

    def tokens(self, sequence: torch.Tensor) -> torch.Tensor:
        """Frame sequence (B,N,C) -> tokens (B,T,C): the mean over all frames (end of paper 4.2), or time tokens."""
        if self.params.pooling == "mean":
            return sequence.mean(dim=1, keepdim=True)
        return self.pool.to(sequence.dtype) @ sequence + self.position.to(sequence.dtype)


def contradictions(params: EncoderParams) -> Iterator[tuple[str, str, str]]:
    """Parameters that contradict each other: the key to look at, its value and what is wrong, and the remedy."""
    if params.width % params.heads:
        message = f"{params.heads}, which does not divide encoder.width {params.width}"
        yield "heads", message, "set one of them so that it does"
    if params.align and not (params.motion or params.visual):
        message = "true, but encoder.motion and encoder.visual are false"
        yield "align", message, "there is nothing to align: set it to false"
    if params.fusion == "concat" and params.branches != "both":
        message = f"concat, but encoder.branches is {params.branches}"
        yield "fusion", message, "there is nothing to fuse: set it to gate, or encoder.branches to both"
    if not params.motion:
        return
    if not (params.energies or params.semantic):
        message = "false, as is encoder.energies, but encoder.motion is true"
        yield "semantic", message, "set one of the two to true, or encoder.motion to false"
    elif not params.energies and params.branches != "both":
        message = f"{params.branches}, but encoder.energies is false"
        yield "branches", message, "without energies there are no slow and fast branches: set it to both"
    elif not params.energies and params.fusion == "concat":
        message = "concat, but encoder.energies is false"
        yield "fusion", message, "without energies there is one branch and nothing to fuse: set it to gate"
