"""Keys and shapes of the published weights, written down from FACTS 1, 5 and 9 and torchvision's configuration D,
not from the project's classes; and files in these layouts that take no space."""

import hashlib
from collections.abc import Mapping

import torch

Layout = dict[str, tuple[int, ...]]


def digest(state: Mapping[str, torch.Tensor] | Layout) -> str:
    """sha256 of the sorted lines `key d0xd1x...`."""
    shapes = {key: value if isinstance(value, tuple) else tuple(value.shape) for key, value in state.items()}
    lines = [f"{key} {'x'.join(map(str, shape))}\n" for key, shape in sorted(shapes.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def elements(layout: Layout) -> int:
    return sum(torch.Size(shape).numel() for shape in layout.values())


def flat(layout: Layout, value: float = 0.5) -> dict[str, torch.Tensor]:
    """Tensors of these shapes, each of one stored number: a full-size file of a few kilobytes."""
    return {key: torch.full((1,) * max(len(shape), 1), value).expand(shape) for key, shape in layout.items()}


def dstformer(dim: int, ratio: int) -> Layout:
    """MotionBERT: dim_feat and mlp_ratio 512, 2 (full) or 256, 4 (lite)."""
    layout: Layout = {"temp_embed": (1, 243, 1, dim), "pos_embed": (1, 17, dim)}
    linear = {"joints_embed": (dim, 3), "pre_logits.fc": (512, dim), "head": (3, 512)}
    norms = ["norm"]
    for level in range(5):
        linear[f"ts_attn.{level}"] = (2, 2 * dim)
        for stream in ("st", "ts"):
            block = f"blocks_{stream}.{level}"
            for axis in "st":
                norms += [f"{block}.norm1_{axis}", f"{block}.norm2_{axis}"]
                linear[f"{block}.attn_{axis}.qkv"] = (3 * dim, dim)
                linear[f"{block}.attn_{axis}.proj"] = (dim, dim)
                linear[f"{block}.mlp_{axis}.fc1"] = (ratio * dim, dim)
                linear[f"{block}.mlp_{axis}.fc2"] = (dim, ratio * dim)
    for name, shape in linear.items():
        layout |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    for name in norms:
        layout |= {f"{name}.weight": (dim,), f"{name}.bias": (dim,)}
    return layout


def i3d(inputs: int = 3) -> Layout:
    """The released I3D, without counters: RGB (3 input channels) or optical flow (2)."""
    convolutions = {"Conv3d_1a_7x7": (64, inputs, 7), "Conv3d_2b_1x1": (64, 64, 1), "Conv3d_2c_3x3": (192, 64, 3)}
    table = (
        "3b 64 96 128 16 32 32", "3c 128 128 192 32 96 64", "4b 192 96 208 16 48 64", "4c 160 112 224 24 64 64",
        "4d 128 128 256 24 64 64", "4e 112 144 288 32 64 64", "4f 256 160 320 32 128 128",
        "5b 256 160 320 32 128 128", "5c 384 192 384 48 128 128",
    )  # fmt: skip
    before = 192
    for row in table:
        name, *channels = row.split()
        b0, b1a, b1b, b2a, b2b, b3b = map(int, channels)
        block = f"Mixed_{name}"
        convolutions |= {
            f"{block}.b0": (b0, before, 1),
            f"{block}.b1a": (b1a, before, 1),
            f"{block}.b1b": (b1b, b1a, 3),
            f"{block}.b2a": (b2a, before, 1),
            f"{block}.b2b": (b2b, b2a, 3),
            f"{block}.b3b": (b3b, before, 1),
        }
        before = b0 + b1b + b2b + b3b
    layout: Layout = {"logits.conv3d.weight": (400, 1024, 1, 1, 1), "logits.conv3d.bias": (400,)}
    for name, (outputs, into, kernel) in convolutions.items():
        layout[f"{name}.conv3d.weight"] = (outputs, into, kernel, kernel, kernel)
        for part in ("weight", "bias", "running_mean", "running_var"):
            layout[f"{name}.bn.{part}"] = (outputs,)
    return layout


def vgg16() -> Layout:
    """torchvision's VGG-16: configuration D, each convolution followed by a ReLU, pools between."""
    layout: Layout = {}
    index, before = 0, 3
    for widths in ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)):
        for width in widths:
            layout |= {f"features.{index}.weight": (width, before, 3, 3), f"features.{index}.bias": (width,)}
            index, before = index + 2, width
        index += 1
    for index, (outputs, inputs) in {0: (4096, 25088), 3: (4096, 4096), 6: (1000, 4096)}.items():
        layout |= {f"classifier.{index}.weight": (outputs, inputs), f"classifier.{index}.bias": (outputs,)}
    return layout


def lpips_heads() -> Layout:
    """LPIPS v0.1's heads for VGG-16."""
    return {f"lin{k}.model.1.weight": (1, width, 1, 1) for k, width in enumerate((64, 128, 256, 512, 512))}
