"""Weights files: a safe reader of every container, and a strict check against a network's keys and shapes."""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

SUFFIXES = (".pt", ".pth", ".bin", ".safetensors")
_SHOWN = 3  # the number of faulty keys that a message names


class WeightsError(ValueError):
    """A weights file does not hold the expected network. The message names the file, the fault and the remedy."""


class MissingWeightsError(WeightsError, FileNotFoundError):
    """There is no such weights file."""


def read(
    path: Path | str, remedy: str, sections: tuple[str, ...] = (), numpy_values: bool = False
) -> dict[str, Tensor]:
    """The state dict in a weights file, on the CPU: safetensors, or torch.save's zip or older container.

    remedy: what the user can do; it ends every message.
    sections: names under which checkpoints hold the weights next to the epoch, the optimizer and so on. The first one
    present is used; a file without any of them must hold the weights alone.
    numpy_values: also accept NumPy arrays and scalars, which some checkpoints hold next to their weights.

    DataParallel's prefix `module.` is dropped. Other pickled objects are refused, so no code can run.
    The tensors may be mapped from the file. Copy them if they must outlive it, as `load_strict` does.
    Raises WeightsError, and MissingWeightsError if there is no such file.
    """
    path = Path(path)
    if not path.is_file():
        fault = "is a folder, not a weights file" if path.is_dir() else "no such weights file"
        raise MissingWeightsError(f"{path}: {fault}; {remedy}")
    if (download_fault := not_weights(path)) is not None:
        raise WeightsError(f"{path}: {download_fault}; {remedy}")
    content = _load(path, remedy, numpy_values)
    for name in sections:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
            break
    if not isinstance(content, dict):
        raise WeightsError(f"{path}: holds {type(content).__name__}, not a plain state dict of tensors; {remedy}")
    others = [str(key) for key, value in content.items() if not isinstance(value, Tensor)]
    if others or not content:
        reason = f"{_list(others)} no tensors" if others else "it is empty"
        raise WeightsError(f"{path}: not a plain state dict of tensors ({reason}); {remedy}")
    return {str(key).removeprefix("module."): value for key, value in content.items()}


def not_weights(path: Path) -> str | None:
    """Recognise a failed download: an empty file, a Git LFS pointer or a web page; None for any other file."""
    with open(path, "rb") as file:
        head = file.read(512)
    if not head:
        return "the file is empty, not a readable weights file"
    if head.startswith(b"version https://git-lfs"):
        size = re.search(rb"^size (\d+)", head, re.MULTILINE)
        target = f" to a file of {int(size[1]):,} bytes" if size else ""
        return f"a Git LFS pointer{target}, not the weights: run `git lfs pull` there or download the file itself"
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return "a web page, not a readable weights file: the download did not give the file itself"
    return None


def check(
    state: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
    path: Path | str,
    network: str,
    remedy: str,
    may_lack: tuple[str, ...] = (),
) -> None:
    """Raise WeightsError unless `state` has exactly the keys and shapes of `expected` and finite values.

    network: what the file should hold, with its article ("an I3D"). may_lack: endings of keys that may be missing.
    """
    missing = [key for key in expected if key not in state and not key.endswith(may_lack)]
    unknown = [key for key in state if key not in expected]
    shapes = [
        f"{key} is {tuple(state[key].shape)}, expected {tuple(tensor.shape)}"
        for key, tensor in expected.items()
        if key in state and state[key].shape != tensor.shape
    ]
    named = (("missing", missing), ("unknown", unknown), ("of another shape", shapes))
    faults = [f"{len(keys)} key(s) {title}: {_list(keys)}" for title, keys in named if keys]
    faults += [
        f"{key} holds {state[key].dtype}, expected {tensor.dtype}"
        for key, tensor in expected.items()
        if key in state and state[key].is_floating_point() != tensor.is_floating_point()
    ][:_SHOWN]
    if not faults:
        broken = [key for key, tensor in state.items() if not torch.isfinite(tensor).all()]
        faults = [f"{len(broken)} tensor(s) with values that are not finite: {_list(broken)}"] if broken else []
    if faults:
        raise WeightsError(f"{path}: not the weights of {network}: {'; '.join(faults)}; {remedy}")


def load_strict(
    model: nn.Module,
    state: Mapping[str, Tensor],
    path: Path | str,
    network: str,
    remedy: str,
    may_lack: tuple[str, ...] = (),
) -> nn.Module:
    """Load `state` into `model`, which may be on the meta device. Returns the model, frozen and in evaluation mode.

    Every key and shape must match (see `check`). A tensor that may be and is missing keeps the model's value. The
    values are converted to the model's types. Raises WeightsError.
    """
    own = model.state_dict()
    check(state, own, path, network, remedy, may_lack)
    lacking = {key: torch.zeros_like(t, device="cpu") if t.is_meta else t for key, t in own.items() if key not in state}
    # Copies, because the tensors may be mapped from the file, which may change afterwards.
    values = {key: tensor.to(own[key].dtype, copy=True) for key, tensor in state.items()}
    model.load_state_dict(lacking | values, assign=True)
    return model.eval().requires_grad_(False)


def _load(path: Path, remedy: str, numpy_values: bool) -> object:
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        with open(path, "rb") as file:
            is_zip = file.read(4) == b"PK\x03\x04"
        with torch.serialization.safe_globals(_numpy_globals() if numpy_values else []), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an error follows that says the same
            # Mapped, so that an optimizer's state, twice the size of the weights, is never read.
            return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
    except Exception as error:  # zip, pickle and safetensors each raise errors of their own
        fault = _fault(str(error) or type(error).__name__, path.stat().st_size)
    raise WeightsError(f"{path}: {fault}; {remedy}")


def _fault(message: str, size: int) -> str:
    """A loader's error message in plain words."""
    refused = re.search(r"GLOBAL (\S+)", message)
    if refused:
        return f"holds {refused[1]}, a Python object other than tensors, refused because loading it could run code"
    if "TorchScript" in message:
        return "holds a TorchScript program, not a plain state dict of tensors"
    if "Unsupported operand 149" in message:  # the first code of protocol 4
        remedy = "save it again with torch.save's default protocol"
        return f"cannot be read as plain weights: pickled with a protocol other than 2; {remedy}"
    reason = message.partition("WeightsUnpickler error:")[2].strip() or message
    return f"not a readable weights file of {size:,} bytes, damaged or cut short ({reason.splitlines()[0].rstrip('.')})"


def _numpy_globals() -> list[Any]:
    """The functions and types that unpickling NumPy arrays and scalars needs, as NumPy 1 and 2 name them.

    None of them runs code from the file.
    """
    import numpy as np
    from numpy._core import multiarray

    functions = (multiarray._reconstruct, multiarray.scalar)
    named = [(f, f"{module}.{f.__name__}") for f in functions for module in ("numpy.core.multiarray", f.__module__)]
    kinds = {type(np.dtype(code)) for code in "?bBhHiIlLqQefdgSU"}
    return [*named, np.ndarray, np.dtype, *sorted(kinds, key=lambda kind: kind.__name__)]


def _list(keys: list[str]) -> str:
    return ", ".join(keys[:_SHOWN]) + (", ..." if len(keys) > _SHOWN else "")
