"""When each picture of a file is shown, and what its sound's time stamps mean on the same clock.

The one notion of time for all that reads videos: `probe`, `frame_times`, `read_frames` and the sound. Where the packets
of a file have times that can be trusted, they tell; elsewhere the video is decoded once to see its order.
"""

import dataclasses
import functools
import os
from collections import Counter
from pathlib import Path

import av
import numpy as np

from pace.media import clock, packets, sound_clock, streams
from pace.media.clock import Numbers, Times
from pace.media.display import Displays, Size
from pace.media.packets import Pictures, Track
from pace.media.streams import MediaError

TRUNCATION_SLACK = 0.5  # seconds of video that may be missing at the end before the file counts as truncated
HEADER_SLACK = 0.5  # seconds by which a header may be wrong before it is said
RATE_SLACK = 0.1  # share by which the header's frame rate may differ from the counted one and still be taken


@dataclasses.dataclass(frozen=True)
class Timeline:
    """The pictures and the sound of a file on one clock, in seconds.

    duration: from the first picture to the end of the last one. last: when the last one begins. start: stamp of the
    first picture; None in a file without video. first: number of its packet. times: number of a picture's packet ->
    seconds after the first picture, where its stamp does not tell; None where it does. rate: frames per second.
    size: that of most pictures as shown. sound_shift: (N,) what to add to the stamps of the sound's packets; None where
    nothing is. remarks: sentences on what is unusual.
    """

    duration: float
    last: float
    start: float | None
    first: int
    times: dict[int, float] | None
    rate: float
    size: Size
    has_sound: bool
    sound_shift: Times | None
    remarks: tuple[str, ...]


def of(path: Path | str) -> Timeline:
    """Read the timeline of a file; that of the same file again costs nothing. Raises MediaError."""
    try:
        status = os.stat(path)
    except OSError:
        return _read(str(path), None)
    return _read(str(path), (status.st_ino, status.st_size, status.st_mtime_ns))


@functools.lru_cache(maxsize=2048)  # the index probes a video twice
def _read(path: str, _: object) -> Timeline:
    video, sound, pictures = packets.scan(path)
    if video is None or pictures is None:
        shift, remarks = sound_clock.alone(sound)
        return Timeline(0.0, 0.0, None, 0, None, 0.0, (0, 0), sound is not None, shift, remarks)
    step = clock.typical_step(video.pts, 1 / pictures.pictured_rate)
    heard = sound.pts if sound else np.zeros(0)
    numbers = clock.parts(video.stamps(), step, heard)
    trusted = _trusted(video, pictures, numbers) and not len(clock.jumps(np.sort(video.pts), step, heard))
    order, sizes = (_shown_order(video, pictures), pictures.sizes) if trusted else _decoded_order(path, pictures)
    stamps = _stamps(video, pictures)[order]
    of_picture = np.maximum.accumulate(numbers[order])
    times, offsets = clock.show_times(stamps, of_picture, step, heard)
    length = video.length[order[-1]]
    length = max(clock.typical_step(times, step), length if length <= clock.JUMP else 0.0)
    duration = round(float(times[-1] + length), 9)
    _check_table(path, pictures, video, duration)
    start = -offsets[int(of_picture[0])]
    shift, sound_remarks = sound_clock.beside(sound, sound_clock.VideoClock(video, numbers, offsets, start))
    if sound and (delay := _made_up_delay(video, pictures)):
        shift = (np.zeros(len(sound.pts)) if shift is None else shift) + delay
    joined = bool(of_picture[-1] > of_picture[0])
    beginning = _beginning(video, pictures, order, trusted)
    remarks = (
        *pictures.choices,
        beginning,
        _joints(times, of_picture),
        _missing(stamps, step),
        "" if joined or beginning else _header(pictures, duration, sound, start),
        _change_of_size(sizes),
        *sound_remarks,
    )
    return Timeline(
        duration=duration,
        last=float(times[-1]),
        start=start,
        first=pictures.first,
        times=None if trusted else dict(zip(order.tolist(), times.tolist(), strict=True)),
        rate=_rate(pictures, times),
        size=sizes.most_common(1)[0][0],
        has_sound=sound is not None,
        sound_shift=shift,
        remarks=tuple(remark for remark in remarks if remark),
    )


def _only_decoding_order(video: Track, pictures: Pictures) -> bool:
    """Whether stamps rise in the order of storage, although the codec stores pictures in another order than shown.

    Then the container, or the program that wrote it, knew the times of decoding alone.
    """
    known = video.pts[np.isfinite(video.pts)]
    return pictures.reordered and not (np.diff(known) < 0).any()


def _made_up_delay(video: Track, pictures: Pictures) -> float:
    """Seconds by which FFmpeg shows pictures later than the file says, where the container has times of decoding alone.

    The first picture is decoded and shown at once there; FFmpeg makes up times of showing that follow the decoding.
    """
    known = np.isfinite(video.pts) & np.isfinite(video.dts)
    if not pictures.decoding_only or not known.any():
        return 0.0
    return float(np.median(np.sort(video.pts[known]) - np.sort(video.dts[known])))


def _trusted(video: Track, pictures: Pictures, numbers: Numbers) -> bool:
    """Whether the stamps of the packets tell when each picture is shown: none is missing, and no two are equal."""
    shown = video.pts[~video.cut]
    if not np.isfinite(shown).all() or len(np.unique(shown)) < len(shown) or numbers[-1] > 0:
        return False
    return not _only_decoding_order(video, pictures)


def _shown_order(video: Track, pictures: Pictures) -> Numbers:
    """Numbers of the packets in the order of showing, from the first picture that can be shown."""
    shown = np.flatnonzero(~video.cut & (video.pts >= video.pts[pictures.first]))
    return shown[np.argsort(video.pts[shown], kind="stable")]


def _decoded_order(path: str, pictures: Pictures) -> tuple[Numbers, Counter[Size]]:
    """Numbers of the packets in the order in which the decoder gives their pictures, and the sizes of the pictures."""
    order: list[int] = []
    sizes: Counter[Size] = Counter()
    with streams.open_media(path) as container:
        stream = streams.video_stream(container, path)
        displays = Displays(stream)
        for frame in streams.from_first(streams.decoded(container, stream, av.VideoFrame), pictures.first):
            order.append(streams.packet_number(frame))
            sizes[displays.of(frame).size(frame)] += 1
    if not order:
        raise MediaError(f"{path}: no frame of its video can be decoded; get an intact copy")
    return np.array(order, np.int64), sizes


def _stamps(video: Track, pictures: Pictures) -> Times:
    """Stamps of the packets that tell when pictures are shown, or of decoding where the file knows those alone."""
    complete = bool(np.isfinite(video.pts).all())
    return video.stamps() if _only_decoding_order(video, pictures) and not complete else video.pts


def _rate(pictures: Pictures, times: Times) -> float:
    """The header's frame rate where it agrees with the pictures, else their own."""
    if times[-1] <= 0:
        return pictures.pictured_rate
    counted = float((len(times) - 1) / times[-1])
    return pictures.rate if abs(pictures.rate / counted - 1) <= RATE_SLACK else counted


def _check_table(path: str, pictures: Pictures, video: Track, duration: float) -> None:
    """Raise MediaError where the file's table of samples promises more than its packets."""
    stamps = video.stamps()
    missing = pictures.table_end_s - np.nanmax(stamps) if np.isfinite(stamps).any() else np.nan
    if pictures.table_count > len(stamps) and missing > TRUNCATION_SLACK:
        raise MediaError(
            f"{path}: truncated, its video ends at {duration:.2f} of {duration + missing:.2f} s; get an intact copy"
        )


def _beginning(video: Track, pictures: Pictures, order: Numbers, trusted: bool) -> str:
    lost = int((~video.cut).sum()) - len(order) if trusted else int((~video.cut[: pictures.first]).sum())
    if not lost:
        return ""
    return f"its first {lost} pictures cannot be shown, since it begins in the middle of a group of pictures"


def _joints(times: Times, of_picture: Numbers) -> str:
    joints = times[1:][np.diff(of_picture) > 0]
    if not len(joints):
        return ""
    places = ", ".join(f"{time:.2f}" for time in joints[:3]) + (", ..." if len(joints) > 3 else "")
    return f"its time stamps start anew or jump at {places} s; each part directly follows the one before"


def _missing(stamps: Times, step: float) -> str:
    missing = int((~np.isfinite(stamps)).sum())
    if missing == len(stamps):
        return f"its pictures have no time stamps; they are taken as {1 / step:.5g} per second"
    return f"{missing} of its pictures have no time stamp; they are placed between others" if missing else ""


def _header(pictures: Pictures, duration: float, sound: Track | None, start: float) -> str:
    ends = (sound.pts + np.fmin(sound.length, HEADER_SLACK) - start) if sound else np.zeros(0)
    longest = max(duration, float(ends[np.isfinite(ends)].max(initial=0.0))) + max(0.0, start)  # some count from zero
    if duration - HEADER_SLACK <= pictures.header_s <= longest + HEADER_SLACK or np.isnan(pictures.header_s):
        return ""
    return f"its header says {pictures.header_s:.2f} s, its pictures last {duration:.2f} s"


def _change_of_size(sizes: Counter[Size]) -> str:
    if len(sizes) < 2:
        return ""
    listed = ", ".join(f"{width}x{height}" for width, height in sizes)
    width, height = sizes.most_common(1)[0][0]
    return f"the size of its pictures changes ({listed}); each is shown whole within {width}x{height}"
