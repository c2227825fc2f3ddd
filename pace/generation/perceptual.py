"""LPIPS, the learned perceptual distance (Zhang et al. 2018): VGG-16 features compared through linear heads.

Weights in the public layouts: torchvision's VGG-16 (`features.{i}.weight`, `.bias`; other keys are not used)
and the heads `lin{k}.model.1.weight` (1,C,1,1).
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Convolutions of VGG-16 by their index in torchvision's `features`, one tuple per resolution:
# (index, in, out). The last of each tuple gives the features that are compared (relu1_2 ... relu5_3).
VGG16 = (
    ((0, 3, 64), (2, 64, 64)),
    ((5, 64, 128), (7, 128, 128)),
    ((10, 128, 256), (12, 256, 256), (14, 256, 256)),
    ((17, 256, 512), (19, 512, 512), (21, 512, 512)),
    ((24, 512, 512), (26, 512, 512), (28, 512, 512)),
)
# Input scaling of LPIPS for images in [-1,1], per RGB channel.
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
SUFFIXES = (".pth", ".pt", ".bin", ".safetensors")


class Lpips(nn.Module):
    """Perceptual distance of mel images; frozen, gradients flow to the images only."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.ModuleDict(
            {str(index): nn.Conv2d(a, b, 3, padding=1) for stage in VGG16 for index, a, b in stage}
        )
        self.heads = nn.ParameterList([torch.zeros(1, stage[-1][2], 1, 1) for stage in VGG16])
        self.register_buffer("shift", torch.tensor(SHIFT).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(SCALE).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False)

    def forward(self, real: Tensor, fake: Tensor) -> Tensor:
        """Distance of each pair of mel images in [0,1], (B,1,H,W) twice -> (B,)."""
        total = torch.zeros(len(real), device=real.device)
        for head, a, b in zip(self.heads, self._vgg(real), self._vgg(fake), strict=True):
            total = total + (head * (_unit(a) - _unit(b)) ** 2).sum(dim=1).mean(dim=(1, 2))
        return total

    def _vgg(self, mel: Tensor) -> list[Tensor]:
        x = (mel.expand(-1, 3, -1, -1) * 2 - 1 - self.shift) / self.scale
        outputs = []
        for level, stage in enumerate(VGG16):
            if level:
                x = F.max_pool2d(x, 2)
            for index, _, _ in stage:
                x = F.relu(self.features[str(index)](x))
            outputs.append(x)
        return outputs


def _unit(features: Tensor) -> Tensor:
    """Features (B,C,h,w) scaled to unit length over C; an all-zero position stays zero, also in its gradient."""
    return features / torch.sqrt((features**2).sum(dim=1, keepdim=True) + 1e-20)


def load_lpips(folder: Path | str) -> Lpips | None:
    """LPIPS from a folder with the VGG-16 file and the heads' file, or None where the folder has no weights file.

    The files are told apart by their keys, so their names do not matter.
    Raises FileNotFoundError for a missing folder, ValueError for missing keys or wrong shapes, naming the file.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; train_vae.perceptual_weights is data/none when not given")
    files = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)
    if not files:
        return None
    found: dict[str, tuple[Path, dict[str, Tensor]]] = {}
    for path in files:
        state = _read(path)
        for kind, mark in (("VGG-16", "features."), ("LPIPS", "lin0.")):
            if any(key.startswith(mark) for key in state):
                found[kind] = (path, state)
    for kind, layout in (("VGG-16", "features.0.weight ..."), ("LPIPS", "lin0.model.1.weight ...")):
        if kind not in found:
            raise ValueError(f"{folder}: has {', '.join(p.name for p in files)} but no {kind} weights ({layout})")
    model = Lpips()
    for name, conv in model.features.items():
        for kind, target in (("weight", conv.weight), ("bias", conv.bias)):
            _fill(target, *found["VGG-16"], f"features.{name}.{kind}")
    for k, head in enumerate(model.heads):
        _fill(head, *found["LPIPS"], f"lin{k}.model.1.weight")
    return model.eval()


def _read(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(f"{path}: not a file of plain weights ({type(error).__name__}: {error})") from None


def _fill(target: Tensor, path: Path, state: dict[str, Tensor], key: str) -> None:
    if key not in state:
        raise ValueError(f"{path}: key {key} is missing; expected the public layout of the weights")
    if state[key].shape != target.shape:
        raise ValueError(f"{path}: {key} has shape {tuple(state[key].shape)}, expected {tuple(target.shape)}")
    with torch.no_grad():
        target.copy_(state[key])
