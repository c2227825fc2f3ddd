"""Semantic embeddings E of the five parts (paper 4.1, "Part-Wise Joint-Level Semantic Encoding")."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pace.finite import check_finite
from pace.motion.dstformer import DSTformer, load_cached
from pace.motion.lifting import device_of, in_windows, normalise, read_keypoints
from pace.pipeline.params import choice
from pace.pose.skeleton import PARTS

OVERLAP = 81  # frames of neighbouring windows that are cross-faded


@dataclass(frozen=True)
class EmbedMotionParams:
    """Section `embed_motion`: weights file, what goes into the encoder, and what it attends over (see `embed`)."""

    weights: str
    input: str = choice("pose3d", "keypoints")
    parts: str = choice("tokens", "pool")


def normalise_pose(pose: np.ndarray) -> np.ndarray:
    """Scale a video's pose (N,17,3) to the encoder's input, float32 in [-1,1].

    As for keypoints, the square around x and y over the whole video goes to [-1,1]. z has the same scale, so that the
    body keeps its shape, and the middle of its range goes to 0: where the root's path in depth starts does not matter.
    Raises ValueError where all joints lie in one place.
    """
    low, high = pose.min(axis=(0, 1)), pose.max(axis=(0, 1))
    half = (high - low)[:2].max() / 2
    if not half > 0:
        raise ValueError("all joints of the pose lie in one place; look at the video's keypoints")
    normalised: np.ndarray = ((pose - (low + high) / 2) / half).clip(-1, 1).astype(np.float32)
    return normalised


def embed(model: DSTformer, track: np.ndarray, parts: str, overlap: int = OVERLAP) -> np.ndarray:
    """Part embeddings E (N,5,dim_rep) float32 of a normalised track (N,17,3), parts in the order of PARTS.

    parts: `tokens` passes the joints of each part through the encoder alone, with their positional embeddings, so that
    attention stays within the part; `pool` passes the whole body. Both average the representation over a part's joints.
    """

    def within_part(x: Tensor) -> Tensor:
        return torch.stack([model.represent(x, joints).mean(dim=2) for joints in PARTS.values()], dim=2)

    def whole_body(x: Tensor) -> Tensor:
        body = model.represent(x)
        return torch.stack([body[:, :, list(joints)].mean(dim=2) for joints in PARTS.values()], dim=2)

    encode = {"tokens": within_part, "pool": whole_body}[parts]
    with torch.inference_mode():
        frames = torch.from_numpy(np.ascontiguousarray(track)).to(device_of(model))
        return in_windows(encode, frames, overlap, model.maxlen).cpu().numpy()


def embed_video(params: EmbedMotionParams, video_id: str, inputs: tuple[Path, ...], folder: Path) -> None:
    """Write `motion.npz` (embedding (N,5,dim_rep) float16, fps) for one video.

    inputs: its pose3d file (its keypoints file with `embed_motion.input: keypoints`), and the weights.
    """
    source, weights = inputs
    if params.input == "keypoints":
        keypoints, size, fps = read_keypoints(source)
        track = normalise(keypoints, "bbox", size)
    else:
        with np.load(source, allow_pickle=False) as file:
            pose, fps = file["pose"], float(file["fps"])
        try:
            track = normalise_pose(pose)
        except ValueError as error:
            raise ValueError(f"video {video_id}: {error}") from None
    embedding = embed(load_cached(weights), track, params.parts).astype(np.float16)
    check_finite(embedding, f"{weights}: embedded frames of {source}", "look at that file and at the weights")
    np.savez(folder / "motion.npz", embedding=embedding, fps=np.float32(fps))
