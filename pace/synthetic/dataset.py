"""The synthetic dataset: the list of its videos, and how each is made."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pace.clip import SAMPLE_RATE, SPLITS
from pace.media.writing import write_video
from pace.pipeline.params import limits
from pace.synthetic import music
from pace.synthetic.camera import random_camera
from pace.synthetic.choreography import choreograph
from pace.synthetic.clock import Clock
from pace.synthetic.render import render
from pace.synthetic.styles import STYLES, bpm_range


@dataclass(frozen=True)
class SyntheticParams:
    """Section `synthetic`: videos per split, their length in seconds, size in pixels and frame rate, and the seed."""

    train_videos: int = limits(0, 100_000)
    val_videos: int = limits(0, 100_000)
    test_videos: int = limits(0, 100_000)
    seconds: float = limits(1, 3600)
    size: int = limits(64, 2048)
    fps: float = limits(5, 120)
    seed: int = limits(0)


@dataclass(frozen=True)
class Video:
    """One video of the dataset. Its split and number, with the seed, decide everything random in it."""

    split: str
    number: int

    @property
    def style(self) -> str:
        """The dance style."""
        return STYLES[self.number % len(STYLES)]

    @property
    def video_id(self) -> str:
        """The video's id, also the name of its files."""
        return f"{self.split}_{self.number:04d}_{self.style}"

    @property
    def row(self) -> dict[str, str]:
        """The video's row of videos.csv. Every video has its own music and its own dancer."""
        return {
            "video_id": self.video_id,
            "file": f"{self.video_id}.mp4",
            "split": self.split,
            "genre": self.style,
            "music_id": f"m_{self.split}_{self.number:04d}",
            "dancer": f"d_{self.split}_{self.number:04d}",
        }


def plan(params: SyntheticParams) -> list[Video]:
    """List the videos of the three splits. Styles take turns, so a split has about as many videos of each."""
    counts = (params.train_videos, params.val_videos, params.test_videos)
    return [Video(split, number) for split, count in zip(SPLITS, counts, strict=True) for number in range(count)]


def draw_clock(style: str, rng: np.random.Generator) -> Clock:
    """Draw a tempo from the style's range and a first beat such that time 0 is equally likely anywhere in a bar."""
    bpm = rng.uniform(*bpm_range(style))
    return Clock(bpm, rng.uniform(0, 4 * 60 / bpm))


def make(video: Video, params: SyntheticParams, video_out: Path, truth_out: Path) -> None:
    """Write the mp4 (H.264 + AAC) and its truth file (npz) with these arrays.

    - joints3d (N,17,3) float32: metres in camera coordinates (x right, y down, z forward).
    - joints2d (N,17,2) float32: pixels.
    - beats, downbeats: seconds from the start of the video.
    - bpm, fps, style.
    - camera_rotation (3,3), camera_position (3,), camera_focal, camera_centre (2,): the camera in the world; focal
      length and principal point in pixels.
    """
    children = np.random.SeedSequence([params.seed, SPLITS.index(video.split), video.number]).spawn(3)
    rng, dance_rng, music_rng = map(np.random.default_rng, children)
    clock = draw_clock(video.style, rng)
    motion = choreograph(video.style, clock.bpm, clock.first_beat, params.seconds, params.fps, dance_rng)
    camera = random_camera(rng, params.size, motion)
    sound = music.compose(video.style, clock, params.seconds, music_rng).sound()
    write_video(video_out, render(motion, camera, params.size, rng, video.style), params.fps, sound, SAMPLE_RATE)
    beats = clock.beats(params.seconds)
    np.savez(
        truth_out,
        joints3d=camera.to_camera(motion.joints).astype(np.float32),
        joints2d=camera.project(motion.joints).astype(np.float32),
        beats=clock.time(beats),
        downbeats=clock.time(beats[beats % 4 == 0]),
        bpm=np.float64(clock.bpm),
        fps=np.float64(params.fps),
        style=np.array(video.style),
        camera_rotation=camera.rotation,
        camera_position=camera.position,
        camera_focal=np.float64(camera.focal),
        camera_centre=np.array(camera.centre),
    )
