"""Trained models on disk: weights as safetensors, and config.json next to them, from which the networks are built."""

import json
from pathlib import Path
from typing import Any, TypeVar

import torch

Module = TypeVar("Module", bound=torch.nn.Module)


def save_model(path: Path | str, state_dict: dict[str, torch.Tensor]) -> None:
    """Write the tensors of a state dict to a safetensors file. Equal tensors give equal bytes."""
    from safetensors.torch import save_file

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: tensor.detach().cpu().contiguous() for key, tensor in state_dict.items()}, path)


def load_model(path: Path | str) -> dict[str, torch.Tensor]:
    """Read a safetensors file into a state dict on the CPU.

    Raises FileNotFoundError or ValueError naming the file and the remedy.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such weights file; run the stage that trains it (dvc repro)")
    try:
        state: dict[str, torch.Tensor] = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path}: not a safetensors file ({error}); delete it and train again") from None
    return state


def load_weights(module: Module, path: Path | str) -> Module:
    """Load the weights of `path` into `module`, and return it in evaluation mode.

    Raises ValueError naming the file and the first keys or shapes that do not match.
    """
    state, own = load_model(path), module.state_dict()
    missing = sorted(set(own) - set(state))
    unexpected = sorted(set(state) - set(own))
    if missing or unexpected:
        raise ValueError(
            f"{path} does not fit {type(module).__name__}: {len(missing)} keys missing {missing[:3]}, "
            f"{len(unexpected)} unexpected {unexpected[:3]}; its config.json must be the one it was trained with"
        )
    for key, tensor in own.items():
        if tensor.shape != state[key].shape:
            raise ValueError(
                f"{path}: {key} has shape {tuple(state[key].shape)}, {type(module).__name__} needs "
                f"{tuple(tensor.shape)}; its config.json must be the one it was trained with"
            )
    module.load_state_dict(state)
    return module.eval()


def write_config(folder: Path | str, config: dict[str, Any]) -> None:
    """Write `config` (JSON-able) to folder/config.json, keys sorted."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def read_config(folder: Path | str) -> dict[str, Any]:
    """Read folder/config.json. Raises FileNotFoundError or ValueError naming the file and the remedy."""
    path = Path(folder) / "config.json"
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such file; run the stage that trains the model (dvc repro)") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: not valid JSON ({error}); train the model again") from None
    return config
