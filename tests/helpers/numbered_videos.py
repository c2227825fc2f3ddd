"""Videos whose pictures show their own number, beside clicks, in files of many kinds."""

from collections.abc import Callable
from fractions import Fraction

import av
import numpy as np

BITS = 8
SIZE = (96, 64)
RATE = 44100


def picture(number, size=SIZE):
    """A picture (H,W,3) uint8 with `number` as black and white columns of its middle; the rest is grey."""
    width, height = size
    image = np.full((height, width, 3), 90, np.uint8)
    for bit in range(BITS):
        columns = slice(bit * width // BITS, (bit + 1) * width // BITS)
        image[height // 4 : height - height // 4, columns] = 235 * (number >> bit & 1)
    return image


def number_of(image):
    """The number that a picture (H,W,3) of any size shows, -1 where it cannot be read."""
    height, width = image.shape[:2]
    row = image[height // 2 - 2 : height // 2 + 2].mean(axis=(0, 2))
    levels = np.array([row[round((bit + 0.5) * width / BITS)] for bit in range(BITS)])
    return -1 if ((levels > 64) & (levels < 192)).any() else int(((levels > 128) << np.arange(BITS)).sum())


def click_times(wave, rate=22050):
    """Beginnings in seconds of the clicks in a wave (S,), at least 0.1 s apart."""
    loud = np.flatnonzero(np.abs(wave) > 0.25)
    return loud[np.diff(loud, prepend=-rate) > rate // 10] / rate


def write(
    path,
    count,
    codec="libx264",
    *,
    rate=30,
    gop=12,
    b_frames=0,
    size=SIZE,
    pix="yuv420p",
    first=0,
    start=0.0,
    clicks=None,
    sound="aac",
    sound_start=None,
    sound_seconds=None,
    options=None,
    container_options=None,
    alter: Callable | None = None,
):
    """Write pictures numbered from `first`, the first at `start` seconds, and clicks, at seconds after the first.

    alter: takes "video" or "sound", the number of a packet in the order of storage and the packet, which it may change;
    False leaves the packet out.
    """
    with av.open(str(path), "w", options=container_options or {}) as container:
        video = container.add_stream(codec, rate=rate, options={"threads": "1"} | (options or {}))
        video.width, video.height, video.pix_fmt = *size, pix
        video.codec_context.gop_size, video.codec_context.max_b_frames = gop, b_frames
        video.codec_context.time_base = Fraction(1, rate)
        unit = video.codec_context.time_base
        packets = []
        for index in range(count):
            frame = av.VideoFrame.from_ndarray(picture(first + index, size), "rgb24").reformat(format=pix)
            frame.pts, frame.time_base = round((start + index / rate) / unit), unit
            packets += [("video", packet) for packet in video.encode(frame)]
        packets += [("video", packet) for packet in video.encode(None)]
        if clicks is not None:
            stream = container.add_stream(sound, rate=RATE, layout="mono")
            stream.bit_rate = 64000
            sound_start = start if sound_start is None else sound_start
            seconds = sound_seconds or count / rate + start - sound_start
            wave = np.zeros((1, round(seconds * RATE)), np.float32)
            for moment in clicks:
                wave[:, round((moment + start - sound_start) * RATE) :][:, : RATE // 500] = 0.8
            if sound.startswith("mp2"):
                wave = np.round(wave * 32767).astype(np.int16)
            for begin in range(0, wave.shape[1], 1152):
                piece = np.ascontiguousarray(wave[:, begin : begin + 1152])
                frame = av.AudioFrame.from_ndarray(piece, "s16" if sound.startswith("mp2") else "fltp", "mono")
                frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
                frame.pts = begin + round(sound_start * RATE)
                packets += [("sound", packet) for packet in stream.encode(frame)]
            packets += [("sound", packet) for packet in stream.encode(None)]
        packets.sort(key=lambda item: item[1].dts * item[1].time_base)
        numbers = {"video": 0, "sound": 0}
        for kind, packet in packets:
            if alter is None or alter(kind, numbers[kind], packet) is not False:
                container.mux(packet)
            numbers[kind] += 1
    return path
