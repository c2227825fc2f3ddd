"""Opening media files, and choosing and decoding their streams."""

import contextlib
import dataclasses
import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import av
import numpy as np
from av.stream import Disposition

if TYPE_CHECKING:
    Packet: TypeAlias = av.Packet[av.stream.Stream]
else:
    Packet: TypeAlias = av.Packet
_Frame = TypeVar("_Frame", av.VideoFrame, av.AudioFrame)

NO_VIDEO = "no video stream that can be decoded; give an undamaged video file"
# A video stream that is no picture of its own: a cover, one still, a thumbnail for each chapter.
STILLS = Disposition.attached_pic | Disposition.still_image | Disposition.timed_thumbnails
MOVING_SHARE = 0.25  # of the pictures and of the area of the other video streams, below which one is a preview of them
LONG_SHARE = 0.9  # of the longest video stream, above which one counts as long
RETRIES = 100  # times that a file may ask to read on after damaged data
RATES = (0.1, 1000)  # frames per second that a header may state and be believed
LONG_LOOK = {
    "probesize": "50000000",
    "analyzeduration": "300000000",
}  # bytes and microseconds: for streams that begin late


@dataclasses.dataclass(frozen=True)
class _Number:
    """What a packet carries through the decoder: an object of its own, since PyAV finds it by its address."""

    value: int


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
        if _begins_late(container):
            container.close()
            container = av.open(str(path), options=LONG_LOOK | (options or {}), metadata_errors="replace")
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(f"{path}: not a readable media file ({error.strerror}); get an intact copy") from None
    try:
        with container:
            yield container
    except av.error.FFmpegError as error:
        if isinstance(error, OSError):
            raise
        raise MediaError(f"{path}: FFmpeg cannot process it ({error.strerror}); get an intact copy") from None


def video_streams(container: av.container.InputContainer) -> list[av.VideoStream]:
    """The video streams that can be decoded, without covers and thumbnails of chapters."""
    return [stream for stream in container.streams.video if stream.codec_context and not stream.disposition & STILLS]


def video_stream(container: av.container.InputContainer, path: Path | str) -> av.VideoStream:
    """The video stream that a viewer wants to see. Raises MediaError when there is none.

    Of several: one that moves (no poster, no preview of few or small pictures), and of those the one marked as the
    default, then a long one, then the first.
    """
    candidates = video_streams(container)
    if not candidates:
        raise MediaError(f"{path}: {NO_VIDEO}")
    stream = candidates[0] if len(candidates) == 1 else _moving(candidates, path)
    stream.thread_type, stream.codec_context.thread_count = "AUTO", 2
    return stream


def frame_rate(stream: av.VideoStream, pictured: bool = False) -> Fraction:
    """Nominal frames per second, 30 where the file states none that is plausible.

    pictured: prefer what the pictures state to what the container does, which makes it up for raw streams.
    """
    rates = (stream.average_rate, stream.guessed_rate)[:: -1 if pictured else 1]
    return next((rate for rate in rates if rate and RATES[0] <= rate <= RATES[1]), Fraction(30))


def time_base(stream: av.VideoStream | av.AudioStream) -> Fraction:
    """The unit of a stream's time stamps in seconds. Every stream of an opened file has one."""
    assert stream.time_base is not None
    return stream.time_base


def packets(container: av.container.InputContainer, *chosen: av.VideoStream | av.AudioStream) -> Iterator[Packet]:
    """Packets of the streams in the order of the file; see `packet_number`.

    Ends where the rest of the file cannot be read. Errors of the operating system pass.
    """
    numbers = dict.fromkeys((stream.index for stream in chosen), 0)
    demuxed, retries = container.demux(list(chosen)), 0
    while True:
        try:
            packet = next(demuxed, None)
        except BlockingIOError:  # what FFmpeg says where it skips damaged data
            retries += 1
            if retries > RETRIES:
                return
            demuxed = container.demux(list(chosen))
            continue
        except OSError:
            raise
        except (av.error.FFmpegError, IndexError):  # IndexError: PyAV's end of a file in which a stream appears midway
            return
        if packet is None:
            return
        if packet.size:
            packet.opaque = _Number(numbers[packet.stream_index])
            numbers[packet.stream_index] += 1
            yield packet


def decoded(
    container: av.container.InputContainer,
    stream: av.VideoStream | av.AudioStream,
    kind: type[_Frame],
    damaged: list[int] | None = None,
) -> Iterator[_Frame]:
    """Frames of a stream, which are of `kind`, in the order of showing; see `packet_number`.

    Packets that do not decode are skipped, and their numbers put into `damaged`.
    """
    stream.codec_context.copy_opaque = True
    for packet in packets(container, stream):
        frames = decode_packet(stream, packet, kind)
        if frames is None:
            if damaged is not None:
                damaged.append(packet_number(packet))
        else:
            yield from frames
    yield from decode_packet(stream, None, kind) or ()


def packet_number(item: av.VideoFrame | av.AudioFrame | Packet) -> int:
    """Number in its stream, from 0, of a packet of `packets`, or of the one that a frame comes from; -1 if unknown."""
    return item.opaque.value if isinstance(item.opaque, _Number) else -1


def from_first(frames: Iterator[av.VideoFrame], first: int) -> Iterator[av.VideoFrame]:
    """Frames from that of the packet number `first` on."""
    return itertools.dropwhile(lambda frame: packet_number(frame) != first, frames)


def decode_packet(
    stream: av.VideoStream | av.AudioStream, packet: Packet | None, kind: type[_Frame]
) -> list[_Frame] | None:
    """The frames that a decoder gives for its next packet, or at the end (None); None where the packet is damaged."""
    try:
        frames = [frame for frame in stream.codec_context.decode(packet) if isinstance(frame, kind)]
    except av.error.FFmpegError:
        return None
    for frame in frames if packet is None else ():
        frame.time_base = time_base(stream)
    return frames


def _begins_late(container: av.container.InputContainer) -> bool:
    """Whether a stream's properties are not in the beginning of the file, at which FFmpeg looks when it opens one."""
    pictures = (stream.codec_context for stream in container.streams.video)
    sounds = (stream.codec_context for stream in container.streams.audio)
    return any(of and not of.width for of in pictures) or any(of and not of.sample_rate for of in sounds)


def _moving(candidates: list[av.VideoStream], path: Path | str) -> av.VideoStream:
    """Choose among several video streams, by their packets: what a header says of them is often missing or wrong."""
    stamps: dict[int, list[float]] = {stream.index: [] for stream in candidates}
    with open_media(path) as container:
        for packet in packets(container, *(stream for stream in container.streams.video if stream.index in stamps)):
            stamp = packet.pts if packet.pts is not None else packet.dts
            stamps[packet.stream_index].append(float("nan") if stamp is None else float(stamp * packet.time_base))
    counts = np.array([len(stamps[stream.index]) for stream in candidates])
    areas = np.array([stream.codec_context.width * stream.codec_context.height for stream in candidates])
    moves = (counts > 1) & (counts >= MOVING_SHARE * counts.max())
    fit = moves & (areas >= MOVING_SHARE * areas[moves].max()) if moves.any() else counts == counts.max()
    seconds = [np.nan_to_num(np.ptp(stamps[stream.index])) for stream in candidates if stamps[stream.index]]

    def rank(stream: av.VideoStream) -> tuple[bool, bool]:
        own = np.nan_to_num(np.ptp(stamps[stream.index] or [0.0]))
        return bool(stream.disposition & Disposition.default), bool(own >= LONG_SHARE * max(seconds, default=0.0))

    return max((stream for stream, good in zip(candidates, fit, strict=True) if good), key=rank)
