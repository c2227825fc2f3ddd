"""Sound files that FFmpeg writes: any codec, many channels, several tracks."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def tones(channels, rate, seconds=1.0, first=300, step=100):
    """Samples (S,C) float32: channel c is a sine of `first + c * step` Hz at half of full scale."""
    time = np.arange(round(rate * seconds)) / rate
    return np.stack([0.5 * np.sin(2 * np.pi * (first + step * c) * time) for c in range(channels)], 1).astype("f4")


def encode(stream, samples, rate):
    """Packets of samples (S,C)."""
    layout = stream.codec_context.layout.name
    for i in range(0, len(samples), 1024):
        piece = np.ascontiguousarray(samples[i : i + 1024].reshape(1, -1), np.float32)
        frame = av.AudioFrame.from_ndarray(piece, format="flt", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, i, Fraction(1, rate)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def write(path: Path, codec: str, samples, rate: int, layout: str, bit_rate: int = 0, **options: str):
    """Write samples (S,C) with one of FFmpeg's encoders. options: of the muxer. Returns the path."""
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        stream.codec_context.bit_rate = bit_rate or 64000 * samples.shape[1]
        for packet in encode(stream, samples, rate):
            container.mux(packet)
    return path


def write_tracks(path: Path, tracks, rate: int = 22050, seconds: float = 0.5):
    """Write AAC tracks (hertz or None for an empty one, disposition). Returns the path."""
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("aac", rate=rate, layout="mono") for _ in tracks]
        for stream, (_, disposition) in zip(streams, tracks, strict=True):
            stream.disposition = disposition
        container.start_encoding()
        for stream, (hertz, _) in zip(streams, tracks, strict=True):
            for packet in () if hertz is None else encode(stream, tones(1, rate, seconds, hertz), rate):
                container.mux(packet)
    return path


def pitch(wave, rate) -> float:
    """The strongest frequency of a wave (S,) in Hz."""
    return float(np.abs(np.fft.rfft(wave)).argmax() * rate / len(wave))


def lag(heard, music):
    """Samples by which a wave is late, and its correlation with the music there."""
    size = 1 << 18
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(music, size)))
    at = int(product.argmax())
    return (at + size // 2) % size - size // 2, product[at] / np.linalg.norm(heard) / np.linalg.norm(music)
