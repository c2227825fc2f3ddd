"""`python -m pace compose`: generate music for one video, with the pipeline's own steps and its trained models."""

import argparse
import contextlib
import dataclasses
import io
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import numpy.typing as npt
import soundfile
import torch

from pace.audio.joining import clip_starts, join
from pace.audio.limiter import limit_peaks
from pace.audio.vocoder import VocoderParams, invert
from pace.autoencoder.inference import load_vae
from pace.clip import CLIP_SECONDS, SAMPLE_RATE
from pace.conditioning.condition_files import read_video
from pace.conditioning.conditions import ConditionStore
from pace.diffusion.generator import load_generator
from pace.media.adding_music import add_music
from pace.media.output import ENDINGS
from pace.media.video import DecodeParams, probe, read_frames
from pace.media.writing import write_video
from pace.motion import embedding, energy, lifting
from pace.output_files import FULL, replacing, written
from pace.pipeline import params
from pace.pose import backends
from pace.sampling.sampling import SampleParams, sample_latents
from pace.visual import features

KEPT = {"pose3d.npz": ".npz", "energy.parquet": ".parquet"}  # file of the stages -> its ending in --keep


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add = parser.add_argument
    add("video", type=Path, metavar="VIDEO", help="a video of one dancer, 5 s or longer")
    add("-o", "--out", type=Path, required=True, metavar="OUT.mp4", help="the video with its music (or .m4v, .mov)")
    add("--keypoints", type=Path, metavar="FILE.json", help="AlphaPose results to use instead of a pose estimator")
    add("--seed", type=int, help="seed of the music (default: sample.seed); another seed gives other music")
    add("--wav", type=Path, help="also write the music alone, as a wav file")
    keep_help = "also write the pose and the energies, as OUT.npz and OUT.parquet in this folder (for score --dances)"
    add("--keep", type=Path, metavar="DIR", help=keep_help)


def run(arguments: argparse.Namespace) -> None:
    """Run the command with the trained models of this project. When it is stopped, nothing is left half written."""
    settings = ComposeParams.of(params.read())
    if arguments.seed is not None:
        settings = dataclasses.replace(settings, sample=dataclasses.replace(settings.sample, seed=arguments.seed))
    models = Models(Path("models/vae"), Path("models/diffusion"))
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # as an exception, which cleans up
    try:
        compose(
            arguments.video, arguments.out, settings, models, arguments.keypoints, arguments.wav, keep=arguments.keep
        )
    except KeyboardInterrupt:
        print(f"python -m pace compose: interrupted; {arguments.out} was not written", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)


@dataclasses.dataclass(frozen=True)
class ComposeParams:
    """The sections of params.yaml that compose reads: those of the stages that it runs."""

    decode: DecodeParams
    keypoints: backends.KeypointsParams
    lift: lifting.LiftParams
    energy: energy.EnergyParams
    embed_motion: embedding.EmbedMotionParams
    visual: features.VisualParams
    sample: SampleParams
    vocoder: VocoderParams

    @classmethod
    def of(cls, content: dict[str, Any]) -> "ComposeParams":
        """Take the sections from the content of params.yaml. Raises ParamsError."""
        return cls(**{name: params.section(content, name, kind) for name, kind in get_type_hints(cls).items()})


@dataclasses.dataclass(frozen=True)
class Models:
    """Folders of the trained models."""

    vae: Path
    diffusion: Path


def compose(
    video: Path,
    out: Path,
    settings: ComposeParams,
    models: Models,
    keypoints: Path | None = None,
    wav: Path | None = None,
    log: Callable[[str], None] = print,
    keep: Path | None = None,
) -> None:
    """Write `video` with generated music to `out` (mp4, m4v or mov), and the music alone to `wav` if given.

    The folder `keep`, if given, gets the pose and the energies, named as `out`: .npz and .parquet.
    `keypoints` is an AlphaPose result file of this video. Without it, a pose estimator finds the dancer: RTMPose if it
    is the backend in params.yaml, else MediaPipe. `log` is called with a message after each step.
    The files are replaced only when they are complete and checked; an error leaves none.
    Raises ValueError or FileNotFoundError, naming the file and the remedy, if the video is missing, unreadable or
    shorter than five seconds, if it shows no person, if weights or models are missing, or if a file cannot be written
    where it should be.
    """
    if video.exists() and not video.is_file():
        raise ValueError(f"{video}: a folder, device or pipe; give the path of a video")
    if not video.is_file():
        raise FileNotFoundError(f"{video}: no such file; give the path of a video")
    if keypoints and not keypoints.is_file():
        raise FileNotFoundError(f"{keypoints}: no such file; give a result file of AlphaPose for {video}")
    with contextlib.ExitStack() as stack:
        inputs = [("the video", video)] + ([("the keypoints file", keypoints)] if keypoints else [])
        new_video = stack.enter_context(replacing(out, "-o", ENDINGS, inputs))
        if wav:
            new_wav = stack.enter_context(replacing(wav, "--wav", (".wav",), [*inputs, ("the file of -o", out)]))
        kept = {}
        if keep:
            keep.mkdir(parents=True, exist_ok=True)
            for name, ending in KEPT.items():
                kept[name] = stack.enter_context(replacing(keep / f"{out.stem}{ending}", "--keep", (ending,), inputs))
        info = probe(video)
        if info.duration_s < CLIP_SECONDS:
            raise ValueError(
                f"{video}: {info.duration_s:.2f} s long; music is made in clips of {CLIP_SECONDS:g} s, "
                "give a longer video"
            )
        for folder in (models.vae, models.diffusion):
            if not folder.is_dir():
                raise FileNotFoundError(f"{folder}: no trained model; run `make repro` first")
        for remark in info.remarks:
            log(f"{video}: {remark}")
        with tempfile.TemporaryDirectory(prefix="pace-") as name, _about(video, Path(name)):
            conditions, clips = _conditions(video, Path(name), settings, keypoints, log)
            for made, copy in kept.items():
                shutil.copyfile(Path(name) / made, copy)
        music = _generate(conditions, [start for _, start in clips], info.duration_s, settings, models)
        log(f"{len(clips)} clips of music")
        if reason := add_music(video, music, SAMPLE_RATE, new_video):
            log(f"{video}: encoded anew as H.264, at full size and rate, because {reason}")
        if wav:
            content = io.BytesIO()  # for Python to write, which reports a full disk; soundfile does not
            soundfile.write(content, music, SAMPLE_RATE, format="WAV", subtype="PCM_16")
            with written(new_wav) as file:
                file.write(content.getbuffer())
    log(f"{out}: {info.duration_s:.1f} s of music")


@contextlib.contextmanager
def _about(video: Path, folder: Path) -> Iterator[None]:
    """Make errors about files of the temporary `folder`, which the user never sees, errors about the video."""
    try:
        yield
    except (ValueError, OSError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno in FULL:
            fault = f"{error.strerror} for the temporary files of {video} in {folder.parent}"
            raise OSError(f"{fault}; free some, or set TMPDIR to a folder with more") from error
        text = re.sub(re.escape(str(folder)) + r"[\\/][\w.]*\w", lambda _: str(video), str(error))
        if text == str(error):
            raise
        raise ValueError(text) from error


def _conditions(
    video: Path, folder: Path, settings: ComposeParams, keypoints: Path | None, log: Callable[[str], None]
) -> tuple[ConditionStore, list[tuple[str, float]]]:
    """Run the per-video stages in a temporary folder, and gather the conditions of the clips."""
    name, fps = str(video), settings.decode.fps
    decoded, keypoint_file, pose_file = folder / "video.mp4", folder / "keypoints.npz", folder / "pose3d.npz"
    write_video(decoded, read_frames(video, fps, settings.decode.short_side), fps)
    backend = "alphapose" if keypoints else "rtmpose" if settings.keypoints.backend == "rtmpose" else "mediapipe"
    keypoint_params = dataclasses.replace(settings.keypoints, backend=backend)
    inputs = (keypoints, video) if keypoints else (decoded, *backends.estimator_files(keypoint_params))
    backends.find_keypoints(keypoint_params, fps, name, inputs, folder)
    with np.load(keypoint_file, allow_pickle=False) as file:
        detected = file["detected"]
    log(f"{video}: person found in {100 * detected.mean():.1f} % of {len(detected)} frames ({backend})")
    lifting.lift_video(settings.lift, name, (keypoint_file, Path(settings.lift.weights)), folder)
    energy.energy_video(settings.energy, name, (pose_file,), folder)
    source = pose_file if settings.embed_motion.input == "pose3d" else keypoint_file
    embedding.embed_video(settings.embed_motion, name, (source, Path(settings.embed_motion.weights)), folder)
    features.embed_video(name, (decoded, Path(settings.visual.weights)), folder, settings.visual)
    clips = [(name, start) for start in clip_starts(len(detected) / fps)]
    conditions = read_video(folder / "energy.parquet", folder / "motion.npz", folder / "visual.npz")
    return ConditionStore({name: conditions}, clips), clips


def _generate(
    conditions: ConditionStore, starts: list[float], duration: float, settings: ComposeParams, models: Models
) -> npt.NDArray[Any]:
    """Music (S,) of `duration` seconds: that of the clips that start at `starts`, joined."""
    generator, vae = load_generator(models.diffusion), load_vae(models.vae)
    generator.check(conditions)
    names = [f"clip{index}" for index in range(len(starts))]
    latents = sample_latents(generator, conditions.batch(torch.arange(len(starts))), names, settings.sample)
    with torch.no_grad():
        images = vae.decode(latents)[:, 0]
    return limit_peaks(join(invert(images, settings.vocoder), starts, duration))
