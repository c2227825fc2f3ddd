"""Frames of a video with the times at which they are shown, and how to put them on a grid of constant steps."""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import av

from pace.media import streams, timeline
from pace.media.display import Display, Displays
from pace.media.streams import MediaError
from pace.media.timeline import TRUNCATION_SLACK, Timeline

log = logging.getLogger(__name__)

_Timed = TypeVar("_Timed")  # an item that `on_grid` puts on the time grid

MAX_EARLY = 0.65  # grid steps; enough to reach the nearest frame when 24 frames per second become 30


def first_frame(container: av.container.InputContainer, path: Path | str) -> tuple[float, av.VideoFrame]:
    """Time stamp in seconds of the first frame shown, and the frame. Raises MediaError when none decodes."""
    shown, stream = timeline.of(path), streams.video_stream(container, path)
    for frame in streams.from_first(streams.decoded(container, stream, av.VideoFrame), shown.first):
        return shown.start or 0.0, frame
    raise MediaError(f"{path}: no frame of its video can be decoded; get an intact copy")


def timed_frames(path: Path | str, shown: Timeline) -> Iterator[tuple[float, tuple[av.VideoFrame, Display]]]:
    """All frames, in the order of showing, with their times in seconds after the first one, and how to show them.

    Damaged pictures are left out, and their number is logged. Raises MediaError at the end if the frames end more than
    half a second too early.
    """
    time, damaged = 0.0, list[int]()
    with streams.open_media(path) as container:
        stream = streams.video_stream(container, path)
        displays = Displays(stream)
        for frame in streams.from_first(streams.decoded(container, stream, av.VideoFrame, damaged), shown.first):
            if shown.times is not None:
                time = max(time, shown.times.get(streams.packet_number(frame), time))
            elif frame.pts is not None and shown.start is not None:
                time = max(time, frame.time - shown.start)
            yield time, (frame, displays.of(frame))
    lost = sum(number > shown.first for number in damaged)
    if lost:
        log.warning("%s: pictures left out because they are damaged: %d", path, lost)
    if time + TRUNCATION_SLACK < shown.last:
        raise MediaError(
            f"{path}: truncated, its video ends at {time:.2f} of {shown.duration:.2f} s; get an intact copy"
        )


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
