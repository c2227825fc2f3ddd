"""Reading videos through PyAV, and converting them to files whose picture and sound have one clock.

Time zero of every file is the moment its first video frame is shown; audio is cut or padded there, exact to the sample.
Real files start their streams up to 45 ms apart, as much as the tolerance of the rhythm metrics.
"""

import dataclasses
import wave
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from pace.clip import SAMPLE_RATE
from pace.media import display, frames, sound_track, streams, timeline
from pace.media.streams import MediaError
from pace.media.writing import write_video
from pace.pipeline.params import limits


@dataclasses.dataclass(frozen=True)
class DecodeParams:
    """Section `decode`: frames per second, and pixels of the short side."""

    fps: float = limits(1, 240)
    short_side: int = limits(16, 4320)


@dataclasses.dataclass(frozen=True)
class VideoInfo:
    """A video's properties as shown: duration in seconds from the first frame, size in pixels after rotation.

    Where the size changes midway, it is that of most frames. remarks: sentences on what is unusual about the file.
    """

    duration_s: float
    fps: float
    width: int
    height: int
    has_audio: bool
    remarks: tuple[str, ...] = ()


def probe(path: Path | str) -> VideoInfo:
    """Read a video's properties from its packets and some of its frames. Raises MediaError."""
    shown = _timeline(path)
    return VideoInfo(shown.duration, shown.rate, *shown.size, shown.has_sound, shown.remarks)


def frame_count(info: VideoInfo, fps: float) -> int:
    """Number of frames at the constant rate `fps` that cover a video, at least 1."""
    return _count(info.duration_s, fps)


def frame_times(path: Path | str) -> np.ndarray:
    """When each frame is shown (N,) float64, in seconds after the first. Decodes the video. Raises MediaError."""
    return np.array([time for time, _ in frames.timed_frames(path, _timeline(path))])


def read_frames(path: Path | str, fps: float | None = None, short_side: int | None = None) -> Iterator[np.ndarray]:
    """Frames (H,W,3) uint8 RGB as shown: rotation applied, pixels square, all of the size that most of them have.

    A frame of another shape (the phone was turned) is scaled to fit and gets black borders.
    fps: read round(duration * fps) frames at that constant rate; frame i is the one nearest to i/fps. Without it, read
    each stored frame once.
    short_side: area-filter the frames to that size, both sides even.
    Raises MediaError, also at the end when the file is truncated.
    """
    shown = _timeline(path)
    size = display.scaled(shown.size, short_side)
    timed = frames.timed_frames(path, shown)
    chosen = (item for _, item in timed) if fps is None else frames.on_grid(timed, fps, _count(shown.duration, fps))
    reformatter = VideoReformatter()
    last: av.VideoFrame | None = None
    image = np.zeros(0, np.uint8)
    for frame, how in chosen:
        if frame is not last:  # the grid may repeat a frame
            last, image = frame, how.rgb(frame, size, reformatter)
        yield image


def decode(path: Path | str, video_out: Path, audio_out: Path, fps: float, short_side: int) -> None:
    """Write a video at a constant rate without audio, and its audio as a wav on the same clock.

    Frame i of `video_out` (H.264 mp4, even sizes) is time i/fps, sample j of `audio_out` (22,050 Hz mono PCM16,
    as long as the video) is time j/22050. A video without audio gets no wav. Raises MediaError.
    """
    write_video(video_out, read_frames(path, fps, short_side), fps)
    sample_count = round(frame_count(probe(path), fps) / fps * SAMPLE_RATE)
    chunks = sound_track.audio_chunks(path, SAMPLE_RATE)
    chunk = next(chunks, None)
    if chunk is None:
        return
    with wave.open(str(audio_out), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, sample_count, "NONE", "not compressed"))
        written = 0
        while chunk is not None and written < sample_count:
            chunk = chunk[: sample_count - written]
            file.writeframes(np.round(np.clip(chunk, -1, 1) * 32767).astype("<i2").tobytes())
            written += len(chunk)
            chunk = next(chunks, None)
        file.writeframes(bytes(2 * (sample_count - written)))


def _count(seconds: float, fps: float) -> int:
    return max(1, round(seconds * fps))


def _timeline(path: Path | str) -> timeline.Timeline:
    """The timeline of a file that has video. Raises MediaError."""
    shown = timeline.of(path)
    if shown.start is None:
        raise MediaError(f"{path}: {streams.NO_VIDEO}")
    return shown
