"""I3D: the Inflated Inception-v1 network for video, with the published structure and state-dict keys (FACTS 5)."""

import functools
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pace import weights
from pace.weights import WeightsError

MIN_FRAMES = 9  # from fewer, less than the two time steps remain that the last pool averages
OFFICIAL_CLASSES = 400

# Inception blocks: channels of branch 0, branch 1 (reduce, 3x3x3), branch 2 (reduce, 3x3x3), branch 3 (after a pool).
MIXED = {
    "Mixed_3b": (64, 96, 128, 16, 32, 32),
    "Mixed_3c": (128, 128, 192, 32, 96, 64),
    "Mixed_4b": (192, 96, 208, 16, 48, 64),
    "Mixed_4c": (160, 112, 224, 24, 64, 64),
    "Mixed_4d": (128, 128, 256, 24, 64, 64),
    "Mixed_4e": (112, 144, 288, 32, 64, 64),
    "Mixed_4f": (256, 160, 320, 32, 128, 128),
    "Mixed_5b": (256, 160, 320, 32, 128, 128),
    "Mixed_5c": (384, 192, 384, 48, 128, 128),
}

Size = tuple[int, ...]  # time, height and width
_REMEDY = "use the published rgb_imagenet.pt (`python -m pace fetch i3d`) or the output of the stage pretrain_visual"


def same_padding(size: Size, kernel: Size, stride: Size) -> list[int]:
    """TensorFlow's SAME padding in the order of `F.pad` (last dimension first): the output is ceil(size/stride).

    Where the padding of a dimension is odd, its end gets the larger half.
    """
    pads: list[int] = []
    for length, k, s in zip(reversed(size), reversed(kernel), reversed(stride), strict=True):
        total = max((-(-length // s) - 1) * s + k - length, 0)
        pads += [total // 2, total - total // 2]
    return pads


def same_max_pool(x: Tensor, kernel: Size, stride: Size) -> Tensor:
    """Max pool of x (B,C,T,H,W), SAME-padded with zeros. All inputs come from a ReLU, so the zeros never win.

    Without gradients, it takes the maximum along one axis after the other: the same values, and the published network
    runs half as fast again on a CPU.
    """
    x = F.pad(x, same_padding(x.shape[2:], kernel, stride))
    if x.requires_grad:
        return F.max_pool3d(x, kernel, stride)
    for axis, (length, step) in enumerate(zip(kernel, stride, strict=True), start=2):
        x = functools.reduce(torch.maximum, x.unfold(axis, length, step).unbind(-1))
    return x


class Unit(nn.Module):
    """SAME-padded 3D convolution without bias, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(inputs, outputs, kernel, stride, bias=False)
        self.bn = nn.BatchNorm3d(outputs, eps=1e-3, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """Maps x (B,inputs,T,H,W) -> (B,outputs,T',H',W'), each side divided by the stride and rounded up."""
        pads = same_padding(x.shape[2:], self.conv3d.kernel_size, self.conv3d.stride)
        return F.relu(self.bn(self.conv3d(F.pad(x, pads))))


class Mixed(nn.Module):
    """Inception block: four branches over the same input, concatenated."""

    def __init__(self, inputs: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        c0, c1a, c1b, c2a, c2b, c3b = channels
        self.b0 = Unit(inputs, c0)
        self.b1a = Unit(inputs, c1a)
        self.b1b = Unit(c1a, c1b, 3)
        self.b2a = Unit(inputs, c2a)
        self.b2b = Unit(c2a, c2b, 3)
        self.b3b = Unit(inputs, c3b)
        self.outputs = c0 + c1b + c2b + c3b

    def forward(self, x: Tensor) -> Tensor:
        """Maps x (B,inputs,T,H,W) -> (B,outputs,T,H,W)."""
        pooled = same_max_pool(x, (3, 3, 3), (1, 1, 1))
        return torch.cat([self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(pooled)], dim=1)


class Logits(nn.Module):
    """The published classifier: a 1x1x1 convolution with bias."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(inputs, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Features x (B,inputs,T,H,W) -> class scores (B,classes,T,H,W)."""
        scores: Tensor = self.conv3d(x)
        return scores


class I3D(nn.Module):
    """Inflated Inception-v1.

    width: factor on every channel count, a multiple of 1/64; 1.0 is the published network with 1024 features.
    classes: outputs of the classifier, 400 in the published network.
    """

    Mixed_3b: Mixed
    Mixed_3c: Mixed
    Mixed_4b: Mixed
    Mixed_4c: Mixed
    Mixed_4d: Mixed
    Mixed_4e: Mixed
    Mixed_4f: Mixed
    Mixed_5b: Mixed
    Mixed_5c: Mixed

    def __init__(self, width: float = 1.0, classes: int = OFFICIAL_CLASSES) -> None:
        super().__init__()
        if width <= 0 or not float(width * 64).is_integer():
            raise ValueError(f"I3D width {width} is not a positive multiple of 1/64; use for example 0.125 or 1.0")

        def scaled(channels: int) -> int:
            return max(1, round(channels * width))

        self.Conv3d_1a_7x7 = Unit(3, scaled(64), 7, 2)
        self.Conv3d_2b_1x1 = Unit(scaled(64), scaled(64))
        self.Conv3d_2c_3x3 = Unit(scaled(64), scaled(192), 3)
        inputs = scaled(192)
        for name, channels in MIXED.items():
            block = Mixed(inputs, tuple(map(scaled, channels)))
            self.add_module(name, block)
            inputs = block.outputs
        self.logits = Logits(inputs, classes)
        self.width = width
        self.dim = inputs

    def _maps(self, x: Tensor) -> Tensor:
        """Feature maps (B,dim,ceil(T/8),ceil(H/32),ceil(W/32)) of x (B,3,T,H,W)."""
        x = self.Conv3d_1a_7x7(x)
        x = same_max_pool(x, (1, 3, 3), (1, 2, 2))
        x = self.Conv3d_2c_3x3(self.Conv3d_2b_1x1(x))
        x = same_max_pool(x, (1, 3, 3), (1, 2, 2))
        x = self.Mixed_3c(self.Mixed_3b(x))
        x = same_max_pool(x, (3, 3, 3), (2, 2, 2))
        x = self.Mixed_4f(self.Mixed_4e(self.Mixed_4d(self.Mixed_4c(self.Mixed_4b(x)))))
        x = same_max_pool(x, (2, 2, 2), (2, 2, 2))
        maps: Tensor = self.Mixed_5c(self.Mixed_5b(x))
        return maps

    def features(self, x: Tensor) -> Tensor:
        """Features (B,dim,T') of x (B,3,T,H,W), RGB in [-1,1]; T' = ceil(T/8) - 1.

        The published average pool [2,7,7], stride 1, shrinks to a smaller map (crops under 224); the several outputs
        for a larger map are averaged. Raises ValueError for fewer than 9 frames.
        """
        if x.shape[2] < MIN_FRAMES:
            raise ValueError(f"I3D needs at least {MIN_FRAMES} frames, got {x.shape[2]}; give a longer video")
        maps = self._maps(x)
        window = (2, min(7, maps.shape[3]), min(7, maps.shape[4]))
        return F.avg_pool3d(maps, window, stride=1).mean(dim=(3, 4))

    def forward(self, x: Tensor) -> Tensor:
        """Class scores (B,classes,T') of x (B,3,T,H,W), one set for each time step."""
        scores: Tensor = self.logits(self.features(x)[..., None, None])
        return scores[..., 0, 0]


def load(path: Path | str) -> I3D:
    """Load an I3D in evaluation mode from the released .pt file or a .safetensors file.

    Width and classes come from its tensors. The released file lacks the 57 `num_batches_tracked` counters, which
    inference does not use. Raises WeightsError for anything else that is missing, unknown or of a wrong shape.
    """
    state = weights.read(path, _REMEDY)
    stem, head = state.get("Conv3d_1a_7x7.conv3d.weight"), state.get("logits.conv3d.weight")
    if stem is None or head is None:
        first_keys = ", ".join(sorted(state)[:3])
        raise WeightsError(
            f"{path}: not the weights of an I3D: no Conv3d_1a_7x7.conv3d.weight and logits.conv3d.weight among its "
            f"keys ({first_keys}, ...); {_REMEDY}"
        )
    if stem.ndim != 5 or stem.shape[0] == 0 or head.ndim != 5:
        shapes = f"its stem is {tuple(stem.shape)}, its logits are {tuple(head.shape)}"
        raise WeightsError(f"{path}: not the weights of an I3D: {shapes}; {_REMEDY}")
    network = "an RGB I3D (this one takes optical flow)" if stem.shape[1] == 2 else "an I3D"
    with torch.device("meta"):
        model = I3D(width=stem.shape[0] / 64, classes=head.shape[0])
    weights.load_strict(model, state, path, network, _REMEDY, may_lack=(".num_batches_tracked",))
    return model
