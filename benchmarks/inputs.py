"""Inputs of the benchmarks: synthetic videos, random networks, and the settings of params.yaml."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from safetensors.torch import save_file

from pace.clip import SAMPLE_RATE
from pace.media.adding_music import add_music
from pace.media.video import DecodeParams, probe
from pace.motion.dstformer import DSTformer
from pace.motion.embedding import EmbedMotionParams
from pace.motion.energy import EnergyParams
from pace.motion.lifting import LiftParams
from pace.pipeline import params
from pace.pipeline.closure import ROOT
from pace.pose.backends import KeypointsParams
from pace.stand_ins.motion import PretrainMotionParams
from pace.stand_ins.visual import PretrainVisualParams
from pace.synthetic import dataset
from pace.visual.features import VisualParams
from pace.visual.i3d import I3D

SECTIONS = {
    "synthetic": dataset.SyntheticParams,
    "decode": DecodeParams,
    "keypoints": KeypointsParams,
    "lift": LiftParams,
    "energy": EnergyParams,
    "embed_motion": EmbedMotionParams,
    "visual": VisualParams,
    "pretrain_motion": PretrainMotionParams,
    "pretrain_visual": PretrainVisualParams,
}


def settings() -> dict[str, Any]:
    """The sections of params.yaml as their dataclasses."""
    return params.load(SECTIONS, ROOT / "params.yaml")


def make_videos(folder: Path, count: int, seconds: float, fps: float, prefix: str = "") -> list[Path]:
    """Videos of the synthetic dataset, 256 x 256 with music."""
    folder.mkdir(parents=True, exist_ok=True)
    plan = dataset.SyntheticParams(count, 0, 0, seconds, 256, fps, 0)
    paths = []
    for video in dataset.plan(plan):
        path = folder / f"{prefix}{video.video_id}.mp4"
        dataset.make(video, plan, path, folder / "truth.npz")
        paths.append(path)
    return paths


def make_long_video(path: Path, seconds: float, fps: float) -> None:
    """A video with sound, at least `seconds` long: up to ten seconds of dance, encoded once and repeated."""
    import av

    short, silent = make_videos(path.parent, 1, min(10.0, seconds), fps, "loop_")[0], path.with_name("silent.mp4")
    with av.open(str(silent), "w", format="mp4") as target:
        stream, shift = None, 0
        for _ in range(math.ceil(seconds / 10)):
            with av.open(str(short)) as source:
                template = source.streams.video[0]
                stream = stream or target.add_stream_from_template(template)
                for packet in source.demux(template):
                    if packet.dts is None:
                        continue
                    packet.dts, packet.pts, packet.stream = packet.dts + shift, packet.pts + shift, stream
                    target.mux(packet)
                shift += template.duration
    add_music(silent, noise(probe(silent).duration_s), SAMPLE_RATE, path)
    silent.unlink()


def noise(seconds: float) -> np.ndarray:
    """Samples (S,) float32 of white noise."""
    return np.random.default_rng(0).uniform(-0.3, 0.3, round(seconds * SAMPLE_RATE)).astype(np.float32)


def make_noise(path: Path, seconds: float) -> None:
    """A wav file of white noise in the format of the stage decode."""
    soundfile.write(path, noise(seconds), SAMPLE_RATE, subtype="PCM_16")


def make_motion_weights(path: Path, sizes: dict[str, int]) -> Path:
    """A DSTformer of these sizes with random weights."""
    save_file(DSTformer(**sizes).state_dict(), path)
    return path


def make_visual_weights(path: Path, width: float) -> Path:
    """An I3D of this width with random weights."""
    save_file(I3D(width).state_dict(), path)
    return path


def track(seconds: float, fps: float) -> np.ndarray:
    """A smooth random pose track (N,17,3) float32 of a body with a torso of length 1."""
    rng = np.random.default_rng(0)
    frames, times = round(seconds * fps), np.arange(round(seconds * fps)) / fps
    pose = np.zeros((frames, 17, 3), np.float32)
    for hz in (0.4, 1.1, 2.3):
        pose += 0.1 * np.sin(2 * np.pi * (hz * times[:, None, None] + rng.random((17, 3))))
    pose[:, 8, 1] -= 1  # the neck above the root
    return pose
