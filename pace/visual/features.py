"""Visual features G of a whole video by I3D (paper 4.2), in overlapping chunks that bound the memory."""

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pace.finite import check_finite
from pace.media.video import read_frames
from pace.pipeline.params import limits
from pace.visual import i3d

# I3D halves time three times and then averages two neighbours: a chunk of 64 frames gives 7 steps, 8 frames apart.
# Chunks start 56 frames apart, so that the steps of the whole video keep that spacing. It has ceil(frames / 8) - 1 of
# them, as many as one pass over all frames would give.
CHUNK = 64
STRIDE = 8
ADVANCE = CHUNK - STRIDE
CENTRE = 9  # the frame at the centre of the first step's receptive field, by the SAME padding of the strided layers


@dataclass(frozen=True)
class VisualParams:
    """Section `visual`: weights file, frame rate, length of the short side and of the centre crop in pixels."""

    weights: str
    fps: float = limits(1, 240)
    short_side: int = limits(32, 2048)
    crop: int = limits(32, 2048)

    def __post_init__(self) -> None:
        if self.crop > self.short_side:
            raise ValueError(
                f"`visual.crop` is {self.crop}, larger than `visual.short_side` {self.short_side}; lower the crop"
            )


def centre_crop(frame: np.ndarray, size: int) -> np.ndarray:
    """The middle (size,size,3) of a frame (H,W,3)."""
    top, left = (frame.shape[0] - size) // 2, (frame.shape[1] - size) // 2
    return frame[top : top + size, left : left + size]


def chunks(frames: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, int]]:
    """Cut a stream of frames (H,W,3) into chunks (<=64,H,W,3), each with the number of its first steps to skip.

    Repeats of the last frame lengthen the video to a multiple of 8 frames. The last chunk is shifted back, not
    shortened, so that its steps see as much context as the others'. Holds at most 120 frames.
    Raises ValueError for fewer than 9 frames.
    """
    held: list[np.ndarray] = []
    start = count = steps = 0  # index of held[0], frames read, steps of the chunks so far
    for frame in frames:
        held.append(frame)
        count += 1
        if count == start + CHUNK:
            yield np.stack(held), 0
            steps += CHUNK // STRIDE - 1
        elif count == start + ADVANCE + CHUNK:
            held, start = held[ADVANCE:], start + ADVANCE
            yield np.stack(held), 0
            steps += CHUNK // STRIDE - 1
    if count < i3d.MIN_FRAMES:
        raise ValueError(f"the video has {count} frames at the network's rate; I3D needs at least {i3d.MIN_FRAMES}")
    held += [held[-1]] * (-count % STRIDE)
    count += -count % STRIDE
    if steps < count // STRIDE - 1:
        first = max(0, count - CHUNK)
        yield np.stack(held[first - start :]), steps - first // STRIDE


def embed(model: i3d.I3D, frames: Iterable[np.ndarray], fps: float) -> tuple[np.ndarray, np.ndarray]:
    """Features of a stream of RGB frames (H,W,3) uint8 at `fps`.

    Returns (k,D) float16 and the centre time of each step (k,) float32 in seconds, k = ceil(frames / 8) - 1.
    """
    device = next(model.parameters()).device
    features = []
    for chunk, skip in chunks(frames):
        x = torch.from_numpy(chunk).to(device).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
        with torch.inference_mode():
            features.append(model.features(x)[0].T[skip:].cpu().numpy().astype(np.float16))
    embedding = np.concatenate(features)
    time_s = (CENTRE + STRIDE * np.arange(len(embedding))) / fps
    return embedding, time_s.astype(np.float32)


@functools.lru_cache(maxsize=1)
def _model(weights: Path) -> i3d.I3D:
    return i3d.load(weights).to("cuda" if torch.cuda.is_available() else "cpu")


def embed_video(video_id: str, inputs: tuple[Path, ...], folder: Path, params: VisualParams) -> None:
    """Write `visual.npz` (embedding (k,D) float16, time_s (k,) float32) for one video.

    inputs: its decoded video, the I3D weights. Raises ValueError that names the video when it is too short.
    """
    video, weights = inputs
    model = _model(weights)
    frames = read_frames(video, fps=params.fps, short_side=params.short_side)
    try:
        embedding, time_s = embed(model, (centre_crop(frame, params.crop) for frame in frames), params.fps)
    except ValueError as error:
        raise ValueError(f"{video}: {error}; leave the video out or give a longer one") from error
    check_finite(embedding, f"{weights}: embedded steps of video {video_id}", "look at the weights")
    np.savez(folder / "visual.npz", embedding=embedding, time_s=time_s)
