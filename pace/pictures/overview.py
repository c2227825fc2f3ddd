"""`make overview`: the README's picture of the result, one test clip on one time axis.

From top to bottom: the dancer, the slow and fast energy of the five parts (paper 4.1), the mel image of the generated
music (paper 3), and beats: the dance's true ones and those that the beat tracker finds in the generated music.
It reads the outputs of a run in `data/` and writes `docs/images/overview.png`. It is not a stage of the pipeline.
"""

import argparse
import dataclasses
import io
import sys
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from pace.audio.mel import filterbank, mel_image
from pace.audio.wav_files import read_wave
from pace.clip import CLIP_SECONDS, SAMPLE_RATE
from pace.evaluation.ground_truth import read_truth
from pace.evaluation.metrics.onsets import events
from pace.pose.skeleton import PART_NAMES
from pace.report.clips import clip_energy, cut_frames
from pace.report.plots import GENERATED_COLOUR, PART_COLOURS

DATA, OUT = Path("data"), Path("docs/images/overview.png")
CLIP = "test_0009_ballet_jazz_005000"  # of the default run; its beat F of 0.95 is the median of the test clips
FRAMES = 10  # pictures of the dancer
MARGIN = 0.06  # of the frame's width, around the dancer
WIDTH, HEIGHT, DPI = 12.0, 8.9, 150  # inches; 1,800 pixels wide
COLOURS = 200  # of the PNG's palette: keeps the file under 300 kB
TONES_HZ = (100, 500, 1000, 2000, 5000, 10_000)
INK, GREY, LINE = "#24292f", "#57606a", "#d0d7de"
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
}


@dataclasses.dataclass(frozen=True)
class ClipResult:
    """What the picture shows of one clip; all times in seconds from the clip's start.

    frames: images (H,W,3) uint8 around the dancer, each at the middle of its share of the clip. time_s (N,).
    slow, fast: energies (N,5), in [0,1]. mel: (256 mels, 256 frames) in [0,1]. dance_beats (B,): None where the
    dataset has no truth. music_beats (M,).
    """

    clip_id: str
    frames: list[npt.NDArray[np.uint8]]
    time_s: npt.NDArray[np.float64]
    slow: npt.NDArray[np.float64]
    fast: npt.NDArray[np.float64]
    mel: npt.NDArray[np.float32]
    dance_beats: npt.NDArray[np.float64] | None
    music_beats: npt.NDArray[np.float64]


def read_clip(clip_id: str, data: Path) -> ClipResult:
    """Read one clip from the outputs of a run. Raises ValueError for an unknown clip and for one without music."""
    clips = pd.read_parquet(data / "index" / "clips.parquet")
    row = clips[clips["clip_id"] == clip_id]
    music = data / "generated" / f"{clip_id}.wav"
    if row.empty or not music.is_file():
        raise ValueError(
            f"{clip_id}: no clip of that name with music in {music.parent}; run `dvc repro`, or name another"
        )
    video_id, start = str(row["video_id"].iloc[0]), float(row["start_s"].iloc[0])
    frames, fps = cut_frames(data / "decoded" / f"{video_id}.mp4", start)
    left, right, top, bottom = _box(data / "keypoints" / f"{video_id}.npz", round(start * fps), len(frames))
    middles = (np.arange(FRAMES) + 0.5) / FRAMES * len(frames)
    time_s, slow, fast = clip_energy(data / "energy" / f"{video_id}.parquet", start)
    wave = read_wave(music)
    truth = read_truth(data / "synthetic" / "truth", video_id)
    return ClipResult(
        clip_id=clip_id,
        frames=[frames[int(middle)][top:bottom, left:right] for middle in middles],
        time_s=time_s,
        slow=slow,
        fast=fast,
        mel=mel_image(wave),
        dance_beats=truth.beats_between(start, start + CLIP_SECONDS) if truth else None,
        music_beats=events(wave, SAMPLE_RATE).beats,
    )


def _box(keypoints: Path, first: int, count: int) -> tuple[int, int, int, int]:
    """Left, right, top and bottom pixel of the dancer in `count` frames from `first`, with a margin."""
    with np.load(keypoints, allow_pickle=False) as file:
        points, (width, height) = file["keypoints"][first : first + count, :, :2], file["size"]
    margin = MARGIN * width
    left, top = np.maximum(points.min(axis=(0, 1)) - margin, 0).astype(int)
    right, bottom = np.minimum(points.max(axis=(0, 1)) + margin, (width, height)).astype(int)
    return int(left), int(right), int(top), int(bottom)


def draw(result: ClipResult) -> bytes:
    """The picture as a palette PNG: the same clip gives the same bytes."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, HEIGHT), facecolor="white")
        grid = {"height_ratios": (1.35, 2.9, 2.0, 0.7), "hspace": 0.2}
        edges = {"left": 0.095, "right": 0.985, "top": 0.965, "bottom": 0.065}
        panels = figure.subplots(4, 1, sharex=True, gridspec_kw=grid | edges)
        _draw_frames(panels[0], result.frames)
        _draw_energy(panels[1], result)
        _draw_mel(panels[2], result.mel)
        _draw_beats(panels[3], result)
        panels[3].set(xlim=(0, CLIP_SECONDS), xlabel="seconds")
        out = io.BytesIO()
        figure.savefig(out, format="png", dpi=DPI)
    picture = (
        Image.open(out).convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
    )
    compressed = io.BytesIO()
    picture.save(compressed, format="png", optimize=True)
    return compressed.getvalue()


def _title(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold", pad=5)
    axes.tick_params(bottom=False, left=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _draw_frames(axes: Axes, frames: list[npt.NDArray[np.uint8]]) -> None:
    """Each frame above its share of the time axis, cut at the sides or at the top to the shape of its place."""
    _title(axes, "Dance")
    step = CLIP_SECONDS / len(frames)
    place = axes.get_position()
    shape = 0.97 / len(frames) * place.width * WIDTH / (place.height * HEIGHT)  # width : height
    height, width = frames[0].shape[:2]
    cut_x, cut_y = max(0, int(width - shape * height) // 2), max(0, int(height - width / shape))
    for number, frame in enumerate(frames):
        extent = ((number + 0.015) * step, (number + 0.985) * step, 0, 1)
        axes.imshow(frame[cut_y:, cut_x : width - cut_x], extent=extent, aspect="auto")
    axes.set(ylim=(0, 1), yticks=[])


def _draw_energy(axes: Axes, result: ClipResult) -> None:
    """One row for each part, relative to the greatest energy in the clip: slow as an area, fast as a line."""
    _title(axes, "Energy of the five parts: slow (area) and fast (line)")
    for part, colour in enumerate(PART_COLOURS):
        slow, fast = (0.92 * band[:, part] / max(band[:, part].max(), 1e-12) for band in (result.slow, result.fast))
        axes.fill_between(result.time_s, -part, slow - part, color=colour, alpha=0.3, linewidth=0)
        axes.plot(result.time_s, fast - part, color=colour, linewidth=1.8)
        axes.axhline(-part, color=LINE, linewidth=0.8, zorder=0)
    beats = result.music_beats if result.dance_beats is None else result.dance_beats
    axes.vlines(beats, -4, 0.95, color=GREY, linewidth=0.9, linestyle=(0, (2, 3)), alpha=0.8, zorder=0)
    axes.set(ylim=(-4.05, 1.0))
    axes.set_yticks(-np.arange(5.0) + 0.3, list(PART_NAMES.values()))


def _draw_mel(axes: Axes, mel: npt.NDArray[np.float32]) -> None:
    _title(axes, "Generated music, mel image")
    centres = filterbank().argmax(axis=1) * (SAMPLE_RATE / 2) / (filterbank().shape[1] - 1)
    bands = [float(np.interp(tone, centres, np.arange(len(centres)))) for tone in TONES_HZ]
    axes.imshow(mel, origin="lower", aspect="auto", extent=(0, CLIP_SECONDS, 0, len(mel)), cmap="magma", vmin=0, vmax=1)
    axes.set_yticks(bands, [f"{tone / 1000:g} kHz" for tone in TONES_HZ])


def _draw_beats(axes: Axes, result: ClipResult) -> None:
    _title(axes, "Beats of the dance (true) and of the generated music (as heard by a beat tracker)")
    rows = [("music", result.music_beats, GENERATED_COLOUR)]
    if result.dance_beats is not None:
        rows.append(("dance", result.dance_beats, INK))
    for row, (_, beats, colour) in enumerate(rows):
        axes.axhline(row, color=LINE, linewidth=0.8, zorder=0)
        axes.vlines(beats, row - 0.38, row + 0.38, color=colour, linewidth=4)
    axes.set(ylim=(-0.6, len(rows) - 0.4))
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    axes.tick_params(bottom=True)


def main(argv: list[str] | None = None) -> None:
    """Draw one clip and print the picture's path."""
    parser = argparse.ArgumentParser(prog="python -m pace.pictures.overview", description=__doc__)
    parser.add_argument("--clip", default=CLIP, help="id of a clip with generated music (default: %(default)s)")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the run's outputs (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=OUT, help="PNG file to write (default: %(default)s)")
    arguments = parser.parse_args(argv)
    try:
        picture = draw(read_clip(arguments.clip, arguments.data))
    except (ValueError, OSError) as error:
        sys.exit(f"overview: {error}")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_bytes(picture)
    print(f"overview: {arguments.out}, {len(picture) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
