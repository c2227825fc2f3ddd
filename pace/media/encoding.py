"""Encoding a video anew at full size and rate, for streams that cannot be copied."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.filter import Graph
from av.video.frame import PictureType

from pace.media import timeline
from pace.media.display import Display
from pace.media.frames import timed_frames
from pace.media.output import Clock, open_output
from pace.media.shown import Pictures
from pace.media.writing import AudioWriter

_TICKS = 90_000  # per second: the unit of time of broadcasts, in which the usual frame rates are whole numbers


def encoded_size(shown: Pictures) -> tuple[int, int]:
    """Width and height of the encoded video: as shown, without an odd last column or row, which H.264 cannot hold."""
    width, height = (max(2, side // 2 * 2) for side in shown.size)
    return width, height


def encode(video: Path | str, shown: Pictures, audio: np.ndarray, sample_rate: int, out: Path) -> None:
    """Write the video as H.264 (8 bits, 4:2:0) and audio (S,) float32 mono, sample 0 at the first picture.

    Each picture keeps its time. Rotation and pixel aspect are applied; pictures of another size than the first one's
    are scaled and letterboxed. Colours keep their meaning. Raises MediaError for an unreadable video.
    """
    clock = Clock.of(shown.times, shown.duration, _TICKS)
    lengths = dict(zip(clock.starts.tolist(), clock.lengths.tolist(), strict=True))
    rate = Fraction(len(shown.times) / shown.duration).limit_denominator(1001)
    with open_output(out) as container:
        # No B-frames: an mp4 states how long the last stored picture is shown, which must be the last one shown.
        options = {"crf": "18", "preset": "veryfast", "bf": "0"}
        stream = container.add_stream("libx264", rate=rate, options=options)
        stream.width, stream.height = encoded_size(shown)
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, _TICKS)
        sound = AudioWriter(container, audio, sample_rate)

        def mux(packets: "list[av.Packet[av.VideoStream]]") -> None:
            for packet in packets:
                packet.duration = lengths[packet.pts]
                container.mux(packet)

        frames = _displayed(video, shown, encoded_size(shown))
        for index, (frame, start) in enumerate(zip(frames, clock.starts.tolist(), strict=True)):
            if index == 0:
                context = stream.codec_context
                context.color_range, context.colorspace = frame.color_range, frame.colorspace
                context.color_primaries, context.color_trc = frame.color_primaries, frame.color_trc
            frame.pts, frame.time_base = start, Fraction(1, _TICKS)
            sound.write_until(start / _TICKS)
            mux(stream.encode(frame))
        mux(stream.encode(None))
        sound.finish()


def _displayed(video: Path | str, shown: Pictures, size: tuple[int, int]) -> Iterator[av.VideoFrame]:
    """The video's frames as shown, all of one size, yuv420p."""
    graph, current = Graph(), None
    for _, (frame, display) in timed_frames(video, timeline.of(video)):
        kind = (frame.format.name, frame.width, frame.height, display)
        if kind != current:
            graph, current = _graph(frame, display, size), kind
        frame.pts = None
        graph.vpush(frame)
        displayed = graph.vpull()
        displayed.pict_type = PictureType.NONE
        yield displayed


def _graph(frame: av.VideoFrame, display: Display, size: tuple[int, int]) -> Graph:
    """Filters that show frames like this one: square pixels, letterboxed into `size`, turned, limited range."""
    a, b, c, d = display.matrix
    width, height = size if a else size[::-1]  # before turning
    square = round(frame.width * display.aspect), frame.height
    if tuple(side // 2 * 2 for side in square) != (width, height):
        scale = min(width / square[0], height / square[1])
        square = max(1, round(square[0] * scale)), max(1, round(square[1] * scale))
    matrix = ":out_color_matrix=bt709" if frame.format.is_rgb else ""
    filters = [
        ("scale", f"{square[0]}:{square[1]}:flags=bicubic:out_range=tv{matrix}"),
        ("format", "yuv420p"),
        ("crop", f"{min(width, square[0])}:{min(height, square[1])}:0:0"),
        ("pad", f"{width}:{height}:-1:-1"),
    ]
    if not a:
        filters.append(("transpose", "cclock_flip"))
        a, d = c, b
    filters += [("vflip", "")] * (d < 0) + [("hflip", "")] * (a < 0) + [("setsar", "1")]
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, _TICKS)
    )
    nodes = [graph.add(name, arguments) for name, arguments in filters]
    graph.link_nodes(source, *nodes, graph.add("buffersink")).configure()
    return graph
