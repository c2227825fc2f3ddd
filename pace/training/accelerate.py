"""Settings that make the networks fast on their device. They change the results by rounding at most.

docs/development.md, "Speed of the generator", has the measurements behind the choices.
"""

import contextlib
import importlib.util
import os
import shutil
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

TORCH = torch.__path__[0]  # the folder of PyTorch
PRECISIONS = ("auto", "float32", "bfloat16")

# Dense bfloat16 peaks of the makers' data sheets in FLOP/s, by a part of PyTorch's device name: the first match counts.
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
    """The compiler that `torch.compile` would use on the device; None if it is not installed or cannot work there.

    On the CPU it cannot link where the path of PyTorch has a space.
    """
    names: tuple[str | None, ...]
    if device.type == "cpu" and " " in TORCH:
        return None
    if device.type == "cuda":  # Triton builds its launchers with a C compiler
        usable = importlib.util.find_spec("triton") and _python_headers() and _new_enough(device)
        names = (os.environ.get("CC"), "gcc", "clang") if usable else ()
    else:
        names = (os.environ.get("CXX") or "g++",)  # as Inductor does
    installed = next((name for name in names if name and shutil.which(name)), None)
    return "triton" if installed and device.type == "cuda" else installed


def _python_headers() -> bool:
    """Whether Python.h is where Triton looks for it; a Python from a distribution's packages often comes without."""
    scheme = sysconfig.get_default_scheme()
    own = sysconfig.get_paths("posix_prefix" if scheme == "posix_local" else scheme)["include"]
    folders = [own, *(os.environ.get(name, "") for name in ("CPATH", "C_INCLUDE_PATH"))]
    return any(Path(folder, "Python.h").is_file() for folder in os.pathsep.join(folders).split(os.pathsep) if folder)


def _new_enough(device: torch.device) -> bool:
    """Whether Triton makes code for the GPU: from Volta on."""
    return torch.cuda.get_device_capability(device)[0] >= 7


def prepare(
    network: nn.Module,
    device: torch.device,
    compiled: bool | None = None,
    blocks: tuple[type[nn.Module], ...] = (),
) -> str:
    """Optimise a network in place for its device; parameters keep their names. Returns a description of what was done.

    - On a GPU: channels_last, TF32 for what is not in bfloat16, cuDNN's search, and `torch.compile` if there is Triton.
    - On the CPU: nothing. channels_last brings no speed-up there, and compilation only 4 % after minutes of compiling.

    `compiled`, if given, decides on the compilation instead. It goes block by block: the network's modules of the
    classes `blocks`, each kind and size once, however often it repeats; without `blocks`, the network as a whole.
    PACE_COMPILE=0 turns it off. Call this before making the optimiser.
    """
    done = []
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in PyTorch's stubs
        done.append("channels_last")
    if compiled is None:
        compiled = device.type == "cuda"
    backend = compiler(device) if compiled and wanted() else None
    if backend:
        _allow_many_sizes()
        # Inductor's own choice of channels_last makes the U-Net slower on the CPU than without compilation.
        options = {"layout_optimization": False} if device.type == "cpu" else None
        chosen = [module for module in network.modules() if isinstance(module, blocks)] if blocks else [network]
        for module in chosen:
            module.compile(dynamic=False, options=options)
        done.append(f"compiled with {backend}")
    return ", ".join(done) or "eager"


def wanted() -> bool:
    """Whether networks may be compiled and CUDA graphs recorded: not with PACE_COMPILE=0."""
    return os.environ.get("PACE_COMPILE", "1") != "0"


def _allow_many_sizes() -> None:
    """Let PyTorch compile one class for more sizes than it would: a U-Net has a dozen of its residual block."""
    import torch._dynamo

    torch._dynamo.config.recompile_limit = max(64, torch._dynamo.config.recompile_limit)


@contextlib.contextmanager
def not_compiled() -> Iterator[None]:
    """The context in which compiled networks run as they are written: for sizes that come once."""
    with torch.compiler.set_stance("force_eager"):
        yield


def differentiated_twice() -> contextlib.AbstractContextManager[None]:
    """The context in which compiled networks allow `retain_graph`: their backward passes then keep what they read."""
    import torch._functorch.config

    keeping: contextlib.AbstractContextManager[None] = torch._functorch.config.patch(donated_buffer=False)
    return keeping


def working_type(device: torch.device, precision: str = "auto") -> torch.dtype:
    """The type in which networks compute. `auto` is bfloat16 where the processor multiplies in it, else float32.

    Raises ValueError for an unknown precision.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision {precision!r} is unknown; use one of {', '.join(PRECISIONS)}")
    low = precision == "bfloat16" or (precision == "auto" and bfloat16_is_fast(device))
    return torch.bfloat16 if low else torch.float32


def bfloat16_is_fast(device: torch.device) -> bool:
    """Whether the processor multiplies in bfloat16. If it does not, bfloat16 is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return False
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def peak_flops(device: torch.device) -> float | None:
    """Dense bfloat16 peak of the device in FLOP/s; None if it is unknown."""
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    return next((peak for part, peak in PEAKS.items() if part in name), None)
