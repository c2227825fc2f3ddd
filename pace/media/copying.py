"""Copying a video stream as it is into an mp4 with other sound."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.packet import PacketSideData

from pace.media import streams
from pace.media.output import Clock, open_output
from pace.media.shown import Pictures
from pace.media.writing import AudioWriter

CODECS = ("h264", "hevc", "mpeg4", "av1", "vp9")  # that players expect in an mp4
_TICKS = (10_000, 1_000_000)  # a second of a written file has at least and at most as many


class CannotCopyError(ValueError):
    """The stream cannot be copied; the message says why, as a part of a sentence."""


def copy(video: Path | str, shown: Pictures, audio: np.ndarray, sample_rate: int, out: Path) -> None:
    """Write the video's stream, unchanged, and audio (S,) float32 mono, sample 0 at the first picture.

    shown: what `pictures` says about the video. Many files have no or wrong time stamps in some packets, so each
    packet's time comes from the picture that it decodes to. Raises CannotCopyError, and MediaError for an unreadable
    video.
    """
    with streams.open_media(video) as source:
        stream = streams.video_stream(source, video)
        codec = stream.codec.canonical_name
        if codec not in CODECS:
            raise CannotCopyError(f"players expect no {codec} video in it")
        if len(shown.sizes) > 1:
            raise CannotCopyError("its size changes")
        clock = Clock.of(shown.times, shown.duration, _tick_rate(streams.time_base(stream)))
    slots = _slots(video, shown, clock)
    decode_times = iter(_decode_times([start for start, _ in filter(None, slots)]))
    with streams.open_media(video) as source, open_output(out) as container:
        template = streams.video_stream(source, video)
        try:
            stream = container.add_stream_from_template(template, opaque=True)
            if codec == "hevc":
                stream.codec_context.codec_tag = "hvc1"  # Apple's players refuse the other tag, hev1
            stream.time_base = Fraction(1, clock.rate)
            sound = AudioWriter(container, audio, sample_rate)
            container.start_encoding()
            for packet, slot in zip(streams.packets(source, template), slots, strict=True):
                if slot is None:
                    continue
                packet.stream, packet.time_base = stream, Fraction(1, clock.rate)
                packet.dts, (packet.pts, packet.duration) = next(decode_times), slot
                sound.write_until(packet.dts / clock.rate)
                container.mux(packet)
            sound.finish()
        except (ValueError, av.error.FFmpegError) as error:
            if isinstance(error, OSError):
                raise
            fault = error.strerror if isinstance(error, av.error.FFmpegError) else error  # without the name of `out`
            raise CannotCopyError(f"it cannot hold this {codec} stream ({fault})") from error


def _tick_rate(unit: Fraction) -> int:
    """Ticks per second in which the stream's own unit of time is a whole number, where that is sensible."""
    rate = unit.denominator
    return rate * -(-_TICKS[0] // rate) if rate <= _TICKS[1] else 90_000


def _slots(video: Path | str, shown: Pictures, clock: Clock) -> list[tuple[int, int] | None]:
    """Start and length in ticks of the picture in each packet, None for packets to leave out.

    Those are packets before the first picture, which cannot be decoded, and after the last. Packets that an edit list
    hides before the first picture start before 0; later ones may need them.
    Raises CannotCopyError where not every picture has a packet of its own, or not every packet a picture.
    """
    order = shown.packets.tolist()
    if len(set(order)) < len(order):
        raise CannotCopyError("several of its pictures share a packet")
    times = dict(zip(order, zip(clock.starts.tolist(), clock.lengths.tolist(), strict=True), strict=True))
    slots: list[tuple[int, int] | None] = []
    with streams.open_media(video) as source:
        stream = streams.video_stream(source, video)
        unit = streams.time_base(stream)
        parameters = _Parameters(stream)
        packets = []
        for packet in streams.packets(source, stream):
            packets.append((packet.pts, packet.is_discard))
            parameters.see(packet)
    first = packets[order[0]][0]
    for number, (stamp, hidden) in enumerate(packets):
        early = stamp is not None and first is not None and stamp < first
        if number in times:
            slots.append(times[number])
        elif early and hidden:
            slots.append((round((stamp - first) * unit * clock.rate), 0))
        elif early or not min(order) < number < max(order):
            slots.append(None)
        else:
            raise CannotCopyError("some of its packets show no picture of their own")
    return slots


class _Parameters:
    """Watches a stream for a second set of parameters, as in recordings that were joined: an mp4 states one set.

    FFmpeg would play such a copy, other players show nothing or garbage from there on.
    """

    def __init__(self, stream: av.VideoStream) -> None:
        start_codes = bytes(stream.codec_context.extradata or b"").startswith((b"\0\0\1", b"\0\0\0\1"))
        within = start_codes and stream.codec.canonical_name in ("h264", "hevc")  # as in transport streams and AVI
        self._extract = BitStreamFilterContext("extract_extradata", stream) if within else None
        self._first: bytes | None = None

    def see(self, packet: "av.Packet[Any]") -> None:
        """Take the next packet, which is used up. Raises CannotCopyError where its parameters are new."""
        for item in self._extract.filter(packet) if self._extract else [packet]:
            found = bytes(PacketSideData.from_packet(item, "new_extradata"))
            self._first = self._first or found
            if found and (found != self._first or self._extract is None):
                raise CannotCopyError("the parameters of its stream change midway")


def _decode_times(starts: list[int]) -> list[int]:
    """Rising decode times, none after its picture's start. starts: distinct ticks in the order of decoding."""
    order = np.sort(np.array(starts, np.int64))
    ranks = np.searchsorted(order, starts)
    depth = int(max(0, (np.arange(len(starts)) - ranks).max()))
    step = max(1, int(np.median(np.diff(order)))) if len(order) > 1 else 1
    before = order[0] - step * np.arange(depth, 0, -1)
    return [int(time) for time in np.concatenate([before, order[: len(order) - depth]])]
