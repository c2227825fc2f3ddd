"""DSTformer, the dual-stream spatio-temporal transformer of MotionBERT: structure, state-dict keys and loading.

Follows FACTS 1. The published networks are `full` (dim_feat 512, mlp_ratio 2) and `lite` (256, 4).
"""

import functools
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pace import weights
from pace.weights import WeightsError

HEADS = 8
VARIANTS = {"full": {"dim_feat": 512, "mlp_ratio": 2}, "lite": {"dim_feat": 256, "mlp_ratio": 4}}
_COMMON = {"depth": 5, "dim_rep": 512, "maxlen": 243, "joints": 17}  # sizes of both published networks
_NORM_EPS = 1e-6
_REMEDY = "give MotionBERT's full or lite checkpoint (`python -m pace fetch`) or the stand-in that `dvc repro` trains"


class Attention(nn.Module):
    """Multi-head self-attention over the second to last axis."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens x (B,N,D) -> (B,N,D)."""
        batch, length, dim = x.shape
        qkv = self.qkv(x).view(batch, length, 3, self.heads, dim // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.proj(attended.transpose(1, 2).reshape(batch, length, dim))
        return out


class MLP(nn.Module):
    """Two linear layers with a GELU between them."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens x (...,D) -> (...,D)."""
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


class Block(nn.Module):
    """Attention and MLP over joints (s) and over time (t), pre-norm and residual, in either order."""

    def __init__(self, dim: int, mlp_ratio: int, heads: int, order: str) -> None:
        super().__init__()
        self.order = order
        self.norm1_s = nn.LayerNorm(dim, eps=_NORM_EPS)
        self.norm2_s = nn.LayerNorm(dim, eps=_NORM_EPS)
        self.attn_s = Attention(dim, heads)
        self.mlp_s = MLP(dim, mlp_ratio * dim)
        self.norm1_t = nn.LayerNorm(dim, eps=_NORM_EPS)
        self.norm2_t = nn.LayerNorm(dim, eps=_NORM_EPS)
        self.attn_t = Attention(dim, heads)
        self.mlp_t = MLP(dim, mlp_ratio * dim)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens x (B,F,J,D) of F frames and J joints -> (B,F,J,D)."""
        for axis in self.order:
            x = self._space(x) if axis == "s" else self._time(x)
        return x

    def _space(self, x: Tensor) -> Tensor:
        tokens: Tensor = x.flatten(0, 1)  # (B*F,J,D)
        tokens = tokens + self.attn_s(self.norm1_s(tokens))
        tokens = tokens + self.mlp_s(self.norm2_s(tokens))
        return tokens.view(x.shape)

    def _time(self, x: Tensor) -> Tensor:
        tokens: Tensor = x.transpose(1, 2).flatten(0, 1)  # (B*J,F,D)
        tokens = tokens + self.attn_t(self.norm1_t(tokens))
        tokens = tokens + self.mlp_t(self.norm2_t(tokens))
        return tokens.view(x.shape[0], x.shape[2], x.shape[1], x.shape[3]).transpose(1, 2)


class DSTformer(nn.Module):
    """Poses from keypoints, both (B,F,joints,3) with F <= maxlen, through a representation of dim_rep per joint."""

    def __init__(
        self,
        dim_feat: int,
        mlp_ratio: int,
        depth: int = 5,
        heads: int = HEADS,
        dim_rep: int = 512,
        maxlen: int = 243,
        joints: int = 17,
    ) -> None:
        super().__init__()
        self.maxlen, self.joints, self.dim_rep = maxlen, joints, dim_rep
        self.joints_embed = nn.Linear(3, dim_feat)
        self.pos_embed = nn.Parameter(torch.zeros(1, joints, dim_feat))
        self.temp_embed = nn.Parameter(torch.zeros(1, maxlen, 1, dim_feat))
        self.blocks_st = nn.ModuleList(Block(dim_feat, mlp_ratio, heads, "st") for _ in range(depth))
        self.blocks_ts = nn.ModuleList(Block(dim_feat, mlp_ratio, heads, "ts") for _ in range(depth))
        self.ts_attn = nn.ModuleList(nn.Linear(2 * dim_feat, 2) for _ in range(depth))
        self.norm = nn.LayerNorm(dim_feat, eps=_NORM_EPS)
        self.pre_logits = nn.ModuleDict({"fc": nn.Linear(dim_feat, dim_rep)})
        self.head = nn.Linear(dim_rep, 3)
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)
        for embedding in (self.pos_embed, self.temp_embed):
            nn.init.trunc_normal_(embedding, std=0.02)
        for fusion in self.ts_attn:  # both streams weigh the same at first
            assert isinstance(fusion, nn.Linear)
            nn.init.zeros_(fusion.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Keypoints x (B,F,17,3), channels x, y, confidence -> pose (B,F,17,3) in the scale of the input."""
        pose: Tensor = self.head(self.represent(x))
        return pose

    def represent(self, x: Tensor, joints: Sequence[int] | None = None, first: int = 0) -> Tensor:
        """Representation (B,F,J,dim_rep) in (-1,1), the layer before the head.

        x: (B,F,17,3), or with `joints` also (B,F,J,3) with those joints alone.
        joints: only the tokens of these joints go through the network, with their own positional embeddings.
        first: temporal position of frame 0.
        """
        chosen = list(range(self.joints)) if joints is None else list(joints)
        if x.shape[2] == self.joints:
            x = x[:, :, chosen]
        if x.shape[2] != len(chosen) or x.shape[3] != 3:
            raise ValueError(f"input of shape {tuple(x.shape)}; expected (B, F, {self.joints} or {len(chosen)}, 3)")
        if first + x.shape[1] > self.maxlen:
            raise ValueError(f"{x.shape[1]} frames from position {first} on; the network takes {self.maxlen}")
        x = self.joints_embed(x) + self.pos_embed[:, chosen] + self.temp_embed[:, first : first + x.shape[1]]
        for space_first, time_first, fusion in zip(self.blocks_st, self.blocks_ts, self.ts_attn, strict=True):
            from_st, from_ts = space_first(x), time_first(x)
            share = fusion(torch.cat([from_st, from_ts], dim=-1)).softmax(dim=-1)
            x = from_st * share[..., :1] + from_ts * share[..., 1:]
        return torch.tanh(self.pre_logits["fc"](self.norm(x)))


def load(path: Path | str, variant: str = "auto") -> DSTformer:
    """Load a DSTformer in evaluation mode from a safetensors file or a published checkpoint (.bin, .pt).

    variant: full, lite or auto; auto takes the sizes from the tensors. All variants have 8 heads.
    Raises WeightsError for an unreadable file or another network, MissingWeightsError where there is no file.
    """
    if variant not in (*VARIANTS, "auto"):
        raise ValueError(f"variant {variant!r} is unknown; use full, lite or auto")
    state = _backbone(weights.read(path, _REMEDY, sections=("model_pos", "model")))
    sizes = sizes_of(state, path)
    if variant != "auto" and sizes != VARIANTS[variant] | _COMMON:
        raise WeightsError(
            f"{path}: holds {describe(sizes)}, not the {variant} one ({_listed(VARIANTS[variant])}); "
            f"give the {variant} file, or load it with variant auto"
        )
    if sizes["joints"] != _COMMON["joints"]:
        raise WeightsError(
            f"{path}: a DSTformer for {sizes['joints']} joints; poses here have {_COMMON['joints']} (H36M); {_REMEDY}"
        )
    with torch.device("meta"):
        model = DSTformer(**sizes)
    weights.load_strict(model, state, path, "a DSTformer", _REMEDY)
    return model


def describe(sizes: dict[str, int]) -> str:
    """The network with these sizes in words: MotionBERT's full or lite one, or another, such as the stand-in."""
    for name, variant_sizes in VARIANTS.items():
        if sizes == variant_sizes | _COMMON:
            return f"the {name} network ({_listed(variant_sizes)})"
    differing = {key: value for key, value in sizes.items() if value != _COMMON.get(key)}
    return f"a network of other sizes than MotionBERT's ({_listed(differing)})"


def load_cached(path: Path | str) -> DSTformer:
    """`load(path)` on the GPU if there is one, kept in memory and read again when the file changes."""
    status = Path(path).stat() if Path(path).is_file() else None
    return _load_once(str(path), status and (status.st_mtime_ns, status.st_size))


@functools.lru_cache(maxsize=2)
def _load_once(path: str, _stamp: tuple[int, int] | None) -> DSTformer:
    return load(path).to("cuda" if torch.cuda.is_available() else "cpu")


def _backbone(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The `backbone.` of a network fine-tuned for another task; any other state dict as it is."""
    prefix = "backbone."
    backbone = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    return backbone or state


def sizes_of(state: dict[str, Tensor], path: Path | str) -> dict[str, int]:
    """The sizes of the DSTformer with this state dict. Raises WeightsError for another network's; path: its file."""
    try:
        dim = state["joints_embed.weight"].shape[0]
        sizes = {
            "dim_feat": dim,
            "mlp_ratio": state["blocks_st.0.mlp_s.fc1.weight"].shape[0] // dim,
            "depth": len({key.split(".")[1] for key in state if key.startswith("blocks_st.")}),
            "dim_rep": state["pre_logits.fc.weight"].shape[0],
            "maxlen": state["temp_embed"].shape[1],
            "joints": state["pos_embed"].shape[1],
        }
    except (KeyError, IndexError, ZeroDivisionError):
        first_key = next(iter(state), "none")
        raise WeightsError(
            f"{path}: not a DSTformer: no joints_embed, temp_embed, ... (its first key: {first_key}); {_REMEDY}"
        ) from None
    if dim % HEADS:
        raise WeightsError(f"{path}: dim_feat {dim} is not a multiple of the {HEADS} heads; {_REMEDY}")
    return sizes


def _listed(sizes: dict[str, int]) -> str:
    return ", ".join(f"{key} {value}" for key, value in sizes.items())
