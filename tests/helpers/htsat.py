"""LAION's audio branch computed plainly from the tensors of one of its files, for the tests of CLAP.

Written from the description of HTSAT (a Swin transformer over a folded log-mel image), apart from transformers' class.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW = 8


def embedding(state: dict[str, Tensor], log_mel: Tensor, heads: list[int], depths: list[int]) -> Tensor:
    """Unit vector (D,) float64 of one log-mel (1001,64), from `module.audio_branch.*`, `module.audio_projection.*`."""
    state = {key.removeprefix("module."): tensor.double() for key, tensor in state.items()}
    branch = {key.removeprefix("audio_branch."): t for key, t in state.items() if key.startswith("audio_branch.")}
    x = image(branch, log_mel.double())
    x = F.conv2d(x[None, None], branch["patch_embed.proj.weight"], branch["patch_embed.proj.bias"], stride=4)[0]
    x = norm(branch, "patch_embed.norm", x.permute(1, 2, 0))  # (64,64,C)
    for i, depth in enumerate(depths):
        for j in range(depth):
            x = block(branch, f"layers.{i}.blocks.{j}", x, heads[i], shift=WINDOW // 2 if j % 2 else 0)
        if i < len(depths) - 1:
            corners = [x[0::2, 0::2], x[1::2, 0::2], x[0::2, 1::2], x[1::2, 1::2]]
            x = norm(branch, f"layers.{i}.downsample.norm", torch.cat(corners, dim=-1))
            x = x @ branch[f"layers.{i}.downsample.reduction.weight"].T
    x = norm(branch, "norm", x).mean(dim=(0, 1))
    x = (state["audio_projection.0.weight"] @ x + state["audio_projection.0.bias"]).clamp(min=0)
    x = state["audio_projection.2.weight"] @ x + state["audio_projection.2.bias"]
    return x / x.square().sum().sqrt()


def image(branch: dict[str, Tensor], log_mel: Tensor) -> Tensor:
    """Batch norm of each mel, 1001 frames stretched to 1024, and their four quarters stacked: (256,256)."""
    mean, var, gain, bias = (branch[f"bn0.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
    x = (log_mel - mean) / torch.sqrt(var + 1e-5) * gain + bias
    x = F.interpolate(x[None, None], (1024, 64), mode="bicubic", align_corners=True)[0, 0]
    return torch.cat([quarter.T for quarter in x.split(256)])


def norm(branch: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    centred = x - x.mean(dim=-1, keepdim=True)
    scaled = centred / torch.sqrt(centred.square().mean(dim=-1, keepdim=True) + 1e-5)
    return scaled * branch[f"{name}.weight"] + branch[f"{name}.bias"]


def block(branch: dict[str, Tensor], name: str, x: Tensor, heads: int, shift: int) -> Tensor:
    """Swin block on x (H,W,C): attention inside windows of 8 x 8, which odd blocks shift by 4, then the MLP."""
    height, width = x.shape[:2]
    if height <= WINDOW:
        shift = 0
    index = torch.arange(height * width).view(height, width)
    # Tokens that a shifted window brings together from opposite borders do not see each other.
    region = (torch.arange(height) >= height - WINDOW).long() + (torch.arange(height) >= height - shift).long()
    region = (region[:, None] * 3 + region[None]).flatten() if shift else torch.zeros(height * width)
    tokens = norm(branch, f"{name}.norm1", x).flatten(0, 1)
    out = torch.zeros_like(tokens)
    rolled = index.roll((-shift, -shift), (0, 1))
    for top in range(0, height, WINDOW):
        for left in range(0, width, WINDOW):
            members = rolled[top : top + WINDOW, left : left + WINDOW].flatten()
            places = index[top : top + WINDOW, left : left + WINDOW].flatten()
            apart = region[places][:, None] != region[places][None]
            out[members] = attention(branch, f"{name}.attn", tokens[members], heads, apart)
    x = x + out.view(x.shape)
    y = norm(branch, f"{name}.norm2", x) @ branch[f"{name}.mlp.fc1.weight"].T + branch[f"{name}.mlp.fc1.bias"]
    y = y * 0.5 * (1 + torch.erf(y / 2**0.5))
    return x + y @ branch[f"{name}.mlp.fc2.weight"].T + branch[f"{name}.mlp.fc2.bias"]


def attention(branch: dict[str, Tensor], name: str, tokens: Tensor, heads: int, apart: Tensor) -> Tensor:
    """Attention among the tokens (64,C) of a window, with a bias by their offset."""
    qkv = tokens @ branch[f"{name}.qkv.weight"].T + branch[f"{name}.qkv.bias"]
    q, k, v = (part.view(len(tokens), heads, -1).transpose(0, 1) for part in qkv.chunk(3, dim=-1))
    place = torch.arange(WINDOW * WINDOW)
    rows = place[:, None] // WINDOW - place[None] // WINDOW + WINDOW - 1
    columns = place[:, None] % WINDOW - place[None] % WINDOW + WINDOW - 1
    bias = branch[f"{name}.relative_position_bias_table"][rows * (2 * WINDOW - 1) + columns].permute(2, 0, 1)
    weights = (q @ k.transpose(1, 2) * q.shape[-1] ** -0.5 + bias - 100.0 * apart).softmax(dim=-1)
    joined = (weights @ v).transpose(0, 1).flatten(1)
    return joined @ branch[f"{name}.proj.weight"].T + branch[f"{name}.proj.bias"]
