"""Recognise the network in a weights file by its keys and shapes, and an official file by its sha256."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from pace import weights
from pace.motion import dstformer
from pace.setup.fetch import sha256
from pace.setup.official import OFFICIAL, OfficialFile

_REMEDY = "fetch or train it again"


def official_file(path: Path) -> tuple[str, OfficialFile] | None:
    """The official file with the content of this one, and the name it is fetched by. None if it is not official."""
    size = path.stat().st_size
    files = [(name, file) for name, entry in OFFICIAL.items() for file in entry.files]
    likely = [(name, file) for name, file in files if file.sha256 and file.size in (None, size)]
    digest = sha256(path) if likely else None
    return next(((name, file) for name, file in likely if file.sha256 == digest), None)


def official_place(path: Path, folder: Path) -> tuple[str, OfficialFile] | None:
    """The official file that `fetch` puts at this path below `folder`, and its name, whatever the path holds."""
    files = ((name, file) for name, entry in OFFICIAL.items() for file in entry.files)
    return next(((name, file) for name, file in files if (folder / file.path).resolve() == path.resolve()), None)


def network(path: Path) -> tuple[str, str]:
    """Kind and description of the network in a file, for example ("I3D", "I3D of width 0.125, 10 classes").

    Kinds: DSTformer, I3D, VGGish, CNN14, CLAP, VGG-16, LPIPS heads, and ONNX for every ONNX file, which is not read.
    Raises WeightsError.
    """
    if path.suffix == ".onnx":
        if (kind := weights.not_weights(path)) is not None:
            raise weights.WeightsError(f"{path}: {kind}; {_REMEDY}")
        return "ONNX", f"ONNX, {path.stat().st_size / 1e6:,.1f} MB"
    sections = ("model_pos", "model", "state_dict")
    state = weights.read(path, _REMEDY, sections=sections, numpy_values=True)
    return _kind({key.removeprefix("backbone."): value for key, value in state.items()}, path)


def _kind(state: Mapping[str, Tensor], path: Path) -> tuple[str, str]:
    def shape(key: str) -> tuple[int, ...]:
        return tuple(state[key].shape) if key in state else ()

    stem = shape("Conv3d_1a_7x7.conv3d.weight")
    first = shape("features.0.weight")
    if "joints_embed.weight" in state:
        return "DSTformer", "DSTformer, " + dstformer.describe(dstformer.sizes_of(dict(state), path))
    if len(stem) == 5:
        stream = "" if stem[1] == 3 else ", of the optical flow stream"
        classes = (shape("logits.conv3d.weight") or (0,))[0]
        return "I3D", f"I3D of width {stem[0] / 64:g}, {classes} classes{stream}"
    if "lin0.model.1.weight" in state:
        return "LPIPS heads", "LPIPS heads"
    if first == (64, 1, 3, 3):
        return "VGGish", "VGGish"
    if first == (64, 3, 3, 3):
        return "VGG-16", "VGG-16"
    if any(key.startswith("spectrogram_extractor.") for key in state):
        return "CNN14", "PANNs network"
    if any(key.startswith(("audio_branch.", "audio_model.")) for key in state):
        return "CLAP", "CLAP"
    raise weights.WeightsError(f"{path}: not a network that PACE knows (its first key: {next(iter(state))}); {_REMEDY}")
