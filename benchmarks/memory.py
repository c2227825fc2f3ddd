"""Peak memory of every per-video step on a long 256 x 256 video, each in a process of its own.

The networks of the default sizes process the whole video. Those of the published sizes would take an hour, so they
process a short one. `growth` is the memory that the video's length adds. It is the same for both sizes, because it is
what the steps hold of the whole video.
"""

import json
import subprocess
import sys
from pathlib import Path

from benchmarks import inputs
from benchmarks.results import Row, Scale
from benchmarks.stage_process import NETWORKS, STEPS
from pace.pipeline.closure import ROOT

NAME = "memory"
LIMIT_GB = 2.0


def rows(scale: Scale, folder: Path, steps: tuple[str, ...] = STEPS) -> list[Row]:
    """Peak resident memory in GB of each step, and of the networks of published sizes."""
    settings = inputs.settings()
    motion, seconds = settings["pretrain_motion"], 60 * scale.minutes
    small = {"depth": motion.depth, "dim_feat": motion.dim_feat, "mlp_ratio": motion.mlp_ratio}
    look = {"short_side": scale.short_side, "crop": scale.crop}
    default_look = {"short_side": settings["visual"].short_side, "crop": settings["visual"].crop}
    width = settings["pretrain_visual"].width
    long, short = folder / "long", folder / "short"
    prepare(long, seconds, scale.fps, small, width, default_look)
    peaks: dict[str, float] = {step: measure(step, long) for step in steps}
    result = []
    for step, peak in peaks.items():
        note = f"{scale.minutes:g} minutes" + (", stand-in" if step in NETWORKS else "")
        result.append(Row(NAME, step, peak, "GB", 1, LIMIT_GB, True, note))
    networks = [step for step in steps if step in NETWORKS]
    if networks:
        prepare(short, scale.published_seconds, scale.fps, small, width, default_look)
        before = {step: measure(step, short) for step in steps if step != "mel"}
        prepare(short, scale.published_seconds, scale.fps, dict(scale.long_motion), scale.width, look)
        for step in networks:
            growth = max(0.0, peaks[step] - before[step])
            peak = measure(step, short) + growth
            note = f"{scale.published_seconds:g} seconds, plus {growth:.2g} GB that {scale.minutes:g} minutes add"
            result.append(Row(NAME, f"{step}, published", peak, "GB", 1, LIMIT_GB, True, note))
    return result


def prepare(folder: Path, seconds: float, fps: float, motion: dict, width: float, look: dict) -> None:
    """Put what the steps need into a folder: the video, unless it is there, networks and settings."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "source.mp4").is_file():
        inputs.make_long_video(folder / "source.mp4", seconds, fps)
    inputs.make_motion_weights(folder / "motion.safetensors", motion)
    inputs.make_visual_weights(folder / "visual.safetensors", width)
    (folder / "settings.json").write_text(json.dumps({"fps": fps, **look}), encoding="utf-8")


def measure(step: str, folder: Path) -> float:
    """Peak resident memory in GB of one step in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.stage_process", step, str(folder)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError(f"memory: {step} ended with {done.returncode}; see the messages above")
    return int(done.stdout.split()[-1]) * 1024 / 1e9
