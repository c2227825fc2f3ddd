"""Reading and writing video and audio files through PyAV, with both streams on one clock.

Time zero of every file is the moment its first video frame is shown; audio is cut or padded there, exact to the sample.
Real files start their streams up to 45 ms apart, as much as the tolerance of the rhythm metrics.
"""

import dataclasses
import wave
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from pace.clip import SAMPLE_RATE
from pace.media import streams
from pace.media.streams import MediaError as MediaError
from pace.pipeline.params import limits


@dataclasses.dataclass(frozen=True)
class DecodeParams:
    """Section `decode`: frames per second, and pixels of the short side."""

    fps: float = limits(1, 240)
    short_side: int = limits(16, 4320)


@dataclasses.dataclass(frozen=True)
class VideoInfo:
    """A video's properties as shown: duration in seconds from the first frame, size in pixels after rotation."""

    duration_s: float
    fps: float
    width: int
    height: int
    has_audio: bool


def probe(path: Path | str) -> VideoInfo:
    """Read a video's properties from its header and its first frame. Raises MediaError."""
    with streams.open_media(path) as container:
        stream = streams.video_stream(container, path)
        first, frame = streams.first_frame(container, path)
        rate = float(streams.frame_rate(stream))
        if stream.duration:
            duration = float(stream.duration * streams.time_base(stream))
        else:
            duration = float(streams.packet_times(path).max(initial=0.0)) + 1 / rate - first
        width, height = streams.Display.of(stream, frame).size(frame)
        return VideoInfo(duration, rate, width, height, streams.audio_stream(container) is not None)


def codec(path: Path | str) -> str:
    """Name of the video's codec, such as h264, hevc, vp9 or av1. Raises MediaError."""
    with streams.open_media(path) as container:
        return streams.video_stream(container, path).codec.canonical_name


def frame_count(info: VideoInfo, fps: float) -> int:
    """Number of frames at the constant rate `fps` that cover a video, at least 1."""
    return max(1, round(info.duration_s * fps))


def frame_times(path: Path | str) -> np.ndarray:
    """When each frame is shown (N,) float64, in seconds after the first, without decoding. Raises MediaError."""
    times = streams.packet_times(path)
    if not len(times):
        raise MediaError(f"{path}: its video has no time stamps; convert it")
    return np.asarray(times - times[0])


def read_frames(path: Path | str, fps: float | None = None, short_side: int | None = None) -> Iterator[np.ndarray]:
    """Frames (H,W,3) uint8 RGB as shown: rotation applied, pixels square.

    fps: read round(duration * fps) frames at that constant rate; frame i is the one nearest to i/fps. Without it, read
    each stored frame once.
    short_side: area-filter the frames to that size, both sides even.
    Raises MediaError, also at the end when the file is truncated.
    """
    info = probe(path)
    with streams.open_media(path) as container:
        stream = streams.video_stream(container, path)
        display = streams.Display.of(stream, streams.first_frame(container, path)[1])
    timed = streams.timed_frames(path, info.duration_s)
    frames = (frame for _, frame in timed) if fps is None else streams.on_grid(timed, fps, frame_count(info, fps))
    reformatter = VideoReformatter()
    last: av.VideoFrame | None = None
    image = np.zeros(0, np.uint8)
    for frame in frames:
        if frame is not last:  # the grid may repeat a frame
            last, image = frame, display.rgb(frame, short_side, reformatter)
        yield image


def read_audio(path: Path | str, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Mono samples (S,) float32 in [-1,1]: the mean of the channels; sample 0 is at time zero of a video.

    Raises MediaError, also for a file without audio.
    """
    chunks = list(streams.audio_chunks(path, sample_rate))
    if not chunks:
        raise MediaError(f"{path}: no audio in it; give a file with an audio stream")
    return np.concatenate(chunks)


def decode(path: Path | str, video_out: Path, audio_out: Path, fps: float, short_side: int) -> None:
    """Write a video at a constant rate without audio, and its audio as a wav on the same clock.

    Frame i of `video_out` (H.264 mp4, even sizes) is time i/fps, sample j of `audio_out` (22,050 Hz mono PCM16,
    as long as the video) is time j/22050. A video without audio gets no wav. Raises MediaError.
    """
    write_video(video_out, read_frames(path, fps, short_side), fps)
    sample_count = round(frame_count(probe(path), fps) / fps * SAMPLE_RATE)
    chunks = streams.audio_chunks(path, SAMPLE_RATE)
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


def write_video(
    path: Path | str,
    frames: Iterable[np.ndarray],
    fps: float,
    audio: np.ndarray | None = None,
    sample_rate: int = SAMPLE_RATE,
) -> None:
    """Write frames (H,W,3) uint8 RGB, and audio (S,) float32 mono in [-1,1], as an H.264 + AAC mp4.

    Frame 0 and sample 0 share time zero. An odd last row or column is cut off.
    Raises ValueError when there are no frames.
    """
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise ValueError(f"{path}: no frames to write")
    height, width = (side // 2 * 2 for side in first.shape[:2])
    rate = Fraction(fps).limit_denominator(1001)
    with av.open(str(path), "w", format="mp4") as container:
        # CRF 18: keypoints are read from it. The same bytes every time: one thread, since the encoder writes its thread
        # count into the file, and no macroblock tree, which differed in 1 of 50 small videos.
        options = {"crf": "18", "preset": "ultrafast", "threads": "1", "x264-params": "mbtree=0"}
        stream = container.add_stream("libx264", rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = 1 / rate
        sound = _AudioWriter(container, audio, sample_rate) if audio is not None else None
        index, reformatter = 0, VideoReformatter()
        while first is not None:
            pixels = np.ascontiguousarray(first[:height, :width])
            frame = reformatter.reformat(av.VideoFrame.from_ndarray(pixels, format="rgb24"), format="yuv420p")
            frame.pts, frame.time_base = index, 1 / rate
            container.mux(stream.encode(frame))
            index += 1
            if sound:
                sound.write_until(float(index / rate))
            first = next(frames, None)
        container.mux(stream.encode(None))
        if sound:
            sound.finish()


def mux(video_path: Path | str, audio: np.ndarray, sample_rate: int, out: Path | str) -> None:
    """Copy a file's video stream into an mp4 and add audio (S,) float32 mono, sample 0 at the first frame.

    Raises MediaError for an unreadable video or one whose codec an mp4 cannot hold.
    """
    with streams.open_media(video_path) as source:
        template = streams.video_stream(source, video_path)
        first, _ = streams.first_frame(source, video_path)
    with streams.open_media(video_path) as source, av.open(str(out), "w", format="mp4") as container:
        template = streams.video_stream(source, video_path)
        try:
            stream = container.add_stream_from_template(template)
            sound = _AudioWriter(container, audio, sample_rate)
            container.start_encoding()
        except (ValueError, av.error.FFmpegError) as error:
            name = template.codec_context.name
            raise MediaError(f"{video_path}: an mp4 cannot hold its {name} video; convert it to H.264") from error
        shift = round(Fraction(first) / streams.time_base(template))
        for packet in source.demux(template):
            if packet.dts is None:
                continue
            time = float((packet.dts - shift) * packet.time_base)
            packet.dts -= shift
            packet.pts = packet.dts if packet.pts is None else packet.pts - shift
            packet.stream = stream
            container.mux(packet)
            sound.write_until(time)
        sound.finish()


class _AudioWriter:
    """Encodes an array as AAC into an open container, piece by piece alongside the video."""

    def __init__(self, container: av.container.OutputContainer, audio: np.ndarray, sample_rate: int) -> None:
        if audio.ndim != 1:
            raise ValueError(f"audio of shape {audio.shape}; expected mono samples (S,)")
        self.container, self.audio, self.sample_rate, self.done = container, audio, sample_rate, 0
        self.stream = container.add_stream("aac", rate=sample_rate, layout="mono", options={"b": "96000"})

    def write_until(self, time: float) -> None:
        while self.done < len(self.audio) and self.done < time * self.sample_rate:
            piece = np.clip(self.audio[self.done : self.done + 1024], -1, 1).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(piece[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = self.sample_rate, self.done, Fraction(1, self.sample_rate)
            self.container.mux(self.stream.encode(frame))
            self.done += len(piece)

    def finish(self) -> None:
        self.write_until(float("inf"))
        self.container.mux(self.stream.encode(None))
