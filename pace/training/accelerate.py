"""What makes the networks fast on the device at hand; nothing here changes what they compute beyond rounding.

The measurements behind the choices are in docs/development.md, "Speed of the generator".
"""

import importlib.util
import os
import shutil

import torch
from torch import nn

PRECISIONS = ("auto", "float32", "bfloat16")

# Dense bfloat16 peaks of the makers' data sheets in FLOP/s, by a part of the name that PyTorch reports; first match.
PEAKS = {
    "B200": 2250e12,
    "H200": 989e12,
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "A6000": 155e12,
    "RTX 4090": 165e12,
    "RTX 3090": 71e12,
}


def compiler(device: torch.device) -> str | None:
    """What `torch.compile` would generate code with on the device; None where it is not found."""
    if device.type == "cuda":  # Triton builds its launchers with a C compiler
        names = (os.environ.get("CC"), "gcc", "clang") if importlib.util.find_spec("triton") else ()
    else:
        names = (os.environ.get("CXX") or "g++",)  # as Inductor
    found = next((name for name in names if name and shutil.which(name)), None)
    return "triton" if found and device.type == "cuda" else found


def prepare(network: nn.Module, device: torch.device, compiled: bool | None = None) -> str:
    """Make a network on `device` fast, in place; parameters and their names stay. Returns what was done.

    On a GPU: channels_last, TF32 for what is not in bfloat16, cuDNN's search, and `torch.compile` if Triton is there.
    On the CPU nothing by default: channels_last gained nothing, compilation 4 % for minutes of compiling.
    `compiled` true or false decides on the compilation instead. Call it before the optimiser is made, and before DDP.
    """
    done = []
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")
        network.to(memory_format=torch.channels_last)
        done.append("channels_last")
    if compiled is None:
        compiled = device.type == "cuda"
    found = compiler(device) if compiled else None
    if found:
        # Inductor's own choice of channels_last made the U-Net slower on the CPU than it is uncompiled.
        options = {"layout_optimization": False} if device.type == "cpu" else None
        network.compile(dynamic=False, options=options)
        done.append(f"compiled with {found}")
    return ", ".join(done) or "eager"


def autocast(device: torch.device, precision: str = "auto") -> torch.autocast:
    """The context of forward passes: `auto` is bfloat16 on a GPU and float32 on the CPU, whose results it decides."""
    if precision not in PRECISIONS:
        raise ValueError(f"precision {precision!r} is unknown; use one of {', '.join(PRECISIONS)}")
    low = precision == "bfloat16" or (precision == "auto" and device.type == "cuda")
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=low)


def bfloat16_is_fast(device: torch.device) -> bool:
    """Whether the processor multiplies in bfloat16; where it does not, bfloat16 is slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    known = torch.cpu.get_capabilities()
    return bool(known.get("avx512_bf16") or known.get("amx_bf16"))


def peak_flops(device: torch.device) -> float | None:
    """Dense bfloat16 FLOP/s of the device; None where it is not known."""
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    return next((peak for part, peak in PEAKS.items() if part in name), None)
