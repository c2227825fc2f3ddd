"""The sound of a media file on the clock of its video: time zero is the moment its first frame is shown."""

import logging
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np

from pace.clip import SAMPLE_RATE
from pace.media import audio_tracks, streams, timeline
from pace.media.channels import Levels
from pace.media.clock import JUMP

log = logging.getLogger(__name__)

AUDIO_SLACK = 0.01  # seconds that audio time stamps may wander before silence is inserted or samples are dropped


def read_audio(path: Path | str, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Mono samples (S,) float32 in [-1,1] as `audio_chunks` mixes them; sample 0 is at time zero of a video.

    Raises MediaError, also for a file without audio.
    """
    chunks = list(audio_chunks(path, sample_rate))
    if not chunks:
        raise streams.MediaError(f"{path}: no audio in it; give a file with an audio stream")
    return np.concatenate(chunks)


def audio_chunks(path: Path | str, sample_rate: int) -> Iterator[np.ndarray]:
    """Consecutive mono pieces (S,) float32, the mean of the channels, placed by their time stamps.

    Channels that cancel each other are replaced by the loudest of them, with a line in the log. To know that, a first
    pass goes through the whole file, unless it has one channel. The clock, and what is raised: see `channel_chunks`.
    """
    levels = Levels()
    for chunk in channel_chunks(path, sample_rate):
        if chunk.shape[1] == 1:
            break
        levels.add(chunk)
    for remark in levels.remarks():
        log.warning("%s: %s", path, remark)
    for chunk in channel_chunks(path, sample_rate):
        yield levels.mix(chunk)


def channel_chunks(path: Path | str, sample_rate: int, options: dict[str, str] | None = None) -> Iterator[np.ndarray]:
    """Consecutive pieces (S,C) float32 of all channels, placed by their time stamps. C may change midway.

    The first sample is at time zero of the video; without a video it is the first sample of the file.
    options: those of FFmpeg's demuxer. Raises MediaError; a file without audio has no pieces.
    """
    shown = timeline.of(path)
    if not shown.has_sound:
        return
    zero, written = shown.start, 0
    joints: list[float] = []
    exact = True  # at the beginning and after a joint, until samples are placed
    with streams.open_media(path, options) as container:
        stream = audio_tracks.audio_stream(container)
        assert stream is not None
        for frame in _resampled(_on_clock(container, stream, shown.sound_shift, joints), sample_rate):
            samples = frame.to_ndarray().reshape(frame.samples, -1)
            gap = 0
            if frame.time is not None:  # else it follows directly on the samples before
                zero = frame.time if zero is None else zero
                gap = round((frame.time - zero) * sample_rate) - written
                if gap > JUMP * sample_rate and frame.time - zero > shown.duration + JUMP:
                    gap = 0  # a damaged stamp
                while joints and joints[0] < frame.time + AUDIO_SLACK:
                    exact = bool(joints.pop(0))
            if not exact and abs(gap) <= AUDIO_SLACK * sample_rate:
                gap = 0
            for start in range(0, gap, sample_rate):
                yield np.zeros((min(sample_rate, gap - start), samples.shape[1]), np.float32)
            samples = samples[max(0, -gap) :]
            written += max(0, gap) + len(samples)
            if len(samples):
                exact = False
                yield samples


def _on_clock(
    container: av.container.InputContainer, stream: av.AudioStream, shift: np.ndarray | None, joints: list[float]
) -> Iterator[av.AudioFrame]:
    """Frames of the sound, with time stamps on the clock of the video; shift: see `Timeline.sound_shift`.

    The stamps at which the shift changes, between two recordings in one file, are put into `joints`.
    """
    if shift is None:
        yield from streams.decoded(container, stream, av.AudioFrame)
        return
    seconds = float(shift[0])
    for packet in chain(streams.packets(container, stream), (None,)):
        before, seconds = seconds, seconds if packet is None else float(shift[streams.packet_number(packet)])
        for frame in streams.decode_packet(stream, packet, av.AudioFrame) or ():
            if frame.time is not None:  # in samples: the file's own unit can be as long as a packet
                samples = round((frame.time + seconds) * frame.sample_rate)
                frame.pts, frame.time_base = samples, Fraction(1, frame.sample_rate)
                if seconds != before:
                    joints.append(frame.time)
            yield frame


def _resampled(frames: Iterator[av.AudioFrame], sample_rate: int) -> Iterator[av.AudioFrame]:
    """Interleaved float frames at `sample_rate`; the stream's format, layout and rate may change midway.

    Interleaved, since PyAV 18 reads past the end of a frame's list of planes when it has eight or more.
    """
    resampler: av.AudioResampler | None = None
    current_format = None
    for frame in frames:
        frame_format = (frame.format.name, frame.layout.name, frame.sample_rate)
        if resampler is None or current_format != frame_format:
            if resampler:
                yield from resampler.resample(None)
            current_format = frame_format
            resampler = av.AudioResampler("flt", frame.layout, sample_rate)
        yield from resampler.resample(frame)
    if resampler:
        yield from resampler.resample(None)
