"""Reading the streams of a media file: display-ready frames and audio samples, with their time stamps."""

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import av
import numpy as np
from av.stream import Disposition
from av.video.reformatter import VideoReformatter

if TYPE_CHECKING:
    from av.sidedata.sidedata import SideData

_Frame = TypeVar("_Frame", av.VideoFrame, av.AudioFrame)
_Timed = TypeVar("_Timed")  # an item that `on_grid` puts on the time grid

AUDIO_SLACK = 0.01  # seconds that audio time stamps may wander before silence is inserted or samples are dropped
TRUNCATION_SLACK = 0.5  # seconds of video that may be missing at the end before the file counts as truncated
MAX_EARLY = 0.65  # grid steps; enough to reach the nearest frame when 24 frames per second become 30


class MediaError(ValueError):
    """A video or audio file cannot be used; the message names the file, the fault and the remedy."""


@contextlib.contextmanager
def open_media(path: Path | str) -> Iterator[av.container.InputContainer]:
    """Open a file for reading.

    Raises MediaError when the file is missing or not a media file, and for errors of FFmpeg inside the `with` block.
    Errors of the operating system pass unchanged.
    """
    if not Path(path).is_file():
        raise MediaError(f"{path}: no such file; correct the path or restore the file")
    try:
        container = av.open(str(path), metadata_errors="replace")
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(f"{path}: not a readable media file ({error.strerror}); get an intact copy") from None
    try:
        with container:
            yield container
    except av.error.FFmpegError as error:
        if isinstance(error, OSError):
            raise
        raise MediaError(f"{path}: FFmpeg cannot process it ({error.strerror}); get an intact copy") from None


def video_stream(container: av.container.InputContainer, path: Path | str) -> av.VideoStream:
    """The first video stream that is not a cover picture. Raises MediaError when there is none."""
    for stream in container.streams.video:
        if stream.codec_context and not stream.disposition & Disposition.attached_pic:
            stream.thread_type, stream.codec_context.thread_count = "AUTO", 2
            return stream
    raise MediaError(f"{path}: no video stream that can be decoded; give an undamaged video file")


def audio_stream(container: av.container.InputContainer) -> av.AudioStream | None:
    """The first audio stream of a known codec, or None."""
    return next((stream for stream in container.streams.audio if stream.codec_context), None)


def frame_rate(stream: av.VideoStream) -> Fraction:
    """Nominal frames per second, 30 where the file does not say."""
    return stream.average_rate or stream.guessed_rate or Fraction(30)


def time_base(stream: av.VideoStream) -> Fraction:
    """The unit of a stream's time stamps in seconds. Every stream of an opened file has one."""
    assert stream.time_base is not None
    return stream.time_base


def first_frame(container: av.container.InputContainer, path: Path | str) -> tuple[float, av.VideoFrame]:
    """Time stamp in seconds of the first frame shown, and the frame. Raises MediaError when none decodes."""
    for frame in _decoded(container, video_stream(container, path), av.VideoFrame):
        return float(frame.time or 0.0), frame
    raise MediaError(f"{path}: no frame of its video can be decoded; get an intact copy")


def timed_frames(path: Path | str, duration: float) -> Iterator[tuple[float, av.VideoFrame]]:
    """All frames with their times in seconds after the first one; duration: that of the header.

    Raises MediaError at the end if the frames end more than half a second before `duration`.
    """
    end = 0.0
    with open_media(path) as container:
        stream = video_stream(container, path)
        step = float(1 / frame_rate(stream))
        first: float | None = None
        time = -step
        for frame in _decoded(container, stream, av.VideoFrame):
            if frame.pts is None:
                time += step
            else:
                first = frame.time if first is None else first
                time = frame.time - first
            length = float(frame.duration * frame.time_base) if frame.duration and frame.time_base else step
            end = time + length
            yield time, frame
    if end + TRUNCATION_SLACK < duration:
        raise MediaError(f"{path}: truncated, its video ends at {end:.2f} of {duration:.2f} s; get an intact copy")


def packet_times(path: Path | str) -> np.ndarray:
    """Time stamps (N,) in seconds of the packets in the order of showing, without those that an edit list cuts."""
    with open_media(path) as container:
        stream = video_stream(container, path)
        unit = time_base(stream)
        packets = (packet for packet in container.demux(stream) if not packet.is_discard)
        return np.sort(np.array([float(packet.pts * unit) for packet in packets if packet.pts is not None]))


def on_grid(timed: Iterable[tuple[float, _Timed]], fps: float, count: int) -> Iterator[_Timed]:
    """`count` frames at i/fps: the nearest in time, so that frames do not come late on average.

    A frame comes early by MAX_EARLY grid steps at most. In a gap in the file, the previous frame is repeated.
    """
    current: _Timed | None = None
    current_time, index = 0.0, 0
    for time, frame in timed:
        switch = time - min(MAX_EARLY / fps, (time - current_time) / 2)
        while current is not None and index < count and index / fps < switch:
            yield current
            index += 1
        current, current_time = frame, time
    if current is None:
        return
    for _ in range(index, count):
        yield current


@dataclasses.dataclass(frozen=True)
class Display:
    """How to show stored frames: pixel aspect (width over height), and the linear part (a, b, c, d) of the matrix.

    The shown x is a x + c y, the shown y is b x + d y; each of a, b, c, d is -1, 0 or 1.
    """

    aspect: float = 1.0
    matrix: tuple[int, int, int, int] = (1, 0, 0, 1)

    @classmethod
    def of(cls, stream: av.VideoStream, frame: av.VideoFrame) -> "Display":
        """Read it from a stream's first frame."""
        aspect = float(stream.sample_aspect_ratio or 1)
        for data in cast("Iterable[SideData]", frame.side_data):  # PyAV's stubs give it another type
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
        """The frame as shown, (H,W,3) uint8 RGB; with `short_side`, area-filtered to that size, both sides even.

        All frames of a video should share one `reformatter`: making one costs more than converting a frame.
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
    """Consecutive mono pieces (S,) float32, the mean of the channels, placed by their time stamps.

    The first sample is at time zero of the video; without a video it is the first sample of the file.
    Raises MediaError; a file without audio has no pieces.
    """
    with open_media(path) as container:
        if audio_stream(container) is None:
            return
        has_video = any(not stream.disposition & Disposition.attached_pic for stream in container.streams.video)
        zero = first_frame(container, path)[0] if has_video else None
    written = 0
    with open_media(path) as container:
        stream = audio_stream(container)
        assert stream is not None
        for frame in _resampled(_decoded(container, stream, av.AudioFrame), sample_rate):
            samples = frame.to_ndarray().mean(axis=0)
            if frame.time is None:
                raise MediaError(f"{path}: its audio has no time stamps; convert it")
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


def _decoded(
    container: av.container.InputContainer, stream: av.VideoStream | av.AudioStream, kind: type[_Frame]
) -> Iterator[_Frame]:
    """Frames of a stream, which are of `kind`; packets that do not decode are skipped."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            yield from (frame for frame in packet.decode() if isinstance(frame, kind))
        except av.error.FFmpegError:
            continue


def _resampled(frames: Iterator[av.AudioFrame], sample_rate: int) -> Iterator[av.AudioFrame]:
    """Planar float frames at `sample_rate`; the stream's format, layout and rate may change midway."""
    resampler: av.AudioResampler | None = None
    current_format = None
    for frame in frames:
        frame_format = (frame.format.name, frame.layout.name, frame.sample_rate)
        if resampler is None or current_format != frame_format:
            if resampler:
                yield from resampler.resample(None)
            current_format = frame_format
            resampler = av.AudioResampler("fltp", frame.layout, sample_rate)
        yield from resampler.resample(frame)
    if resampler:
        yield from resampler.resample(None)
