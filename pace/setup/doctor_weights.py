"""The doctor's checks of weights files: which network each holds, whether it is the right one, and where it is from."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from pace.setup.doctor_findings import FAIL, NOTE, OK, Finding, Setup, check_path, first_line
from pace.setup.official import FOLDER, OFFICIAL, OfficialFile

SUFFIXES = (".pt", ".pth", ".bin", ".safetensors", ".onnx")  # not from pace.weights: PyTorch may be missing
VARIANTS = {"motionbert": "full", "motionbert-lite": "lite"}  # official name -> MotionBERT's variant
AUDIO_NETWORKS = {f"evaluate.{name}_weights": name for name in ("vggish", "cnn14", "clap")}
LPIPS = "train_vae.lpips_weights"
STAGE_FAILS = "the stage that loads it fails"


def is_weights(key: str, value: object) -> bool:
    """Whether a parameter names weights."""
    return key.endswith("weights") or str(value).endswith(SUFFIXES)


def weights(setup: Setup) -> Iterator[Finding]:
    """The weights that params.yaml names."""
    for key, value in setup.values().items():
        if is_weights(key, value):
            try:
                yield from _check_weights(setup, key)
            except Exception as error:
                yield Finding(FAIL, key, first_line(error), STAGE_FAILS)


def _check_weights(setup: Setup, key: str) -> Iterator[Finding]:
    finding = check_path(setup, key)
    value = str(setup.value(key))
    path = setup.root / value
    if finding.state != OK or not path.exists():
        yield finding
        return
    files = [path] if path.is_file() else _weights_in(path)
    if (message := _loading_error(key, path)) is not None:
        yield Finding(FAIL, key, message, STAGE_FAILS)
        return
    if not files:
        yield Finding(OK, key, f"none in {value}", _without(key))
    for file in files:
        yield from _check_file(setup, key, file)


def _check_file(setup: Setup, key: str, file: Path) -> Iterator[Finding]:
    """Which network a file holds, whether it is an official file, and whether the settings suit it."""
    from pace.setup import identify

    kind, description = identify.network(file)
    expected = "ONNX" if "rtmpose" in key else "weights"
    if (expected == "ONNX") != (kind == "ONNX"):
        yield Finding(FAIL, key, f"{file}: {description}, not {expected}", STAGE_FAILS)
        return
    official = identify.official_file(file)
    fetched = identify.official_place(file, setup.root / FOLDER)
    variant = VARIANTS.get(fetched[0]) if fetched else None
    if fetched and variant and kind == "DSTformer" and f"the {variant} network" not in description:
        remedy = f"put the {variant} network there, or fetch the other one by its own name"
        yield Finding(NOTE, key, f"{description}, not the {variant} network of {fetched[0]}: {file}", remedy)
        return
    if fetched and not official and fetched[1].sha256:
        message = f"{description}; its sha256 is not that of official {fetched[0]}: {file}"
        remedy = f"not the published file: fetch it again with `python -m pace fetch {fetched[0]}`"
        yield Finding(NOTE, key, message, remedy)
        return
    if official:
        origin = f"official ({official[0]}), sha256 matches"
    elif fetched:
        origin = f"as fetched ({fetched[0]}), no published sha256 to compare with"
    elif stage := setup.stage_of(str(setup.value(key))):
        origin = f"stand-in from stage {stage}"
    else:
        origin = "sha256 of no known official file"
    yield Finding(OK, key, f"{description}; {origin}: {file}")
    yield from _unsuitable_settings(setup, key, official or fetched)


def _unsuitable_settings(setup: Setup, key: str, official: tuple[str, OfficialFile] | None) -> Iterator[Finding]:
    """Other parameters, except weights, that differ from what an official file needs."""
    if official is None:
        return
    name, file = official
    needed = OFFICIAL[name].sets
    if not str(needed.get(key, "")).endswith(file.path):
        return
    for other, right in needed.items():
        value = setup.value(other)
        if other != key and not is_weights(other, right) and value != right:
            yield Finding(NOTE, other, f"{value}", f"{file.path} is meant for {other}: {right}")


def _without(key: str) -> str:
    """The consequence of leaving out the weights that a parameter could name."""
    if key == LPIPS:
        return "the VAE's perceptual loss is feature matching"
    return "its Frechet distance is not computed" if key in AUDIO_NETWORKS else "it is not used"


def _weights_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)


def _loading_error(key: str, path: Path) -> str | None:
    """The message with which the stage would refuse these weights; None if it would load them."""
    try:
        if key in ("lift.weights", "embed_motion.weights"):
            from pace.motion import dstformer

            dstformer.load(path)
        elif key == "visual.weights":
            from pace.visual import i3d

            i3d.load(path)
        elif key == LPIPS:
            from pace.autoencoder_training.perceptual import load_lpips

            load_lpips(path)
        elif key in AUDIO_NETWORKS and not (path.is_dir() and not _weights_in(path)):
            from pace.evaluation.embedders import networks

            with contextlib.suppress(ImportError):  # `extras` reports a missing package
                networks.load(AUDIO_NETWORKS[key], path)
    except (ValueError, OSError) as error:
        return first_line(error)
    return None
