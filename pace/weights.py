"""Weights files: one safe reader for every container, and one strict check against a network's keys and shapes."""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

SUFFIXES = (".pt", ".pth", ".bin", ".safetensors")
_SHOWN = 3  # faulty keys that a message names


class WeightsError(ValueError):
    """A weights file does not hold the expected network; the message names the file, the fault and the remedy."""


class MissingWeightsError(WeightsError, FileNotFoundError):
    """There is no such weights file."""


def read(
    path: Path | str, remedy: str, sections: tuple[str, ...] = (), numpy_values: bool = False
) -> dict[str, Tensor]:
    """The state dict in a weights file, on the CPU: safetensors, or torch.save's zip or older container.

    remedy: what the user can do, the end of every message.
    sections: names under which published checkpoints hold the weights beside epoch, optimizer and the like; the first
    that is there is taken, and a file without any of them must hold bare weights.
    numpy_values: also let NumPy arrays and scalars through, which some checkpoints have beside their weights.
    DataParallel's prefix `module.` is dropped. Pickled objects of any other kind are refused, so no code can run.
    Tensors may be mapped from the file: copy those that are to outlive it, as `load_strict` does.
    Raises WeightsError (MissingWeightsError without a file).
    """
    path = Path(path)
    if not path.is_file():
        what = "is a folder, not a weights file" if path.is_dir() else "no such weights file"
        raise MissingWeightsError(f"{path}: {what}; {remedy}")
    if (kind := not_weights(path)) is not None:
        raise WeightsError(f"{path}: {kind}; {remedy}")
    content = _load(path, remedy, numpy_values)
    for name in sections:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
            break
    if not isinstance(content, dict):
        raise WeightsError(f"{path}: holds {type(content).__name__}, not a plain state dict of tensors; {remedy}")
    others = [str(key) for key, value in content.items() if not isinstance(value, Tensor)]
    if others or not content:
        found = f"{_list(others)} no tensors" if others else "it is empty"
        raise WeightsError(f"{path}: not a plain state dict of tensors ({found}); {remedy}")
    return {str(key).removeprefix("module."): value for key, value in content.items()}


def not_weights(path: Path) -> str | None:
    """What a file is that came in place of a download: nothing, a Git LFS pointer, a web page. None where neither."""
    with open(path, "rb") as file:
        head = file.read(512)
    if not head:
        return "the file is empty, not a readable weights file"
    if head.startswith(b"version https://git-lfs"):
        size = re.search(rb"^size (\d+)", head, re.MULTILINE)
        of = f" to a file of {int(size[1]):,} bytes" if size else ""
        return f"a Git LFS pointer{of}, not the weights: run `git lfs pull` there or download the file itself"
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
    """Put `state` into `model`, which may lie on the meta device; return it frozen and in evaluation mode.

    Every key and shape must fit (see `check`); what may be lacking and is keeps the model's value. The values take
    the model's types. Raises WeightsError.
    """
    own = model.state_dict()
    check(state, own, path, network, remedy, may_lack)
    lacking = {key: torch.zeros_like(t, device="cpu") if t.is_meta else t for key, t in own.items() if key not in state}
    # Copies: what was read may be mapped from the file, which may change afterwards.
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
            warnings.simplefilter("ignore")  # what they warn of ends in an error that says the same
            # Mapped into memory, so that an optimizer's state, twice the size of the weights, is never read.
            return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
    except Exception as error:  # zip, pickle and safetensors each raise their own kinds
        fault = _fault(str(error) or type(error).__name__, path.stat().st_size)
    raise WeightsError(f"{path}: {fault}; {remedy}")


def _fault(message: str, size: int) -> str:
    refused = re.search(r"GLOBAL (\S+)", message)
    if refused:
        return f"holds {refused[1]}, a Python object other than tensors, refused because loading it could run code"
    if "TorchScript" in message:
        return "holds a TorchScript program, not a plain state dict of tensors"
    if "Unsupported operand 149" in message:  # the first code of protocol 4
        return "cannot be read as plain weights: pickled with another protocol than 2; torch.save it again without one"
    reason = message.partition("WeightsUnpickler error:")[2].strip() or message
    return f"not a readable weights file of {size:,} bytes, damaged or cut short ({reason.splitlines()[0].rstrip('.')})"


def _numpy_globals() -> list:
    """What unpickling NumPy arrays and scalars calls, under the names of NumPy 1 and 2: none runs foreign code."""
    import numpy as np
    from numpy._core import multiarray

    functions = (multiarray._reconstruct, multiarray.scalar)
    named = [(f, f"{module}.{f.__name__}") for f in functions for module in ("numpy.core.multiarray", f.__module__)]
    kinds = {type(np.dtype(code)) for code in "?bBhHiIlLqQefdgSU"}
    return [*named, np.ndarray, np.dtype, *sorted(kinds, key=lambda kind: kind.__name__)]


def _list(keys: list[str]) -> str:
    return ", ".join(keys[:_SHOWN]) + (", ..." if len(keys) > _SHOWN else "")
