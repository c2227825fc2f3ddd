"""What a demuxer tells of a file's packets, and the pictures that show where the video begins and which sizes it has.

Reading the packets is cheap, decoding them is not: of the video, the pictures up to the first that can be shown are
decoded, and after it key pictures alone, one in half a second at most.
"""

import dataclasses
from collections import Counter
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from pace.media import audio_tracks, streams
from pace.media.display import Displays, Size
from pace.media.streams import MediaError

KEY_INTERVAL = 0.5  # seconds between the key pictures that are decoded

DECODING_ONLY = frozenset(["avi"])  # containers without times of showing; FFmpeg makes some up


@dataclasses.dataclass(frozen=True)
class Track:
    """The packets of a stream in the order of the file, (N,) each.

    pts, dts, length: time of showing, time of decoding and duration in seconds, NaN where the file has none. cut:
    whether an edit list cuts the packet off. place: its number among all packets read. unit: of the file's stamps.
    """

    unit: Fraction
    pts: npt.NDArray[np.float64]
    dts: npt.NDArray[np.float64]
    length: npt.NDArray[np.float64]
    cut: npt.NDArray[np.bool_]
    place: npt.NDArray[np.int64]

    def stamps(self) -> npt.NDArray[np.float64]:
        """The times that rise in the order of the file: those of decoding, or else of showing."""
        return np.where(np.isfinite(self.dts), self.dts, self.pts)


@dataclasses.dataclass(frozen=True)
class Pictures:
    """What the headers and some decoded pictures tell of a video.

    first: number of the packet of the first picture that can be shown. sizes: size as shown -> number of packets from
    a key picture of that size to the next key picture. reordered: whether pictures can be stored in another order than
    shown. decoding_only: whether the container has room for the times of decoding alone. rate: frames per second.
    pictured_rate: the same, where the pictures state it. header_s: the duration that the header states, NaN where it
    states none. table_count, table_end_s: number of samples in the file's table, and the stamp of the last one.
    choices: remarks on the choices among several video streams and among several sound tracks.
    """

    first: int
    sizes: Counter[Size]
    reordered: bool
    decoding_only: bool
    rate: float
    pictured_rate: float
    header_s: float
    table_count: int
    table_end_s: float
    choices: tuple[str, ...]


def scan(path: Path | str) -> tuple[Track | None, Track | None, Pictures | None]:
    """The packets of a file's video and of its sound, None for a missing stream, and what is known of the pictures.

    Raises MediaError, also where there is video but no picture of it can be decoded.
    """
    with streams.open_media(path) as container:
        video = streams.video_stream(container, path) if streams.video_streams(container) else None
        sound = audio_tracks.audio_stream(container)
        chosen = [stream for stream in (video, sound) if stream is not None]
        if not chosen:
            return None, None, None
        rows: dict[int, list[tuple[int | None, int | None, int | None, bool, int]]] = {s.index: [] for s in chosen}
        table_count, table_end = _table(video) if video else (0, float("nan"))
        keys = _KeyPictures(video) if video else None
        for place, packet in enumerate(streams.packets(container, *chosen)):
            rows[packet.stream_index].append((packet.pts, packet.dts, packet.duration, packet.is_discard, place))
            if keys and video and packet.stream_index == video.index:
                keys.see(packet)
        sound_track = _track(rows[sound.index], streams.time_base(sound)) if sound else None
        if video is None or keys is None:
            return None, sound_track, None
        pictures = Pictures(
            first=keys.begin(path),
            sizes=keys.sizes,
            reordered=bool(video.codec_context.has_b_frames),
            decoding_only=container.format.name in DECODING_ONLY,
            rate=float(streams.frame_rate(video)),
            pictured_rate=float(streams.frame_rate(video, pictured=True)),
            header_s=_header_seconds(container, video),
            table_count=table_count,
            table_end_s=table_end,
            choices=(_choice(container, video), *audio_tracks.audio_remarks(container)),
        )
        return _track(rows[video.index], streams.time_base(video)), sound_track, pictures


class _KeyPictures:
    """Decodes the packets of a video up to its first picture that can be shown, then some of its key pictures.

    What precedes the first key picture refers to pictures that are not in the file: some decoders show grey for them.
    """

    def __init__(self, stream: av.VideoStream) -> None:
        self.sizes: Counter[Size] = Counter()
        self._stream = stream
        stream.codec_context.copy_opaque = True
        self._displays = Displays(stream)
        self._first: int | None = None
        self._unmarked: tuple[int, Size] | None = None  # the first picture at all, for codecs that mark no key pictures
        self._size: Size | None = None
        self._interval = max(1, round(KEY_INTERVAL * streams.frame_rate(stream)))
        self._seen, self._next = 0, 0
        self._key_is_cut = False  # an edit list cuts the key picture off: what is shown begins in the middle

    def see(self, packet: streams.Packet) -> None:
        """Take the next packet of the stream."""
        number = streams.packet_number(packet)
        self._key_is_cut |= packet.is_keyframe and packet.is_discard
        if self._first is None:
            self._look_for_first(streams.decode_packet(self._stream, packet, av.VideoFrame) or [])
        elif packet.is_keyframe and number >= self._next:
            self._next = number + self._interval
            self._stream.codec_context.flush_buffers()
            frames = streams.decode_packet(self._stream, packet, av.VideoFrame) or []
            frames += streams.decode_packet(self._stream, None, av.VideoFrame) or []
            self._size = self._displays.of(frames[0]).size(frames[0]) if frames else self._size
        self._seen += 1
        if self._size:
            self.sizes[self._size] += self._seen - self.sizes.total()

    def begin(self, path: Path | str) -> int:
        """Number of the packet of the first picture, after the last packet. Raises MediaError where there is none."""
        if self._first is None:
            self._look_for_first(streams.decode_packet(self._stream, None, av.VideoFrame) or [])
        if self._first is None and self._unmarked:
            self._first, self._size = self._unmarked
        if self._first is None or self._size is None:
            raise MediaError(f"{path}: no frame of its video can be decoded; get an intact copy")
        self.sizes[self._size] += self._seen - self.sizes.total()
        return self._first

    def _look_for_first(self, frames: list[av.VideoFrame]) -> None:
        for frame in frames:
            number, size = streams.packet_number(frame), self._displays.of(frame).size(frame)
            self._unmarked = self._unmarked or (number, size)
            if frame.key_frame or self._key_is_cut:
                self._first, self._size, self._next = number, size, number + self._interval
                return


def _track(rows: list[tuple[int | None, int | None, int | None, bool, int]], unit: Fraction) -> Track:
    columns = list(zip(*rows, strict=True)) or [()] * 5
    pts, dts, length = (np.array([np.nan if x is None else float(x) for x in column]) for column in columns[:3])
    length = np.where(length > 0, length, np.nan)
    # Multiplied before divided, as PyAV does for the times of frames: equal stamps give equal times.
    pts, dts, length = (stamps * unit.numerator / unit.denominator for stamps in (pts, dts, length))
    return Track(unit, pts, dts, length, np.array(columns[3], bool), np.array(columns[4], np.int64))


def _table(stream: av.VideoStream) -> tuple[int, float]:
    """Number of samples in the file's table before packets are read, and the stamp in seconds of the last one."""
    entries = stream.index_entries
    count = len(entries)
    return count, float(entries[count - 1].timestamp * streams.time_base(stream)) if count else float("nan")


def _header_seconds(container: av.container.InputContainer, stream: av.VideoStream) -> float:
    if stream.duration:
        return float(stream.duration * streams.time_base(stream))
    return container.duration / av.time_base if container.duration else float("nan")


def _choice(container: av.container.InputContainer, chosen: av.VideoStream) -> str:
    count = len(streams.video_streams(container))
    if count < 2:
        return ""
    context = chosen.codec_context
    return (
        f"it has {count} video streams; the one used is stream {chosen.index} "
        f"({context.codec.canonical_name}, {context.width}x{context.height})"
    )
