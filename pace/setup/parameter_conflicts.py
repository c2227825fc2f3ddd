"""Settings of params.yaml that conflict with each other although each of them is valid."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pace.pipeline.params import ParamsError, section

NOT_SET = "data/none"
SYNTHETIC = "data/synthetic"
DECODED = "data/decoded"


@dataclass(frozen=True)
class Conflict:
    """A conflict between settings.

    stops: whether a stage fails because of it. key: the parameter to look at. message: its value and what is wrong.
    remedy: what to change, or what follows.
    """

    stops: bool
    key: str
    message: str
    remedy: str


def find_conflicts(root: Path, values: Mapping[str, Any]) -> Iterator[Conflict]:
    """Look for conflicts among the parameters (`section.key` -> value) of the project at `root`."""
    yield from _dataset_conflicts(root, values)
    yield from _keypoint_conflicts(root, values)
    yield from _network_conflicts(values)
    yield from _launcher_conflicts(values)


def _dataset_conflicts(root: Path, values: Mapping[str, Any]) -> Iterator[Conflict]:
    annotations, lists = str(values.get("dataset.annotations")), str(values.get("dataset.split_lists"))
    if values.get("dataset.name") == "aistpp" and lists == NOT_SET:
        if annotations == NOT_SET:
            message = "not set, so dataset.name: aistpp has no splits"
            remedy = "set it to AIST++'s annotation folder, or dataset.split_lists to D2M-GAN's lists"
            yield Conflict(True, "dataset.annotations", message, remedy)
        elif (root / annotations).is_dir() and not (root / annotations / "splits").is_dir():
            remedy = "use AIST++'s annotation folder as it is published"
            yield Conflict(True, "dataset.annotations", f"{annotations} has no folder splits", remedy)
    if values.get("lift.source") == "aistpp" and annotations == NOT_SET:
        remedy = "set dataset.annotations to AIST++'s annotation folder"
        yield Conflict(True, "lift.source", "aistpp, but dataset.annotations is not set", remedy)
    truth = str(values.get("dataset.truth"))
    if truth.startswith(SYNTHETIC) and not str(values.get("dataset.root")).startswith(SYNTHETIC):
        remedy = f"`dvc repro` would render the synthetic dataset needlessly; set it to {NOT_SET}"
        yield Conflict(False, "dataset.truth", f"{truth} is the truth of another dataset", remedy)


def _keypoint_conflicts(root: Path, values: Mapping[str, Any]) -> Iterator[Conflict]:
    """keypoints.source must hold what the backend reads. A folder that is not there yet cannot be judged."""
    backend, source, key = values.get("keypoints.backend"), str(values.get("keypoints.source")), "keypoints.source"
    folder = root / source
    exists = folder.is_dir()
    if backend == "alphapose" and (source == DECODED or (exists and not any(folder.glob("*.json")))):
        yield Conflict(True, key, f"{source} has no result files", "set it to the folder of {video_id}.json files")
    elif backend == "aistpp" and (source == DECODED or (exists and not (folder / "keypoints2d").is_dir())):
        yield Conflict(True, key, f"{source} has no folder keypoints2d", "set it to AIST++'s annotation folder")
    elif backend in ("mediapipe", "rtmpose") and exists and source != DECODED and not any(folder.glob("*.mp4")):
        yield Conflict(True, key, f"{source} has no mp4 files", f"set it to {DECODED} for keypoints.backend: {backend}")
    if backend == "rtmpose":
        for file in ("keypoints.rtmpose_det", "keypoints.rtmpose_pose"):
            if str(values.get(file)) == NOT_SET:
                follows = "rtmlib downloads its own ONNX file on first use; without a network the stage fails"
                yield Conflict(False, file, "not set", f"{follows} (`python -m pace fetch rtmpose`)")


def _network_conflicts(values: Mapping[str, Any]) -> Iterator[Conflict]:
    guidance, drop = values.get("sample.guidance"), values.get("train_diffusion.drop")
    if guidance is not None and guidance != 1 and drop == 0:
        remedy = "guidance needs a model trained without conditions too: set it to 1, or train_diffusion.drop to 0.1"
        yield Conflict(True, "sample.guidance", f"{guidance:g}, but train_diffusion.drop is 0", remedy)
    start, steps = values.get("train_vae.discriminator_start"), values.get("train_vae.steps")
    feature_matching = (
        values.get("train_vae.perceptual_weight") and str(values.get("train_vae.lpips_weights")) == NOT_SET
    )
    adversarial = values.get("train_vae.adversarial_weight") or feature_matching
    if adversarial and start is not None and steps is not None and start >= steps:
        remedy = "the adversarial loss would never start: lower it, or set the weights of the losses that need it to 0"
        yield Conflict(True, "train_vae.discriminator_start", f"{start}, but train_vae.steps is {steps}", remedy)
    yield from _encoder_conflicts(values)


def _encoder_conflicts(values: Mapping[str, Any]) -> Iterator[Conflict]:
    """What the encoder refuses, and energies without effect. `check` names keys that are missing or invalid."""
    from pace.conditioning.hsf_encoder import EncoderParams, contradictions  # PyTorch takes seconds to import

    own = {key.removeprefix("encoder."): value for key, value in values.items() if key.startswith("encoder.")}
    try:
        encoder = section({"encoder": own}, "encoder", EncoderParams)
    except ParamsError:
        return
    for key, message, remedy in contradictions(encoder):
        yield Conflict(True, f"encoder.{key}", message, remedy)
    attended = encoder.motion and encoder.energies and encoder.semantic
    if attended and encoder.parts == "whole" and not encoder.residual:
        remedy = "attention over a single part ignores the energies; set encoder.residual to true"
        yield Conflict(False, "encoder.parts", "whole, but encoder.residual is false", remedy)


def _launcher_conflicts(values: Mapping[str, Any]) -> Iterator[Conflict]:
    """The launcher is a piece of a shell's command line, which ` -m stages.train_diffusion` must be able to follow."""
    launcher, key = values.get("train.launcher"), "train.launcher"
    if not isinstance(launcher, str):
        return  # absent here; `check` reports one of another type
    remedy = (
        "it is a piece of the shell's command line: put quotes around a path with spaces or quotes inside the value"
    )
    try:
        words = shlex.split(launcher)
    except ValueError as error:  # an open quotation, a last backslash
        yield Conflict(True, key, f"{launcher!r} is not a command ({str(error).lower()})", remedy)
        return
    if not words:
        yield Conflict(True, key, f"{launcher!r} is empty", "set it to python, for one process")
    elif words != shlex.split(launcher, comments=True) or "\n" in launcher:
        yield Conflict(True, key, f"{launcher!r} ends the command before `-m stages.train_diffusion`", remedy)
