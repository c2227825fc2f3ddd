"""LPIPS, the learned perceptual distance (Zhang et al. 2018): VGG-16 features compared through linear heads.

It reads weights in the published layouts: torchvision's VGG-16 (`features.{i}.weight`, `.bias`; other keys are not
used) and LPIPS's heads `lin{k}.model.1.weight` (1,C,1,1).
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pace import weights
from pace.weights import WeightsError

# Convolutions of VGG-16 as (index in torchvision's `features`, channels in, channels out), one tuple per resolution.
# The features after each tuple's last convolution are compared (relu1_2 ... relu5_3).
VGG16 = (
    ((0, 3, 64), (2, 64, 64)),
    ((5, 64, 128), (7, 128, 128)),
    ((10, 128, 256), (12, 256, 256), (14, 256, 256)),
    ((17, 256, 512), (19, 512, 512), (21, 512, 512)),
    ((24, 512, 512), (26, 512, 512), (28, 512, 512)),
)
# LPIPS's input scaling of images in [-1,1], per RGB channel.
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
HEADS = tuple(f"lin{k}.model.1.weight" for k in range(len(VGG16)))
_REMEDY = "`python -m pace fetch vgg16 lpips` gets torchvision's vgg16-397923af.pth and LPIPS v0.1's vgg.pth"


class Lpips(nn.Module):
    """Perceptual distance of mel images. Its weights are frozen; gradients flow to the images only.

    VGG-16 computes in the type of its weights, `features`; distances are computed in float32.
    """

    shift: Tensor
    scale: Tensor

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
        """Distance (B,) between the mel images `real` and `fake` (B,1,H,W) in [0,1], pair by pair."""
        total = torch.zeros(len(real), device=real.device)
        for head, a, b in zip(self.heads, self._vgg(real), self._vgg(fake), strict=True):
            total = total + (head * (_unit(a) - _unit(b)) ** 2).sum(dim=1).mean(dim=(1, 2))
        return total

    def _vgg(self, mel: Tensor) -> list[Tensor]:
        """Features of mel images (B,1,H,W) at each of VGG-16's resolutions."""
        x = (mel.float().expand(-1, 3, -1, -1) * 2 - 1 - self.shift) / self.scale
        x = x.to(next(self.features.parameters()).dtype)
        outputs = []
        for level, stage in enumerate(VGG16):
            if level:
                x = F.max_pool2d(x, 2)
            for index, _, _ in stage:
                x = F.relu(self.features[str(index)](x))
            outputs.append(x)
        return outputs


def _unit(features: Tensor) -> Tensor:
    """Features (B,C,h,w) scaled to unit length over C, float32. Where all channels are 0, value and gradient stay 0."""
    features = features.float()
    return features / torch.sqrt((features**2).sum(dim=1, keepdim=True) + 1e-20)


def load_lpips(folder: Path | str) -> Lpips | None:
    """LPIPS from a folder that holds VGG-16's weights and LPIPS's heads; None if the folder holds no weights.

    The keys in a file tell which of the two it is, so file names do not matter. VGG-16's `classifier.` is not used.
    Raises FileNotFoundError for a missing folder and WeightsError, naming file and fault, for unusable weights.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder}: no such folder; to train without LPIPS, set train_vae.lpips_weights to data/none"
        )
    files = sorted(path for path in folder.iterdir() if path.suffix in weights.SUFFIXES)
    if not files:
        return None
    networks: dict[str, tuple[Path, dict[str, Tensor]]] = {}
    for path in files:
        state = weights.read(path, _REMEDY)
        for network, prefix in (("VGG-16", "features."), ("LPIPS", "lin0.")):
            if any(key.startswith(prefix) for key in state):
                if network in networks:
                    both = f"{networks[network][0].name} and {path.name} both hold {network} weights"
                    raise WeightsError(f"{folder}: {both}; keep one of them")
                networks[network] = (path, state)
    for network, layout in (("VGG-16", "features.0.weight ..."), ("LPIPS", "lin0.model.1.weight ...")):
        if network not in networks:
            names = ", ".join(path.name for path in files)
            raise WeightsError(f"{folder}: has {names} but no {network} weights ({layout}); {_REMEDY}")
    model = Lpips()
    path, state = networks["VGG-16"]
    convolutions = {f"features.{key}": tensor for key, tensor in model.features.state_dict().items()}
    used = {key: tensor for key, tensor in state.items() if not key.startswith("classifier.")}
    weights.check(used, convolutions, path, "VGG-16", _REMEDY)
    model.features.load_state_dict({key.removeprefix("features."): tensor for key, tensor in used.items()})
    path, state = networks["LPIPS"]
    weights.check(state, dict(zip(HEADS, model.heads, strict=True)), path, "LPIPS's heads for VGG-16", _REMEDY)
    model.heads = nn.ParameterList([state[key].to(torch.float32, copy=True) for key in HEADS])
    return model.eval().requires_grad_(False)
