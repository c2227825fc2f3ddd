"""Train the stand-in DSTformer on procedural dance: 3D lifting, and part embeddings that carry pose and dynamics.

The network learns two tasks:
- Lifting: from noisy 2D keypoints of the whole body to its 3D pose, as in MotionBERT.
- Parts: it gets the 3D joints of one part alone, as in `embed_motion`. From its representation, averaged over the part,
  a linear readout must recover the part's joints and their velocities. The readouts are not kept.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from pace.motion.dstformer import DSTformer
from pace.motion.embedding import normalise_pose
from pace.motion.energy import lowpass, part_energies, torso_length
from pace.motion.lifting import lift, normalise
from pace.pipeline.params import limits
from pace.pose import skeleton
from pace.stand_ins import detector_noise
from pace.synthetic.camera import Camera, random_camera
from pace.synthetic.choreography import choreograph
from pace.synthetic.styles import STYLES, draw_clock

Floats = npt.NDArray[np.floating[Any]]

FPS = 30
FRAME_SIZE = 256
OVERLAP = 81
_VELOCITY_WEIGHT = 3.0
_PART_WEIGHT = 0.3
# Training begins with short windows, which hold more different poses for the same work, and ends with long ones.
_SHORT, _SHORT_SHARE = 9, 0.75
_LENGTHS, _LENGTH_SHARES = (27, 81, 243), (0.6, 0.2, 0.2)
_FIT_BATCHES = 8


@dataclass(frozen=True)
class PretrainMotionParams:
    """Section `pretrain_motion` of params.yaml: the network's sizes, the number of dances, and the training."""

    seed: int
    dim_feat: int = limits(8, 512)
    mlp_ratio: int = limits(1, 8)
    dances: int = limits(1)
    views: int = limits(1)
    seconds: float = limits(8.2)
    held_out: int = limits(1)
    steps: int = limits(1)
    frames_per_step: int = limits(243)
    lr: float = limits(0, 1)


@dataclass(frozen=True)
class Tracks:
    """Procedural dances seen by cameras: T tracks of N frames, float32.

    keypoints (T,N,17,3): the noisy 2D input, normalised.
    pose (T,N,17,3): the true pose relative to the root, in camera coordinates and the scale of the input.
    whole (T,N,17,3): the true pose with its path, normalised as in `embed_motion`.
    torso (T,): torso lengths in the scale of `pose`.
    """

    keypoints: Floats
    pose: Floats
    whole: Floats
    torso: npt.NDArray[np.float64]


def make_tracks(dances: int, views: int, seconds: float, rng: np.random.Generator) -> Tracks:
    """Dances of all styles in turn, of `seconds` each, seen by `views` random cameras and a noisy estimator."""
    tracks = []
    for i in range(dances):
        style = STYLES[i % len(STYLES)]
        motion = choreograph(style, draw_clock(style, rng), seconds, FPS, rng, rng.uniform()).motion
        tracks += [_view(motion.joints, random_camera(rng, FRAME_SIZE, motion), rng) for _ in range(views)]
    keypoints, pose, whole = (np.stack(column).astype(np.float32) for column in zip(*tracks, strict=True))
    return Tracks(keypoints, pose, whole, np.array([torso_length(p) for p in pose]))


def _view(joints: Floats, camera: Camera, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Keypoints, root-relative pose and whole pose (see Tracks) of joints (N,17,3) in world coordinates."""
    points, body = camera.project(joints), camera.to_camera(joints)
    detected = detector_noise.detect(points, rng)
    valid = detected[detected[..., 2] != 0][:, :2]
    low, high = valid.min(axis=0), valid.max(axis=0)
    unit = (high - low).max() / 2  # pixels that `normalise` maps to 1
    # At the root's depth a metre is focal / depth pixels. This brings x and y to the scale of the input.
    pose = (body - body[:, :1]) * (camera.focal / body[:, :1, 2:] / unit)
    path = np.zeros((len(joints), 1, 3))
    path[..., :2] = (points[:, :1] - (low + high) / 2) / unit
    return normalise(detected), pose, normalise_pose(pose + path)


def train(
    params: PretrainMotionParams, tracks: Tracks, progress: Callable[[Iterable[int]], Iterable[int]] = iter
) -> DSTformer:
    """Train a DSTformer on `tracks`. Returns it frozen and in evaluation mode.

    progress: wraps the range of steps, for example in a progress bar.
    """
    torch.manual_seed(params.seed)
    rng = np.random.default_rng((params.seed, 2))
    tensors = [torch.from_numpy(array) for array in (tracks.keypoints, tracks.pose, tracks.whole)]
    model = DSTformer(params.dim_feat, params.mlp_ratio)
    heads = [nn.Linear(model.dim_rep, 6 * len(part)) for part in skeleton.PARTS.values()]
    readouts = nn.ModuleList(heads)
    _initialise(model)
    _fit_readouts(model, heads, [_batch(tensors, _SHORT, params.frames_per_step, rng) for _ in range(_FIT_BATCHES)])
    optimisers = _optimisers(model, readouts, params.lr)
    peaks = [[group["lr"] for group in optimiser.param_groups] for optimiser in optimisers]
    for step in progress(range(params.steps)):
        done = step / params.steps
        for optimiser, peak in zip(optimisers, peaks, strict=True):
            for group, rate in zip(optimiser.param_groups, peak, strict=True):
                group["lr"] = rate * min(1, (step + 1) / 10, (1 - done) / 0.7)
        length = _SHORT if done < _SHORT_SHARE else int(rng.choice(_LENGTHS, p=_LENGTH_SHARES))
        (keypoints, pose, whole), first = _batch(tensors, length, params.frames_per_step, rng)
        part = int(rng.integers(len(heads)))
        model.zero_grad(set_to_none=True)
        readouts.zero_grad(set_to_none=True)
        loss = lifting_loss(model, keypoints, pose, first)
        loss = loss + _PART_WEIGHT * part_loss(model, heads[part], whole, part, first)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_([*model.parameters(), *readouts.parameters()], 1.0)
        for optimiser in optimisers:
            optimiser.step()
    return model.eval().requires_grad_(False)


def _initialise(model: DSTformer) -> None:
    """Start from larger weights than MotionBERT does: a short training would hardly move away from its small ones.

    Coordinates and joints are distinct from the start. The temporal embedding is a weak sinusoid, so that neighbouring
    positions are alike and the network has seen every window offset.
    """
    for module in model.modules():
        if isinstance(module, nn.Linear) and module not in model.ts_attn:
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
    nn.init.normal_(model.joints_embed.weight)
    nn.init.normal_(model.pos_embed)
    dim = model.temp_embed.shape[-1]
    rates = torch.exp(-torch.linspace(0, 1, dim // 2) * np.log(model.maxlen)) * np.pi / 2
    angles = torch.arange(model.maxlen)[:, None] * rates
    model.temp_embed.data[0, :, 0] = 0.02 * torch.cat([angles.sin(), angles.cos()], dim=1)


@torch.no_grad()
def _fit_readouts(model: DSTformer, readouts: list[nn.Linear], batches: list[tuple[list[Tensor], int]]) -> None:
    """Set the head and the parts' readouts by least squares on the untrained network's representation.

    The representation of a random network of this width gives the pose to a fifth of a torso; training starts there.
    """
    bodies = [(model.represent(keypoints, first=first), pose) for (keypoints, pose, _), first in batches]
    _least_squares(model.head, bodies)
    for part, readout in enumerate(readouts):
        _least_squares(readout, [_part_example(model, whole, part, first) for (_, _, whole), first in batches])


def _least_squares(layer: nn.Linear, examples: list[tuple[Tensor, Tensor]], ridge: float = 30.0) -> None:
    """Fit a linear layer to examples (inputs (...,I), targets (...,O)).

    The ridge keeps the weights small: large ones that cancel out would make the loss rise in the first steps.
    """
    inputs = torch.cat([x.flatten(0, -2) for x, _ in examples]).double()
    targets = torch.cat([y.flatten(0, -2) for _, y in examples]).double()
    inputs = nn.functional.pad(inputs, (0, 1), value=1.0)
    gram = inputs.T @ inputs + ridge * torch.eye(inputs.shape[1], dtype=inputs.dtype)
    solution = torch.linalg.solve(gram, inputs.T @ targets)
    layer.weight.copy_(solution[:-1].T)
    layer.bias.copy_(solution[-1])


def _optimisers(model: DSTformer, readouts: nn.ModuleList, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the network, where it needs half of AdamW's steps; AdamW for the rest.

    rate: the learning rate of Muon. The readouts sum 512 inputs, so their rate is smaller.
    """
    matrices = [p for name, p in model.named_parameters() if name.startswith(("blocks", "pre_logits")) and p.ndim == 2]
    chosen = {id(p) for p in matrices}
    heads = [*model.head.parameters(), *readouts.parameters()]
    chosen |= {id(p) for p in heads}
    rest = [p for p in model.parameters() if id(p) not in chosen]
    groups: list[dict[str, Any]] = [{"params": rest}, {"params": heads, "lr": rate / 100}]
    return [
        torch.optim.Muon(matrices, lr=rate, weight_decay=0.0, momentum=0.9),
        torch.optim.AdamW(groups, lr=rate / 10, betas=(0.9, 0.98)),
    ]


def _batch(tensors: list[Tensor], length: int, frames: int, rng: np.random.Generator) -> tuple[list[Tensor], int]:
    """Windows of one length, some of them mirrored, and the temporal position of the first frame, the same for all."""
    first = int(rng.integers(_LENGTHS[-1] - length + 1))
    count = frames // length
    rows = rng.integers(tensors[0].shape[0], size=count)
    starts = rng.integers(tensors[0].shape[1] - length + 1, size=count)
    mirror = rng.random(count) < 0.5
    batch = [
        torch.stack([
            skeleton.flip(t[row, start : start + length]) if mirrored else t[row, start : start + length]
            for row, start, mirrored in zip(rows, starts, mirror, strict=True)
        ])
        for t in tensors
    ]  # fmt: skip
    return batch, first


def lifting_loss(model: DSTformer, keypoints: Tensor, pose: Tensor, first: int) -> Tensor:
    """Mean distance of the joints plus weighted mean distance of their velocities per frame.

    keypoints, pose: (B,F,17,3). first: the temporal position of the first frame.
    """
    predicted = model.head(model.represent(keypoints, first=first))
    return _distance(predicted, pose) + _VELOCITY_WEIGHT * _distance(predicted.diff(dim=1), pose.diff(dim=1))


def part_loss(model: DSTformer, readout: nn.Linear, whole: Tensor, part: int, first: int) -> Tensor:
    """Error of the joints and velocities that a readout recovers from a part's averaged representation.

    whole: (B,F,17,3). part: the index in skeleton.PARTS.
    """
    representation, truth = _part_example(model, whole, part, first)
    recovered = readout(representation).unflatten(-1, (-1, 3))
    target = truth.unflatten(-1, (-1, 3))  # type: ignore[no-untyped-call]
    return 2 * _distance(recovered, target)


def _part_example(model: DSTformer, whole: Tensor, part: int, first: int) -> tuple[Tensor, Tensor]:
    """A part's averaged representation (B,F,dim_rep); its J joints' positions and scaled velocities (B,F,6J)."""
    joints = tuple(skeleton.PARTS.values())[part]
    truth = whole[:, :, joints]
    jitter = 0.01 * torch.randn_like(truth)
    velocity = torch.gradient(truth, dim=1)[0]
    targets = torch.cat([truth, _VELOCITY_WEIGHT * velocity], dim=2).flatten(2)
    return model.represent(truth + jitter, joints, first).mean(dim=2), targets


def _distance(a: Tensor, b: Tensor) -> Tensor:
    """Mean Euclidean distance of points (...,3)."""
    distance: Tensor = (a - b).norm(dim=-1).mean()
    return distance


def evaluate(model: DSTformer, held_out: Tracks, train_tracks: Tracks) -> dict[str, float]:
    """Scores of lifting on held-out tracks, done as in the stage `lift`; in torso lengths, relative to the root.

    mpjpe: mean error of a joint.
    mpjpe_mean_pose: the same if the mean training pose is the prediction.
    mpjpe_zero_depth: the same for the noisy input with depth 0, scaled to the least squared error in each video.
    ratio: mpjpe over the smaller of these two.
    speed_correlation: of the lifted joints' speeds with the true ones, both below 6 Hz, mean over joints and videos.
    energy_correlation: likewise, of the square roots of the five parts' energies.
    """
    torso = held_out.torso[:, None, None, None]
    mean_pose = (train_tracks.pose / train_tracks.torso[:, None, None, None]).mean(axis=(0, 1))
    errors: dict[str, list[float]] = {"mpjpe": [], "mpjpe_mean_pose": [], "mpjpe_zero_depth": []}
    speeds, energies = [], []
    for keypoints, truth, unit in zip(held_out.keypoints, held_out.pose, torso, strict=True):
        pose = lift(model, keypoints, OVERLAP, flip=True, root="relative")
        flat = (keypoints - keypoints[:, :1]) * np.array([1, 1, 0], np.float32)
        flat *= np.vdot(flat, truth) / np.vdot(flat, flat)
        relative = pose - pose[:, :1]
        errors["mpjpe"].append(_mpjpe(relative, truth, unit))
        errors["mpjpe_mean_pose"].append(_mpjpe(mean_pose * unit, truth, unit))
        errors["mpjpe_zero_depth"].append(_mpjpe(flat, truth, unit))
        lifted, true = (lowpass(track, FPS, 6.0, 2) for track in (relative, truth))
        speeds.append(_correlation(*(np.linalg.norm(np.gradient(t, axis=0), axis=-1)[:, 1:] for t in (lifted, true))))
        energies.append(_correlation(*(np.sqrt(part_energies(t, FPS, np.ones(17))) for t in (lifted, true))))
    scores = {name: float(np.mean(values)) for name, values in errors.items()}
    scores["ratio"] = scores["mpjpe"] / min(scores["mpjpe_mean_pose"], scores["mpjpe_zero_depth"])
    return scores | {"speed_correlation": float(np.mean(speeds)), "energy_correlation": float(np.mean(energies))}


def _mpjpe(pose: npt.NDArray[Any], truth: npt.NDArray[Any], unit: npt.NDArray[Any]) -> float:
    """Mean distance of the joints, in `unit`."""
    return float(np.linalg.norm((pose - truth) / unit, axis=-1).mean())


def _correlation(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> float:
    """Pearson's correlation of the columns of a (N,K) and b (N,K), mean over the columns."""
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    return float(((a * b).sum(axis=0) / np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))).mean())
