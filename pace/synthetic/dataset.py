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
from pace.synthetic.render import render
from pace.synthetic.styles import STYLES, draw_clock

GOLDEN = (5**0.5 - 1) / 2


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


def strength(video: Video, seed: int) -> float:
    """How clearly a video's dance shows the beat, 0 to 1: spread evenly over the videos of a split."""
    start = np.random.default_rng([seed, SPLITS.index(video.split)]).uniform()
    return float((start + GOLDEN * video.number) % 1)


def make(video: Video, params: SyntheticParams, video_out: Path, truth_out: Path, midi_out: Path) -> None:
    """Write the mp4 (H.264 + AAC), the notes of its music (mid), and its truth file (npz) with these arrays.

    - joints3d (N,17,3) float32: metres in camera coordinates (x right, y down, z forward).
    - joints2d (N,17,2) float32: pixels.
    - beats, downbeats: seconds from the start of the video.
    - strength: how clearly the dance shows the beat, 0 to 1.
    - bpm (the mean tempo), fps, style.
    - camera_rotation (3,3), camera_position (3,), camera_focal, camera_centre (2,): the camera in the world; focal
      length and principal point in pixels.
    """
    children = np.random.SeedSequence([params.seed, SPLITS.index(video.split), video.number]).spawn(3)
    rng, dance_rng, music_rng = map(np.random.default_rng, children)
    clock, clarity = draw_clock(video.style, rng), strength(video, params.seed)
    dance = choreograph(video.style, clock, params.seconds, params.fps, dance_rng, clarity)
    motion = dance.motion
    camera = random_camera(rng, params.size, motion)
    piece = music.compose(video.style, clock, params.seconds, music_rng, dance.intensity)
    piece.write_midi(midi_out)
    frames = render(motion, camera, params.size, rng, video.style)
    write_video(video_out, frames, params.fps, piece.sound(SAMPLE_RATE), SAMPLE_RATE)
    beats = clock.beats(params.seconds)
    np.savez(
        truth_out,
        joints3d=camera.to_camera(motion.joints).astype(np.float32),
        joints2d=camera.project(motion.joints).astype(np.float32),
        beats=clock.time(beats),
        downbeats=clock.time(beats[beats % 4 == 0]),
        strength=np.float64(clarity),
        bpm=np.float64(clock.bpm),
        fps=np.float64(params.fps),
        style=np.array(video.style),
        camera_rotation=camera.rotation,
        camera_position=camera.position,
        camera_focal=np.float64(camera.focal),
        camera_centre=np.array(camera.centre),
    )
