"""Reading the streams of a media file: frames and samples with their true times, as they are meant to be shown."""

import contextlib
import dataclasses
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition
from av.video.reformatter import VideoReformatter

AUDIO_SLACK = 0.01  # seconds that audio timestamps may wander before silence is put in or samples are dropped
TRUNCATION_SLACK = 0.5  # seconds of video that may be missing at the end before the file counts as truncated
EARLY = 0.65  # grid steps; enough for the nearest frame when 24 frames per second become 30


class MediaError(ValueError):
    """A video or audio file cannot be used; the message names the file, what is wrong and what to do."""


@contextlib.contextmanager
def open_media(path: Path | str) -> Iterator[av.container.InputContainer]:
    """Open a file for reading. Raises MediaError when it is missing or not a media file, or FFmpeg fails within.

    Errors of the operating system pass as they are.
    """
    if not Path(path).is_file():
        raise MediaError(f"{path}: no such file; correct the path or restore the file")
    try:
        container = av.open(str(path), metadata_errors="replace")
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(f"{path}: not a readable media file ({error.strerror}); get a sound copy") from None
    try:
        with container:
            yield container
    except av.error.FFmpegError as error:
        if isinstance(error, OSError):
            raise
        raise MediaError(f"{path}: FFmpeg cannot process it ({error.strerror}); get a sound copy") from None


def video_stream(container: av.container.InputContainer, path: Path | str) -> av.VideoStream:
    """The first video stream that is not a cover picture. Raises MediaError when there is none."""
    for stream in container.streams.video:
        if stream.codec_context and not stream.disposition & Disposition.attached_pic:
            stream.thread_type, stream.codec_context.thread_count = "AUTO", 2
            return stream
    raise MediaError(f"{path}: no video stream that can be decoded; give a sound video file")


def audio_stream(container: av.container.InputContainer) -> av.AudioStream | None:
    """The first audio stream of a known codec, or None."""
    return next((stream for stream in container.streams.audio if stream.codec_context), None)


def frame_rate(stream: av.VideoStream) -> Fraction:
    """Nominal frames per second, 30 where the file does not say."""
    return stream.average_rate or stream.guessed_rate or Fraction(30)


def first_frame(container: av.container.InputContainer, path: Path | str) -> tuple[float, av.VideoFrame]:
    """Time stamp in seconds of the first frame shown, and the frame. Raises MediaError when none decodes."""
    for frame in _decoded(container, video_stream(container, path)):
        return float(frame.time or 0.0), frame
    raise MediaError(f"{path}: not one frame of its video can be decoded; get a sound copy")


def timed_frames(path: Path | str, duration: float) -> Iterator[tuple[float, av.VideoFrame]]:
    """All frames with their times in seconds after the first one.

    Raises MediaError at the end if more than half a second of `duration` (the header's) did not come.
    """
    end = 0.0
    with open_media(path) as container:
        stream = video_stream(container, path)
        step = float(1 / frame_rate(stream))
        first, time = None, -step
        for frame in _decoded(container, stream):
            if frame.pts is None:
                time += step
            else:
                first = frame.time if first is None else first
                time = frame.time - first
            end = time + (float(frame.duration * frame.time_base) if frame.duration else step)
            yield time, frame
    if end + TRUNCATION_SLACK < duration:
        raise MediaError(f"{path}: truncated, its video ends at {end:.2f} of {duration:.2f} s; get a sound copy")


def packet_times(path: Path | str) -> np.ndarray:
    """Time stamps (N,) in seconds of the packets in the order of showing, without those that an edit list cuts."""
    with open_media(path) as container:
        stream = video_stream(container, path)
        packets = (packet for packet in container.demux(stream) if packet.pts is not None and not packet.is_discard)
        return np.sort(np.array([float(packet.pts * stream.time_base) for packet in packets]))


def on_grid(timed: Iterator[tuple[float, av.VideoFrame]], fps: float, count: int) -> Iterator[av.VideoFrame]:
    """`count` frames at i/fps: the nearest in time, without the mean delay of waiting for each frame.

    A frame comes early by EARLY grid steps at most, so that a gap in the file holds the frame before it.
    """
    current, before, index = None, 0.0, 0
    for time, frame in timed:
        switch = time - min(EARLY / fps, (time - before) / 2)
        while current is not None and index < count and index / fps < switch:
            yield current
            index += 1
        current, before = frame, time
    for _ in range(index, count if current is not None else 0):
        yield current


@dataclasses.dataclass(frozen=True)
class Display:
    """How stored frames are to be shown: pixel aspect (width over height), and the display matrix's linear part.

    Shown x = a x + c y, shown y = b x + d y, each of a, b, c, d one of -1, 0, 1.
    """

    aspect: float = 1.0
    matrix: tuple[int, int, int, int] = (1, 0, 0, 1)

    @classmethod
    def of(cls, stream: av.VideoStream, frame: av.VideoFrame) -> "Display":
        """Read it from a stream's first frame."""
        aspect = float(stream.sample_aspect_ratio or 1)
        for data in frame.side_data:
            if data.type.name == "DISPLAYMATRIX":
                stored = np.frombuffer(bytes(data), np.int32)
                a, b, c, d = (int(np.sign(stored[i])) * (abs(int(stored[i])) > 1 << 15) for i in (0, 1, 3, 4))
                return cls(aspect, (a, b, c, d))
        return cls(aspect)

    def size(self, frame: av.VideoFrame) -> tuple[int, int]:
        """Width and height as shown, with square pixels."""
        width, height = round(frame.width * self.aspect), frame.height
        return (width, height) if self.matrix[0] else (height, width)

    def rgb(self, frame: av.VideoFrame, short_side: int | None, reformatter: VideoReformatter) -> np.ndarray:
        """The frame as shown, (H,W,3) uint8; with `short_side`, area-filtered to it, both sides even.

        One `reformatter` for all frames of a video: setting one up costs more than a frame.
        """
        width, height = round(frame.width * self.aspect), frame.height
        if short_side is not None:
            scale = short_side / min(width, height)
            width, height = (max(2, 2 * round(side * scale / 2)) for side in (width, height))
        image = reformatter.reformat(frame, width, height, "rgb24", interpolation="AREA").to_ndarray()
        a, b, c, d = self.matrix
        if not a:
            image, a, d = image.transpose(1, 0, 2), c, b
        return np.ascontiguousarray(image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


def audio_chunks(path: Path | str, sample_rate: int) -> Iterator[np.ndarray]:
    """Consecutive mono pieces (S,) float32, the mean of the channels, laid out by their time stamps.

    The first sample is time zero of the video, or the first sample of a file without video.
    """
    with open_media(path) as container:
        if audio_stream(container) is None:
            return
        has_video = any(not stream.disposition & Disposition.attached_pic for stream in container.streams.video)
        zero = first_frame(container, path)[0] if has_video else None
    written = 0
    with open_media(path) as container:
        for frame in _resampled(_decoded(container, audio_stream(container)), sample_rate):
            samples = frame.to_ndarray().mean(axis=0)
            zero = frame.time if zero is None else zero
            gap = round((frame.time - zero) * sample_rate) - written
            if written and abs(gap) <= AUDIO_SLACK * sample_rate:
                gap = 0
            for start in range(0, gap, sample_rate):
                yield np.zeros(min(sample_rate, gap - start), np.float32)
            samples = samples[max(0, -gap) :]
            written += max(0, gap) + len(samples)
            if len(samples):
                yield samples


def _decoded(container: av.container.InputContainer, stream: av.stream.Stream) -> Iterator[av.frame.Frame]:
    """Frames of a stream; packets that do not decode are passed over."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            yield from packet.decode()
        except av.error.FFmpegError:
            continue


def _resampled(frames: Iterator[av.AudioFrame], sample_rate: int) -> Iterator[av.AudioFrame]:
    """Planar float frames at `sample_rate`; a stream may change its layout or rate on the way."""
    resampler, kind = None, None
    for frame in frames:
        if kind != (frame.format.name, frame.layout.name, frame.sample_rate):
            if resampler:
                yield from resampler.resample(None)
            kind = (frame.format.name, frame.layout.name, frame.sample_rate)
            resampler = av.AudioResampler("fltp", frame.layout, sample_rate)
        yield from resampler.resample(frame)
    if resampler:
        yield from resampler.resample(None)
