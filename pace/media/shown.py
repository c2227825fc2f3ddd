"""What a video shows, picture by picture: to prove that one file shows the same as another."""

import dataclasses
import zlib
from pathlib import Path

import av
import numpy as np

from pace.media import sound_track, streams, timeline
from pace.media.frames import first_frame, timed_frames

TIME_SLACK = 0.002  # seconds by which the time of a picture may differ
END_SLACK = 0.06  # seconds by which ends of picture and sound may differ: AAC comes in pieces of 46 ms


class DifferenceError(ValueError):
    """A written video shows something else than it should; the message says what."""


@dataclasses.dataclass(frozen=True)
class Pictures:
    """The pictures of a video in the order of showing.

    times: (N,) float64, seconds after the first. packets: (N,) numbers of the packets that they come from. digests:
    (N,) uint32 of their pixels. sizes: the stored (width, height) in the order of their first use. bits: the most per
    colour. size: (width, height) as shown. duration: in seconds.
    """

    times: np.ndarray
    packets: np.ndarray
    digests: np.ndarray
    sizes: tuple[tuple[int, int], ...]
    bits: int
    size: tuple[int, int]
    duration: float


def pictures(path: Path | str) -> Pictures:
    """Decode a video and note what it shows. Raises MediaError."""
    known = timeline.of(path)
    rows: list[tuple[float, int, int]] = []
    sizes: dict[tuple[int, int], None] = {}
    bits = 0
    for time, (frame, _) in timed_frames(path, known):
        rows.append((time, streams.packet_number(frame), _digest(frame)))
        sizes[frame.width, frame.height] = None
        bits = max(bits, *(component.bits for component in frame.format.components))
    times, packets, digests = (np.array(column) for column in zip(*rows, strict=True))
    return Pictures(times, packets, digests, tuple(sizes), bits, known.size, max(known.duration, times[-1]))


def _digest(frame: av.VideoFrame) -> int:
    """A checksum of every fourth row of a frame's first plane, without the padding of its rows."""
    component = frame.format.components[0]
    width = frame.width * (2 if component.bits > 8 else 1)
    rows = np.frombuffer(memoryview(frame.planes[0]), np.uint8).reshape(-1, frame.planes[0].line_size)
    return zlib.crc32(rows[::4, :width].tobytes())


def require_same(path: Path | str, expected: Pictures, size: tuple[int, int], copied: bool) -> None:
    """Raise DifferenceError if the video at `path` does not show the `expected` pictures in `size` with sound.

    Compared are the number of pictures and the time of each, the size, the durations of picture and sound, and where
    the stream was copied every picture's pixels. Raises MediaError for an unreadable file.
    """
    written = pictures(path)
    if len(written.times) != len(expected.times):
        raise DifferenceError(f"{len(written.times)} of {len(expected.times)} pictures")
    late = np.abs(written.times - expected.times)
    if late.max() > TIME_SLACK:
        worst = int(late.argmax())
        raise DifferenceError(f"picture {worst} at {written.times[worst]:.3f} s, not {expected.times[worst]:.3f} s")
    if copied and (written.digests != expected.digests).any():
        raise DifferenceError(f"picture {int((written.digests != expected.digests).argmax())} is another one")
    if written.size != size:
        raise DifferenceError(f"a size of {written.size[0]} x {written.size[1]}, not {size[0]} x {size[1]}")
    if abs(written.duration - expected.duration) > END_SLACK:
        raise DifferenceError(f"{written.duration:.2f} s of pictures, not {expected.duration:.2f} s")
    with streams.open_media(path) as container:
        start, _ = first_frame(container, path)
    if abs(start) > TIME_SLACK:
        raise DifferenceError(f"the first picture at {start:.3f} s, not at 0")
    rate = 8000
    heard = sum(map(len, sound_track.audio_chunks(path, rate))) / rate
    if abs(heard - expected.duration) > END_SLACK:
        raise DifferenceError(f"{heard:.2f} s of sound with {expected.duration:.2f} s of pictures")
