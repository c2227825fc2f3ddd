"""The conditions of all clips, held in memory and gathered by index on the device."""

from typing import NamedTuple

import numpy as np
import torch

from pace.clip import CLIP_SECONDS
from pace.conditioning.hsf_encoder import SEMANTIC_WIDTH, Conditions
from pace.pose.skeleton import MIRRORED_PARTS, PARTS


class VideoConditions(NamedTuple):
    """What one video's N frames condition on."""

    slow: np.ndarray  # (N,5) float32
    fast: np.ndarray  # (N,5) float32
    semantic: np.ndarray  # (N,5,512) float16
    visual: np.ndarray  # (K,D) float16
    visual_time: np.ndarray  # (K,) seconds, rising
    fps: float


class ConditionStore:
    """All videos end to end, and where in them each clip starts.

    `videos` maps video ids to their conditions; `clips` lists (video id, start in seconds).
    Raises ValueError naming the video whose arrays disagree.
    """

    def __init__(
        self,
        videos: dict[str, VideoConditions],
        clips: list[tuple[str, float]],
        device: torch.device | str = "cpu",
    ) -> None:
        if not clips:
            raise ValueError("no clip has conditions; look into the failures.json files of data/ for the reasons")
        order = sorted({video for video, _ in clips})
        for name in order:
            _check(name, videos[name], videos[order[0]], order[0])
        self.fps = float(videos[order[0]].fps)
        self.frames = round(CLIP_SECONDS * self.fps)
        self.visual_width = videos[order[0]].visual.shape[1]
        lengths = {name: len(videos[name].slow) for name in order}
        starts = dict(zip(order, np.cumsum([0, *lengths.values()])[:-1].tolist(), strict=True))
        neighbours = [_neighbours(videos[name], lengths[name]) for name in order]
        steps = np.cumsum([0] + [len(videos[name].visual) for name in order])[:-1]

        def put(arrays: list[np.ndarray], dtype: torch.dtype) -> torch.Tensor:
            return torch.from_numpy(np.concatenate(arrays)).to(device=device, dtype=dtype)

        self.slow = put([videos[name].slow for name in order], torch.float32)
        self.fast = put([videos[name].fast for name in order], torch.float32)
        self.semantic = put([videos[name].semantic for name in order], torch.float16)
        self.visual = put([videos[name].visual for name in order], torch.float16)
        self.left = put([left + step for (left, _, _), step in zip(neighbours, steps, strict=True)], torch.int64)
        self.right = put([right + step for (_, right, _), step in zip(neighbours, steps, strict=True)], torch.int64)
        self.share = put([share for _, _, share in neighbours], torch.float32)
        first = [starts[video] + round(start * self.fps) for video, start in clips]
        low = [starts[video] for video, _ in clips]
        high = [starts[video] + lengths[video] - 1 for video, _ in clips]
        self.first, self.low, self.high = (torch.tensor(x, device=device) for x in (first, low, high))
        self.mirror_order = torch.tensor(MIRRORED_PARTS, device=device)

    def __len__(self) -> int:
        return len(self.first)

    def batch(
        self,
        index: torch.Tensor,
        mirror: torch.Tensor | None = None,
        device: torch.device | None = None,
    ) -> Conditions:
        """The conditions of the clips `index` (B,), float32. Frames past a video's end repeat its last frame.

        Where `mirror` (B,) is true, the parts of left and right are exchanged. They are gathered where the store
        lies, and come out on `device` (default: there too).
        """
        here = self.slow.device
        index = index.to(here, non_blocking=True)
        mirror = None if mirror is None else mirror.to(here)
        frame = self.first[index][:, None] + torch.arange(self.frames, device=index.device)
        frame = torch.minimum(torch.maximum(frame, self.low[index][:, None]), self.high[index][:, None])
        slow, fast, semantic = self.slow[frame], self.fast[frame], self.semantic[frame]
        if mirror is not None:
            parts = torch.where(mirror[:, None], self.mirror_order, torch.arange(len(PARTS), device=index.device))[
                :, None
            ]
            slow, fast = (x.gather(2, parts.expand_as(x)) for x in (slow, fast))
            semantic = semantic.gather(2, parts[..., None].expand_as(semantic))
        share = self.share[frame][..., None]
        visual = torch.lerp(self.visual[self.left[frame]].float(), self.visual[self.right[frame]].float(), share)
        made = slow, fast, semantic, visual
        return Conditions(*(x.to(device or here, non_blocking=True).float() for x in made))


def _neighbours(video: VideoConditions, frames: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each frame the visual steps before and after it (N,) and the share of the later one, for interpolation."""
    time = np.asarray(video.visual_time, dtype=np.float64)
    place = np.interp(np.arange(frames) / video.fps, time, np.arange(len(time)))
    left = np.floor(place).astype(np.int64)
    return left, np.minimum(left + 1, len(time) - 1), place - left


def _check(name: str, video: VideoConditions, reference: VideoConditions, reference_name: str) -> None:
    frames = len(video.slow)
    shapes = {
        "slow energy": (video.slow.shape, (frames, len(PARTS))),
        "fast energy": (video.fast.shape, (frames, len(PARTS))),
        "motion embedding": (video.semantic.shape, (frames, len(PARTS), SEMANTIC_WIDTH)),
        "visual embedding": (video.visual.shape, (len(video.visual_time), reference.visual.shape[1])),
    }
    for what, (shape, expected) in shapes.items():
        if shape != expected or not shape[0]:
            raise ValueError(f"video {name}: {what} has shape {shape}, expected {expected}; run its stages again")
    if video.fps != reference.fps:
        raise ValueError(
            f"video {name} has {video.fps:g} frames/s, {reference_name} has {reference.fps:g}; decode.fps must be one"
        )
