"""Settings of params.yaml that do not go together, each fine by itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

NOT_GIVEN = "data/none"
SYNTHETIC = "data/synthetic"
DECODED = "data/decoded"


@dataclass(frozen=True)
class Conflict:
    """stops: whether a stage fails of it. key: the parameter to look at; what was found; what follows or helps."""

    stops: bool
    key: str
    found: str
    remedy: str


def conflicts(root: Path, values: Mapping[str, object]) -> Iterator[Conflict]:
    """Look for conflicts among all parameters (`section.key` -> value) of a project at `root`."""

    def value(key: str) -> str:
        return str(values.get(key))

    annotations, lists, backend = value("dataset.annotations"), value("dataset.split_lists"), value("keypoints.backend")
    if value("dataset.name") == "aistpp" and lists == NOT_GIVEN:
        if annotations == NOT_GIVEN:
            remedy = "set it to AIST++'s annotation folder, or dataset.split_lists to D2M-GAN's lists"
            yield Conflict(True, "dataset.annotations", "not given: no splits for dataset.name: aistpp", remedy)
        elif (root / annotations).is_dir() and not (root / annotations / "splits").is_dir():
            remedy = "give the annotation folder as it is published"
            yield Conflict(True, "dataset.annotations", f"{annotations} has no folder splits", remedy)
    if value("lift.source") == "aistpp" and annotations == NOT_GIVEN:
        remedy = "set dataset.annotations to AIST++'s annotation folder"
        yield Conflict(True, "lift.source", "aistpp, but dataset.annotations is not given", remedy)
    yield from _source(root, backend, value("keypoints.source"))
    if backend == "rtmpose":
        for key in ("keypoints.rtmpose_det", "keypoints.rtmpose_pose"):
            if value(key) == NOT_GIVEN:
                follows = "rtmlib downloads its own ONNX file on first use; without a network the stage fails"
                yield Conflict(False, key, "not given", f"{follows} (`python -m pace fetch rtmpose`)")
    guidance, drop = values.get("sample.guidance"), values.get("train_diffusion.drop")
    if guidance is not None and guidance != 1 and drop == 0:
        remedy = "guidance needs music without conditions: set it to 1, or train_diffusion.drop to such as 0.1"
        yield Conflict(True, "sample.guidance", f"{guidance:g}, but train_diffusion.drop is 0", remedy)
    start, steps = values.get("train_vae.discriminator_start"), values.get("train_vae.steps")
    features = values.get("train_vae.perceptual_weight") and value("train_vae.lpips_weights") == NOT_GIVEN
    used = values.get("train_vae.adversarial_weight") or features
    if used and start is not None and steps is not None and start >= steps:
        remedy = "the adversarial loss would never act: lower it, or set the weights of what it begins to 0"
        yield Conflict(True, "train_vae.discriminator_start", f"{start}, but train_vae.steps is {steps}", remedy)
    if value("encoder.parts") == "whole" and not values.get("encoder.residual") and values.get("encoder.motion"):
        remedy = "the energies have no effect (attention over one part); set encoder.residual to true"
        yield Conflict(False, "encoder.parts", "whole, but encoder.residual is false", remedy)
    real, truth = not value("dataset.root").startswith(SYNTHETIC), value("dataset.truth")
    if real and truth.startswith(SYNTHETIC):
        remedy = f"`dvc repro` would render that dataset for nothing; set it to {NOT_GIVEN}"
        yield Conflict(False, "dataset.truth", f"{truth}, the truth of another dataset", remedy)


def _source(root: Path, backend: str, source: str) -> Iterator[Conflict]:
    """What keypoints.source must hold for each backend; a folder that is yet to be made cannot be judged."""
    folder, key = root / source, "keypoints.source"
    if backend == "alphapose" and (source == DECODED or (folder.is_dir() and not any(folder.glob("*.json")))):
        yield Conflict(True, key, f"{source} has no result files", "set it to the folder of {video_id}.json files")
    elif backend == "aistpp" and (source == DECODED or (folder.is_dir() and not (folder / "keypoints2d").is_dir())):
        yield Conflict(True, key, f"{source} has no folder keypoints2d", "set it to AIST++'s annotation folder")
    elif (
        backend in ("mediapipe", "rtmpose") and folder.is_dir() and source != DECODED and not any(folder.glob("*.mp4"))
    ):
        yield Conflict(True, key, f"{source} has no mp4 files", f"set it to {DECODED} for keypoints.backend: {backend}")
