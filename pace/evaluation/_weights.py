"""Reading the weights of the audio networks: safe, whatever the container, and strict about keys and shapes."""

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy._core import multiarray
from torch import Tensor, nn

_SHOWN = 3  # faulty keys that a message names


class WeightsError(ValueError):
    """A weights file does not hold the expected network; the message names the file, the fault and the remedy."""


def read(
    path: Path | str, remedy: str, sections: tuple[str, ...] = (), numpy_values: bool = False
) -> dict[str, Tensor]:
    """The state dict in a file of torch.save (zip or older container) or safetensors, on the CPU.

    remedy: the end of every message. sections: names under which checkpoints hold the weights beside optimizer,
    sampler and the like; the first that is there is taken. numpy_values: let NumPy arrays and scalars through, which
    some checkpoints have beside their weights. DataParallel's prefix `module.` is dropped. No pickled code is run.
    Raises WeightsError.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"{path}: no such weights file; {remedy}")
    content = _load(path, remedy, numpy_values)
    for name in sections:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
            break
    if not isinstance(content, dict) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        raise WeightsError(f"{path}: not a plain state dict of tensors; {remedy}")
    return {str(key).removeprefix("module."): value for key, value in content.items()}


def check(
    state: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
    path: Path | str,
    network: str,
    remedy: str,
    may_lack: tuple[str, ...] = (),
) -> None:
    """Raise WeightsError unless `state` has exactly the keys and shapes of `expected`, and finite values.

    may_lack: endings of keys that may be missing.
    """
    shapes = [
        f"{key} is {tuple(state[key].shape)}, expected {tuple(tensor.shape)}"
        for key, tensor in expected.items()
        if key in state and state[key].shape != tensor.shape
    ]
    faults = {
        "missing": [key for key in expected if key not in state and not key.endswith(may_lack)],
        "unknown": [key for key in state if key not in expected],
        "of another shape": shapes,
    }
    if not any(faults.values()):
        faults = {"with values that are not finite": [k for k, v in state.items() if not torch.isfinite(v).all()]}
    if any(faults.values()):
        text = "; ".join(f"{len(keys)} key(s) {fault}: {_list(keys)}" for fault, keys in faults.items() if keys)
        raise WeightsError(f"{path}: not the weights of {network}: {text}; {remedy}")


def load_strict(
    model: nn.Module,
    state: Mapping[str, Tensor],
    path: Path | str,
    network: str,
    remedy: str,
    may_lack: tuple[str, ...] = (),
) -> nn.Module:
    """Put `state` into `model`, which may lie on the meta device, after `check`; frozen, in evaluation mode.

    What may be lacking and is keeps the model's value, or zero where the model has none.
    """
    own = model.state_dict()
    check(state, own, path, network, remedy, may_lack)
    lacking = {key: torch.zeros_like(t, device="cpu") if t.is_meta else t for key, t in own.items() if key not in state}
    # Copies: the file may be mapped into memory, and must be free to change afterwards.
    values = {key: tensor.to(own[key].dtype, copy=True) for key, tensor in state.items()}
    model.load_state_dict(lacking | values, assign=True)
    return model.eval().requires_grad_(False)


def _load(path: Path, remedy: str, numpy_values: bool) -> object:
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        with torch.serialization.safe_globals(_numpy_globals() if numpy_values else []):
            # Mapped, so that the optimizer's state, twice the size of the weights, is never read.
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # zip, pickle and safetensors each raise their own kinds
        refused = re.search(r"GLOBAL (\S+)", str(error))
        if refused:
            fault = f"holds {refused[1]}, a Python object other than tensors, refused because loading it could run code"
        else:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            fault = f"not a readable weights file ({reason})"
        raise WeightsError(f"{path}: {fault}; {remedy}") from None


def _numpy_globals() -> list:
    """What unpickling numeric arrays and scalars calls, under the names of NumPy 1 and 2; none runs foreign code."""
    functions = (multiarray._reconstruct, multiarray.scalar)
    modules = ("numpy.core.multiarray", "numpy._core.multiarray")
    named = [(function, f"{module}.{function.__name__}") for function in functions for module in modules]
    return [*named, np.ndarray, np.dtype, *{type(np.dtype(code)) for code in "?bBhHiIlLqQefd"}]


def _list(keys: list[str]) -> str:
    return ", ".join(keys[:_SHOWN]) + (", ..." if len(keys) > _SHOWN else "")
