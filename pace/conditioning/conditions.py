"""The conditions of all clips, kept in memory and gathered by clip index."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from pace.clip import CLIP_SECONDS
from pace.conditioning.hsf_encoder import SEMANTIC_WIDTH, Conditions
from pace.pose.skeleton import MIRRORED_PARTS, PARTS


class VideoConditions(NamedTuple):
    """Conditions of the clips of one video of N frames."""

    slow: npt.NDArray[Any]  # S: slow energy (N,5) float32
    fast: npt.NDArray[Any]  # F: fast energy (N,5) float32
    semantic: npt.NDArray[Any]  # E: motion embeddings (N,5,512) float16
    visual: npt.NDArray[Any]  # G: visual embeddings of K steps (K,D) float16
    visual_time: npt.NDArray[Any]  # times of the K steps in seconds, rising
    fps: float  # frames per second


class ConditionStore:
    """The conditions of all videos, concatenated, and the first frame of each clip.

    `videos` maps video ids to their conditions; `clips` lists (video id, start in seconds).
    Raises ValueError if there are no clips, and naming the video if its arrays do not fit each other or those of the
    other videos.
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

        def concatenated(arrays: list[npt.NDArray[Any]], dtype: torch.dtype) -> torch.Tensor:
            return torch.from_numpy(np.concatenate(arrays)).to(device=device, dtype=dtype)

        self.slow = concatenated([videos[name].slow for name in order], torch.float32)
        self.fast = concatenated([videos[name].fast for name in order], torch.float32)
        self.semantic = concatenated([videos[name].semantic for name in order], torch.float16)
        self.visual = concatenated([videos[name].visual for name in order], torch.float16)
        # The visual steps before and after each frame, and the weight of the later one.
        self.left = concatenated(
            [left + step for (left, _, _), step in zip(neighbours, steps, strict=True)], torch.int64
        )
        self.right = concatenated(
            [right + step for (_, right, _), step in zip(neighbours, steps, strict=True)], torch.int64
        )
        self.right_weight = concatenated([weight for _, _, weight in neighbours], torch.float32)
        # Each clip's first frame, and the first and last frame of its video.
        first = [starts[video] + round(start * self.fps) for video, start in clips]
        video_first = [starts[video] for video, _ in clips]
        video_last = [starts[video] + lengths[video] - 1 for video, _ in clips]
        self.first = torch.tensor(first, device=device)
        self.video_first = torch.tensor(video_first, device=device)
        self.video_last = torch.tensor(video_last, device=device)
        self.mirror_order = torch.tensor(MIRRORED_PARTS, device=device)

    def __len__(self) -> int:
        return len(self.first)

    def batch(
        self,
        index: torch.Tensor,
        mirror: torch.Tensor | None = None,
        device: torch.device | None = None,
    ) -> Conditions:
        """The conditions of the clips `index` (B,), in the types in which they are stored: float32 for the energies,
        float16 for the embeddings. Frames past a video's end repeat its last frame.

        Where `mirror` (B,) is true, left and right parts are exchanged. The result is on `device`, by default the
        store's own.
        """
        store_device = self.slow.device
        index = index.to(store_device, non_blocking=True)
        mirror = None if mirror is None else mirror.to(store_device)
        frame = self.first[index][:, None] + torch.arange(self.frames, device=index.device)
        frame = torch.minimum(torch.maximum(frame, self.video_first[index][:, None]), self.video_last[index][:, None])
        slow, fast, semantic = self.slow[frame], self.fast[frame], self.semantic[frame]
        if mirror is not None:
            own_order = torch.arange(len(PARTS), device=index.device)
            parts = torch.where(mirror[:, None], self.mirror_order, own_order)[:, None]
            slow, fast = (x.gather(2, parts.expand_as(x)) for x in (slow, fast))
            semantic = semantic.gather(2, parts[..., None].expand_as(semantic))
        weight = self.right_weight[frame][..., None]
        visual = torch.lerp(self.visual[self.left[frame]].float(), self.visual[self.right[frame]].float(), weight)
        tensors = (slow, fast, semantic, visual)
        return Conditions(*(x.to(device or store_device, non_blocking=True) for x in tensors))


def _neighbours(video: VideoConditions, frames: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """For each frame (N,): the visual steps before and after it, and the weight of the later one."""
    time = np.asarray(video.visual_time, dtype=np.float64)
    position = np.interp(np.arange(frames) / video.fps, time, np.arange(len(time)))
    left = np.floor(position).astype(np.int64)
    return left, np.minimum(left + 1, len(time) - 1), position - left


def _check(name: str, video: VideoConditions, reference: VideoConditions, reference_name: str) -> None:
    """Raise ValueError if the arrays of a video do not fit each other or the reference video."""
    frames = len(video.slow)
    shapes = {
        "slow energy": (video.slow.shape, (frames, len(PARTS))),
        "fast energy": (video.fast.shape, (frames, len(PARTS))),
        "motion embedding": (video.semantic.shape, (frames, len(PARTS), SEMANTIC_WIDTH)),
        "visual embedding": (video.visual.shape, (len(video.visual_time), reference.visual.shape[1])),
    }
    for array_name, (shape, expected) in shapes.items():
        if shape != expected or not shape[0]:
            raise ValueError(f"video {name}: {array_name} has shape {shape}, expected {expected}; run its stages again")
    if video.fps != reference.fps:
        raise ValueError(
            f"video {name} has {video.fps:g} frames/s, {reference_name} has {reference.fps:g}; "
            "run all stages with the same decode.fps"
        )
