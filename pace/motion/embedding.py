"""Semantics of the five parts from the motion encoder (paper 4.1, "Part-Wise Joint-Level Semantic Encoding")."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pace.motion.dstformer import DSTformer, load_cached
from pace.motion.lifting import device_of, in_windows, normalise, read_keypoints
from pace.pipeline.params import choice
from pace.pose.skeleton import PARTS

OVERLAP = 81  # frames of neighbouring windows that are cross-faded


@dataclass(frozen=True)
class EmbedMotionParams:
    weights: str
    input: str = choice("pose3d", "keypoints")
    parts: str = choice("tokens", "pool")


def normalise_pose(pose: np.ndarray) -> np.ndarray:
    """Scale a video's pose (N,17,3) to the encoder's input, float32 in [-1,1].

    x and y as for keypoints: the square around them over the whole video goes to [-1,1]. z has the same scale, so that
    the body keeps its shape, and the middle of its range at 0. Root-relative tracks and global ones come out alike.
    """
    low, high = pose.min(axis=(0, 1)), pose.max(axis=(0, 1))
    half = (high - low)[:2].max() / 2
    if not half > 0:
        raise ValueError("all joints of the pose lie in one place; look at the video's keypoints")
    return ((pose - (low + high) / 2) / half).clip(-1, 1).astype(np.float32)


def embed(model: DSTformer, track: np.ndarray, parts: str, overlap: int = OVERLAP) -> np.ndarray:
    """Part embeddings E (N,5,dim_rep) float32 of a normalised track (N,17,3), parts in the order of PARTS.

    tokens: only the part's joints go through the encoder, with their positional embeddings: attention stays within the
    part. pool: the whole body goes through. Both average the representation over the part's joints.
    """

    def alone(x: Tensor) -> Tensor:
        return torch.stack([model.represent(x, joints).mean(dim=2) for joints in PARTS.values()], dim=2)

    def pooled(x: Tensor) -> Tensor:
        whole = model.represent(x)
        return torch.stack([whole[:, :, list(joints)].mean(dim=2) for joints in PARTS.values()], dim=2)

    function = {"tokens": alone, "pool": pooled}[parts]
    with torch.inference_mode():
        whole = torch.from_numpy(np.ascontiguousarray(track)).to(device_of(model))
        return in_windows(function, whole, overlap, model.maxlen).cpu().numpy()


def embed_video(params: EmbedMotionParams, video_id: str, inputs: tuple[Path, ...], folder: Path) -> None:
    """Write `motion.npz` (embedding (N,5,dim_rep) float16, fps) for one video.

    inputs: its pose3d file, or with `input: keypoints` its keypoints file; the weights.
    """
    source, weights = inputs
    if params.input == "keypoints":
        keypoints, size, fps = read_keypoints(source)
        track = normalise(keypoints, "bbox", size)
    else:
        with np.load(source, allow_pickle=False) as file:
            track, fps = normalise_pose(file["pose"]), float(file["fps"])
    embedding = embed(load_cached(weights), track, params.parts)
    np.savez(folder / "motion.npz", embedding=embedding.astype(np.float16), fps=np.float32(fps))
