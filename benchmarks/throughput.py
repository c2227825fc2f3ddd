"""Frames per second of every per-video stage, through `per_video.map_videos`, with one and with two workers.

A first, short video starts the workers and loads their networks; this time does not count.
"""

import contextlib
import dataclasses
import functools
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks import inputs
from benchmarks.results import Row, Scale
from pace.audio import clips
from pace.motion import embedding, energy, lifting
from pace.pipeline import per_video
from pace.pose import backends
from pace.visual import features
from stages.decode import decode_video

WORKERS = (1, 2)
NAME = "throughput"


@dataclasses.dataclass(frozen=True)
class Step:
    """One stage at one size: its per-video function and parameters, its files, and the rate of its input."""

    name: str
    function: per_video.Function
    params: object
    source: str  # pattern of the videos' input files
    outputs: dict[str, str]  # written file -> pattern of its final path
    fps: float  # frames (mel: clips) per second of video
    weights: Path | None = None  # another input file
    few: bool = False  # only on the first videos
    note: str = ""
    copies: int = 1  # how often each video is processed, for stages that take milliseconds


def mel_video(starts: tuple[float, ...], _: str, inputs: tuple[Path, ...], folder: Path) -> None:
    """Write `mel.npz`, the images of one wav's clips."""
    images, _ = clips.clip_images(inputs[0], starts)
    np.savez(folder / "mel.npz", mel=images)


def steps(scale: Scale, folder: Path) -> list[Step]:
    """The stages in the order of their inputs; the networks of the published sizes come last."""
    settings, fps = inputs.settings(), scale.fps
    decode = dataclasses.replace(settings["decode"], fps=fps)
    keypoints = dataclasses.replace(settings["keypoints"], backend="mediapipe")
    visual = dataclasses.replace(settings["visual"], short_side=scale.short_side, crop=scale.crop)
    motion = settings["pretrain_motion"]
    stand_in = {"depth": motion.depth, "dim_feat": motion.dim_feat, "mlp_ratio": motion.mlp_ratio}
    starts = tuple(np.arange(0, scale.seconds - 4.99, 5.0).tolist())
    decoded = {"video.mp4": "decoded/{id}.mp4", "audio.wav": "audio/{id}.wav"}
    points = {"keypoints.npz": "keypoints/{id}.npz"}
    tables, images = {"energy.parquet": "energy/{id}.parquet"}, {"mel.npz": "mel/{id}.npz"}
    images_of, serial = functools.partial(mel_video, starts), "the stage itself runs in one process"
    find = functools.partial(backends.find_keypoints, keypoints, fps)
    split = functools.partial(energy.energy_video, settings["energy"])
    return [
        Step("decode", functools.partial(decode_video, decode), decode, "videos/{id}.mp4", decoded, fps),
        Step("keypoints", find, dataclasses.asdict(keypoints), "decoded/{id}.mp4", points, fps, note="BlazePose"),
        *network_steps("stand-in", stand_in, settings["pretrain_visual"].width, settings["visual"], scale, folder),
        Step("energy", split, settings["energy"], "stand-in-pose3d/{id}.npz", tables, fps, copies=scale.copies),
        Step("mel", images_of, starts, "audio/{id}.wav", images, 1 / 5, note=serial, copies=scale.copies),
        *network_steps("published", dict(scale.motion), scale.width, visual, scale, folder),
    ]


def network_steps(
    size: str, motion: dict[str, int], width: float, visual: features.VisualParams, scale: Scale, folder: Path
) -> list[Step]:
    """lift, embed_motion and embed_visual with random networks of one size; of the published size on few videos."""
    settings, few = inputs.settings(), size == "published"
    weights = inputs.make_motion_weights(folder / f"{size}-motion.safetensors", motion)
    look = inputs.make_visual_weights(folder / f"{size}-visual.safetensors", width)
    lift, embed = settings["lift"], dataclasses.replace(settings["embed_motion"], input="pose3d")
    sizes = ", ".join(f"{name} {value}" for name, value in motion.items())
    poses = {"pose3d.npz": f"{size}-pose3d/{{id}}.npz"}
    motions, looks = {"motion.npz": "motion/{id}.npz"}, {"visual.npz": "visual/{id}.npz"}
    source, cut = poses["pose3d.npz"], f"width {width:g}, crop {visual.crop}"
    lifting_step = functools.partial(lifting.lift_video, lift)
    embedding_step = functools.partial(embedding.embed_video, embed)
    look_step = functools.partial(features.embed_video, params=visual)
    flip = ", flip" if lift.flip else ""
    return [
        Step(f"lift, {size}", lifting_step, lift, "keypoints/{id}.npz", poses, scale.fps, weights, few, sizes + flip),
        Step(f"embed_motion, {size}", embedding_step, embed, source, motions, scale.fps, weights, few, sizes),
        Step(f"embed_visual, {size}", look_step, visual, "decoded/{id}.mp4", looks, visual.fps, look, few, cut),
    ]


def rows(scale: Scale, folder: Path) -> list[Row]:
    """Frames/s (mel: clips/s) of each stage for each number of workers, and the gain of the second worker."""
    videos = [path.stem for path in inputs.make_videos(folder / "videos", scale.videos, scale.seconds, scale.fps)]
    first = [path.stem for path in inputs.make_videos(folder / "videos", 2, 1.0, scale.fps, "first_")]
    result = []
    for step in steps(scale, folder):
        if step.name == "mel":
            for video in first:
                inputs.make_noise(folder / f"audio/{video}.wav", 5.0)
        chosen = videos[: scale.published_videos] if step.few else videos
        frames = step.copies * len(chosen) * round(scale.seconds * step.fps)
        rates = {}
        for workers in WORKERS:
            rates[workers] = frames / _seconds(step, first, chosen, folder, workers)
        unit = "clips/s" if step.name == "mel" else "frames/s"
        for workers, rate in rates.items():
            gain = "" if workers == 1 else f"{rate / rates[1]:.2f} times one worker"
            result.append(Row(NAME, step.name, rate, unit, workers, note=gain or step.note))
    return result


def timed(function: per_video.Function, log: Path, video_id: str, inputs: tuple[Path, ...], out: Path) -> None:
    """Process a video, and add a line `id start end` (seconds) to the log."""
    start = time.monotonic()
    function(video_id, inputs, out)
    with open(log, "a", encoding="utf-8") as file:
        file.write(f"{video_id} {start} {time.monotonic()}\n")


def _seconds(step: Step, first: list[str], chosen: list[str], folder: Path, workers: int) -> float:
    """Seconds that the chosen videos take, once each worker has started and loaded its models on the first ones.

    Each stage and number of workers keeps its own results.
    """
    weights = (step.weights,) if step.weights else ()
    files = {
        f"{video}-{copy}" if copy else video: (folder / step.source.format(id=video), *weights)
        for video in first + chosen
        for copy in range(step.copies)
    }
    outputs = {name: folder / pattern for name, pattern in step.outputs.items()}
    for pattern in outputs.values():
        pattern.parent.mkdir(parents=True, exist_ok=True)
    name = f"{step.name.replace(', ', '-')}-{workers}"
    log = folder / f"{name}.times"
    function = functools.partial(timed, step.function, log)
    with environment(DVC_ROOT=str(folder), PACE_DASK=""):
        failures = per_video.map_videos(name, function, files, outputs, step.params, workers)
    if failures:
        raise RuntimeError(f"{step.name}: {failures}")
    times = [line.split() for line in log.read_text(encoding="utf-8").splitlines()]
    of_chosen = [(float(start), float(end)) for video, start, end in times if not video.startswith("first_")]
    return max(end for _, end in of_chosen) - min(start for start, _ in of_chosen)


@contextlib.contextmanager
def environment(**values: str) -> Iterator[None]:
    """Environment variables that hold inside a `with`."""
    saved = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in saved.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
