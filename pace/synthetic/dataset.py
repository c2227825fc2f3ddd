"""The synthetic dataset: which videos there are, and how one is made."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pace.clip import SAMPLE_RATE, SPLITS
from pace.media.video import write_video
from pace.pipeline.params import limits
from pace.synthetic import music
from pace.synthetic.camera import random_camera
from pace.synthetic.choreography import Clock, choreograph
from pace.synthetic.render import render
from pace.synthetic.styles import STYLES, bpm_range


@dataclass(frozen=True)
class SyntheticParams:
    """Section `synthetic`: videos per split, their length in seconds, size in pixels, frames per second, seed."""

    train_videos: int = limits(0, 100_000)
    val_videos: int = limits(0, 100_000)
    test_videos: int = limits(0, 100_000)
    seconds: float = limits(1, 3600)
    size: int = limits(64, 2048)
    fps: float = limits(5, 120)
    seed: int = limits(0)


@dataclass(frozen=True)
class Video:
    """One video of the dataset. Its number within its split settles all that is random in it."""

    split: str
    number: int

    @property
    def style(self) -> str:
        return STYLES[self.number % len(STYLES)]

    @property
    def video_id(self) -> str:
        return f"{self.split}_{self.number:04d}_{self.style}"

    @property
    def row(self) -> dict[str, str]:
        """The line of videos.csv. Every video has its own music and its own dancer."""
        return {
            "video_id": self.video_id,
            "file": f"{self.video_id}.mp4",
            "split": self.split,
            "genre": self.style,
            "music_id": f"m_{self.split}_{self.number:04d}",
            "dancer": f"d_{self.split}_{self.number:04d}",
        }


def plan(params: SyntheticParams) -> list[Video]:
    """The videos of the three splits. Styles take turns, so each split has as many of each as its size allows."""
    counts = (params.train_videos, params.val_videos, params.test_videos)
    return [Video(split, number) for split, count in zip(SPLITS, counts, strict=True) for number in range(count)]


def draw_clock(style: str, rng: np.random.Generator) -> Clock:
    """A tempo within the style's range; time 0 falls anywhere in a bar, all places alike."""
    bpm = rng.uniform(*bpm_range(style))
    return Clock(bpm, rng.uniform(0, 4 * 60 / bpm))


def make(video: Video, params: SyntheticParams, video_out: Path, truth_out: Path) -> None:
    """Write the mp4 (H.264 + AAC) and its truth.

    Truth (npz): joints3d (N,17,3) float32 metres in camera coordinates (x right, y down, z forward), joints2d (N,17,2)
    float32 pixels, beats and downbeats in seconds within the video, bpm, fps, style, and the camera's rotation (3,3),
    position (3,), focal length and principal point.
    """
    children = np.random.SeedSequence([params.seed, SPLITS.index(video.split), video.number]).spawn(3)
    rng, dance_rng, music_rng = map(np.random.default_rng, children)
    clock = draw_clock(video.style, rng)
    motion = choreograph(video.style, clock.bpm, clock.first_beat, params.seconds, params.fps, dance_rng)
    camera = random_camera(rng, params.size, motion)
    sound = music.compose(video.style, clock.bpm, clock.first_beat, params.seconds, music_rng, SAMPLE_RATE)
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
