"""Writing video files with sound, both streams on one clock."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from pace.clip import SAMPLE_RATE
from pace.media import streams
from pace.media.frames import first_frame
from pace.media.streams import MediaError


def write_video(
    path: Path | str,
    frames: Iterable[np.ndarray],
    fps: float,
    audio: np.ndarray | None = None,
    sample_rate: int = SAMPLE_RATE,
) -> None:
    """Write frames (H,W,3) uint8 RGB, and audio (S,) float32 mono in [-1,1], as an H.264 + AAC mp4.

    Frame 0 and sample 0 share time zero. An odd last row or column is cut off.
    Raises ValueError when there are no frames.
    """
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise ValueError(f"{path}: no frames to write")
    height, width = (side // 2 * 2 for side in first.shape[:2])
    rate = Fraction(fps).limit_denominator(1001)
    with av.open(str(path), "w", format="mp4") as container:
        # CRF 18: keypoints are read from it. The same bytes every time: one thread, since the encoder writes its thread
        # count into the file, and no macroblock tree, which differed in 1 of 50 small videos.
        options = {"crf": "18", "preset": "ultrafast", "threads": "1", "x264-params": "mbtree=0"}
        stream = container.add_stream("libx264", rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = 1 / rate
        sound = _AudioWriter(container, audio, sample_rate) if audio is not None else None
        index, reformatter = 0, VideoReformatter()
        while first is not None:
            pixels = np.ascontiguousarray(first[:height, :width])
            frame = reformatter.reformat(av.VideoFrame.from_ndarray(pixels, format="rgb24"), format="yuv420p")
            frame.pts, frame.time_base = index, 1 / rate
            container.mux(stream.encode(frame))
            index += 1
            if sound:
                sound.write_until(float(index / rate))
            first = next(frames, None)
        container.mux(stream.encode(None))
        if sound:
            sound.finish()


def mux(video_path: Path | str, audio: np.ndarray, sample_rate: int, out: Path | str) -> None:
    """Copy a file's video stream into an mp4 and add audio (S,) float32 mono, sample 0 at the first frame.

    Raises MediaError for an unreadable video or one whose codec an mp4 cannot hold.
    """
    with streams.open_media(video_path) as source:
        template = streams.video_stream(source, video_path)
        first, _ = first_frame(source, video_path)
    with streams.open_media(video_path) as source, av.open(str(out), "w", format="mp4") as container:
        template = streams.video_stream(source, video_path)
        try:
            stream = container.add_stream_from_template(template)
            sound = _AudioWriter(container, audio, sample_rate)
            container.start_encoding()
        except (ValueError, av.error.FFmpegError) as error:
            name = template.codec_context.name
            raise MediaError(f"{video_path}: an mp4 cannot hold its {name} video; convert it to H.264") from error
        shift = round(Fraction(first) / streams.time_base(template))
        for packet in source.demux(template):
            if packet.dts is None:
                continue
            time = float((packet.dts - shift) * packet.time_base)
            packet.dts -= shift
            packet.pts = packet.dts if packet.pts is None else packet.pts - shift
            packet.stream = stream
            container.mux(packet)
            sound.write_until(time)
        sound.finish()


class _AudioWriter:
    """Encodes an array as AAC into an open container, piece by piece alongside the video."""

    def __init__(self, container: av.container.OutputContainer, audio: np.ndarray, sample_rate: int) -> None:
        if audio.ndim != 1:
            raise ValueError(f"audio of shape {audio.shape}; expected mono samples (S,)")
        self.container, self.audio, self.sample_rate, self.done = container, audio, sample_rate, 0
        self.stream = container.add_stream("aac", rate=sample_rate, layout="mono", options={"b": "96000"})

    def write_until(self, time: float) -> None:
        while self.done < len(self.audio) and self.done < time * self.sample_rate:
            piece = np.clip(self.audio[self.done : self.done + 1024], -1, 1).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(piece[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = self.sample_rate, self.done, Fraction(1, self.sample_rate)
            self.container.mux(self.stream.encode(frame))
            self.done += len(piece)

    def finish(self) -> None:
        self.write_until(float("inf"))
        self.container.mux(self.stream.encode(None))
