"""3D poses from 2D keypoints with a DSTformer (paper 4.1, "3D Pose Extraction"; FACTS 1)."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pace.finite import check_finite
from pace.motion.dstformer import DSTformer, load_cached
from pace.pipeline.params import choice, limits
from pace.pose import framing, skeleton
from pace.pose import keypoints as keypoint_files

MAX_OVERLAP = 242  # frames, one fewer than the network's longest window


@dataclass(frozen=True, kw_only=True)
class LiftParams:
    """Section `lift`. source: lift 2D keypoints, or take AIST++'s own 3D joints (pace.motion.aistpp_joints)."""

    source: str = choice("keypoints", "aistpp")
    weights: str
    normalise: str = choice("bbox", "pixel")
    overlap: int = limits(0, MAX_OVERLAP)
    flip: bool
    root: str = choice("relative", "global")


def normalise(keypoints: np.ndarray, mode: str = "bbox", size: tuple[int, int] | None = None) -> np.ndarray:
    """Scale 2D keypoints (N,17,3) (x, y in pixels, confidence) to the network's input, float32 (FACTS 1).

    bbox: the square around all points of the video with confidence != 0 goes to [-1,1], and all channels are clipped
    to that range; fewer than four such points, or all in one place, give zeros.
    pixel: the centre of the frame of `size` (w, h) goes to 0, half its short side to 1.
    Points that are not finite count as missing: zeros with confidence 0.
    """
    points = np.where(np.isfinite(keypoints).all(axis=-1, keepdims=True), keypoints, 0).astype(np.float32)
    if mode == "pixel":
        if size is None:
            raise ValueError("pixel normalisation needs the frame size (w, h); use bbox where it is unknown")
        points[..., :2] = (points[..., :2] - np.array(size, np.float32) / 2) / (min(size) / 2)
        return points
    if mode != "bbox":
        raise ValueError(f"normalisation {mode!r} is unknown; use bbox or pixel")
    valid = points[points[..., 2] != 0][:, :2]
    if len(valid) < 4 or np.ptp(valid, axis=0).max() == 0:
        return np.zeros_like(points)
    low, high = valid.min(axis=0), valid.max(axis=0)
    points[..., :2] = (points[..., :2] - (low + high) / 2) / ((high - low).max() / 2)
    return points.clip(-1, 1)


def window_starts(frames: int, length: int, overlap: int) -> list[int]:
    """First frames of windows of `length` that cover `frames`; neighbours share `overlap` frames.

    With an overlap, the last window is shifted back to end with the track; with overlap 0 it is cut short instead.
    A track shorter than a window has one short window. Raises ValueError for an overlap of a window or more.
    """
    if not 0 <= overlap < length:
        raise ValueError(f"overlap {overlap} does not fit windows of {length} frames; use 0 to {length - 1}")
    if overlap == 0 or frames <= length:
        return list(range(0, frames, length))
    count = math.ceil((frames - overlap) / (length - overlap))
    return [min(i * (length - overlap), frames - length) for i in range(count)]


def in_windows(
    function: Callable[[Tensor], Tensor],
    track: Tensor,
    overlap: int,
    length: int = 243,
    chain: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> Tensor:
    """Apply `function` (B,F,...) -> (B,F,...) to windows of a track (N,...) and cross-fade them to one (N,...).

    Smooth ramps mix neighbouring windows over their shared frames: a jump at a border, or a corner in a ramp, would
    turn into an accent when the track is differentiated.
    chain: `chain(window, before)` may shift a window (L,...) to continue `before` (k,...), the result so far on the
    window's first k frames.
    """
    frames = len(track)
    if frames == 0:
        raise ValueError("a track without frames cannot be processed")
    starts = window_starts(frames, length, overlap)
    total: Tensor | None = None
    weight = track.new_zeros(frames)
    for start in starts:
        # One window at a time: on a CPU, the lite network lifts 125 frames/s this way, 96 in batches of eight windows.
        window = function(track[None, start : start + length])[0]
        size = len(window)
        position = torch.arange(1, size + 1, device=track.device)
        rise = torch.minimum(position, position.flip(0)).clamp(max=overlap + 1) / (overlap + 1)
        ramp = rise**3 * (10 - 15 * rise + 6 * rise**2)  # without corners; a ramp and its mirror image sum to 1
        ones = (1,) * (window.ndim - 1)
        if total is None:
            total = window.new_zeros(frames, *window.shape[1:])
        shared = slice(start, start + int((weight[start:] > 0).sum()))
        if chain is not None and shared.start < shared.stop:
            window = chain(window, total[shared] / weight[shared].view(-1, *ones))
        total[start : start + size] += window * ramp.view(-1, *ones)
        weight[start : start + size] += ramp
    assert total is not None
    return total / weight.view(-1, *ones)


def device_of(model: torch.nn.Module) -> torch.device:
    """The device that holds a network's weights; the CPU for one without weights."""
    return next((weight.device for weight in model.parameters()), torch.device("cpu"))


def lift(model: DSTformer, keypoints: np.ndarray, overlap: int, flip: bool, root: str) -> np.ndarray:
    """Lift normalised keypoints (N,17,3) to a pose (N,17,3) float32, x right, y down, in the scale of the input.

    flip: average with the output for the mirrored input, mirrored back.
    root: `relative` for networks trained relative to the root: the root is set to 0, and the root's 2D path (x, y) in
    the input is added. `global` for networks that predict the path: only its depth at the start of each window is set
    to 0 (FACTS 1), and overlapping windows are shifted in depth to continue each other.
    """

    def lift_window(x: Tensor) -> Tensor:
        pose: Tensor = model(x)
        if flip:
            pose = (pose + skeleton.flip(model(skeleton.flip(x)))) / 2
        if root == "relative":
            pose[:, :, 0] = 0
        else:
            pose[:, 0, 0, 2] = 0
        return pose

    track = torch.from_numpy(np.ascontiguousarray(keypoints, dtype=np.float32)).to(device_of(model))
    with torch.inference_mode():
        pose = in_windows(lift_window, track, overlap, model.maxlen, _continue_depth if root == "global" else None)
        if root == "relative":
            pose[..., :2] += track[:, :1, :2]
    return pose.cpu().numpy()


def _continue_depth(window: Tensor, before: Tensor) -> Tensor:
    """Shift a window (L,17,3) in depth so that its root continues that of `before` (k,17,3) on its first k frames."""
    shift = (before[:, 0, 2] - window[: len(before), 0, 2]).mean()
    return window + shift * window.new_tensor([0, 0, 1])


def read_seen(path: Path) -> np.ndarray:
    """Weights (N,17) float32 in H36M order of one data/keypoints file: how far each joint is seen.

    1 for a joint in the frame, less outside it (`framing.inside`), 0 in frames without the dancer.
    """
    source = keypoint_files.load(path)
    body = skeleton.to_h36m(source.keypoints, source.layout)
    weight: np.ndarray = framing.inside(body, source.size) * source.detected[:, None]
    return weight.astype(np.float32)


def read_keypoints(path: Path) -> tuple[np.ndarray, tuple[int, int], float]:
    """Keypoints in H36M order (N,17,3), the frame size (w, h) and the frame rate of one data/keypoints file.

    Raises KeypointsError for another file, ValueError for one without frames.
    """
    source = keypoint_files.load(path)
    if len(source.keypoints) == 0:
        raise ValueError(f"{path}: holds no frame; look at the video and at data/keypoints/failures.json")
    return skeleton.to_h36m(source.keypoints, source.layout), source.size, source.fps


def lift_video(params: LiftParams, video_id: str, inputs: tuple[Path, ...], folder: Path) -> None:
    """Write `pose3d.npz` (pose (N,17,3) and seen (N,17) float32, fps) for one video.

    inputs: its keypoints file, the weights.
    """
    source, weights = inputs
    keypoints, size, fps = read_keypoints(source)
    normalised = normalise(keypoints, params.normalise, size)
    if not normalised.any():
        raise ValueError(
            f"{source}: fewer than four keypoints in the whole video {video_id}; give a longer or sharper one"
        )
    pose = lift(load_cached(weights), normalised, params.overlap, params.flip, params.root)
    check_finite(pose, f"{weights}: frames lifted for video {video_id}", "look at the weights")
    np.savez(folder / "pose3d.npz", pose=pose, seen=read_seen(source), fps=np.float32(fps))
