"""Frames of a video with the times at which they are shown, and how to show them."""

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from pace.media import streams
from pace.media.streams import MediaError

if TYPE_CHECKING:
    from av.sidedata.sidedata import SideData

_Timed = TypeVar("_Timed")  # an item that `on_grid` puts on the time grid

TRUNCATION_SLACK = 0.5  # seconds of video that may be missing at the end before the file counts as truncated
MAX_EARLY = 0.65  # grid steps; enough to reach the nearest frame when 24 frames per second become 30


def first_frame(container: av.container.InputContainer, path: Path | str) -> tuple[float, av.VideoFrame]:
    """Time stamp in seconds of the first frame shown, and the frame. Raises MediaError when none decodes."""
    for frame in streams.decoded(container, streams.video_stream(container, path), av.VideoFrame):
        return float(frame.time or 0.0), frame
    raise MediaError(f"{path}: no frame of its video can be decoded; get an intact copy")


def timed_frames(path: Path | str, duration: float) -> Iterator[tuple[float, av.VideoFrame]]:
    """All frames with their times in seconds after the first one; duration: that of the header.

    Raises MediaError at the end if the frames end more than half a second before `duration`.
    """
    end = 0.0
    with streams.open_media(path) as container:
        stream = streams.video_stream(container, path)
        step = float(1 / streams.frame_rate(stream))
        first: float | None = None
        time = -step
        for frame in streams.decoded(container, stream, av.VideoFrame):
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
    with streams.open_media(path) as container:
        stream = streams.video_stream(container, path)
        unit = streams.time_base(stream)
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
