"""Opening media files, and choosing and decoding their streams."""

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import av
from av.stream import Disposition

_Frame = TypeVar("_Frame", av.VideoFrame, av.AudioFrame)


class MediaError(ValueError):
    """A video or audio file cannot be used; the message names the file, the fault and the remedy."""


def check_file(path: Path | str) -> None:
    """Raise MediaError unless the path is an ordinary file, and no folder, device or pipe, which may never end."""
    if not Path(path).exists():
        raise MediaError(f"{path}: no such file; correct the path or restore the file")
    if not Path(path).is_file():
        raise MediaError(f"{path}: a folder, device or pipe; give an ordinary file")


@contextlib.contextmanager
def open_media(path: Path | str, options: dict[str, str] | None = None) -> Iterator[av.container.InputContainer]:
    """Open a file for reading. options: those of FFmpeg's demuxer.

    Raises MediaError when the file is missing or not a media file, and for errors of FFmpeg inside the `with` block.
    Errors of the operating system pass unchanged.
    """
    check_file(path)
    try:
        container = av.open(str(path), options=options, metadata_errors="replace")
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


def frame_rate(stream: av.VideoStream) -> Fraction:
    """Nominal frames per second, 30 where the file does not say."""
    return stream.average_rate or stream.guessed_rate or Fraction(30)


def time_base(stream: av.VideoStream) -> Fraction:
    """The unit of a stream's time stamps in seconds. Every stream of an opened file has one."""
    assert stream.time_base is not None
    return stream.time_base


def decoded(
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
