"""Writing frames and sound as a video file, both streams on one clock."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from pace.clip import SAMPLE_RATE


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
        sound = AudioWriter(container, audio, sample_rate) if audio is not None else None
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


class AudioWriter:
    """Encodes samples (S,) float32 mono as AAC into an open container, piece by piece alongside the video."""

    def __init__(self, container: av.container.OutputContainer, audio: np.ndarray, sample_rate: int) -> None:
        if audio.ndim != 1:
            raise ValueError(f"audio of shape {audio.shape}; expected mono samples (S,)")
        self.container, self.audio, self.sample_rate, self.done = container, audio, sample_rate, 0
        self.stream = container.add_stream("aac", rate=sample_rate, layout="mono", options={"b": "96000"})

    def write_until(self, time: float) -> None:
        """Encode what sounds before `time` in seconds and is not yet written."""
        while self.done < len(self.audio) and self.done < time * self.sample_rate:
            piece = np.clip(self.audio[self.done : self.done + 1024], -1, 1).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(piece[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = self.sample_rate, self.done, Fraction(1, self.sample_rate)
            self.container.mux(self.stream.encode(frame))
            self.done += len(piece)

    def finish(self) -> None:
        """Encode the rest."""
        self.write_until(float("inf"))
        self.container.mux(self.stream.encode(None))
