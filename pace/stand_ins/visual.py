"""Stand-in weights for I3D: a narrow network learns to recognise the dance styles in small rendered clips.

The clips show the procedural dancer, rendered with other seeds than the dataset's videos.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import joblib
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from pace.pipeline.params import limits
from pace.synthetic.camera import random_camera
from pace.synthetic.choreography import choreograph
from pace.synthetic.render import render
from pace.synthetic.styles import STYLES, draw_clock
from pace.visual.i3d import I3D

STREAM = 20_011  # makes these random numbers differ from those of other stages with the same seed


@dataclass(frozen=True)
class PretrainVisualParams:
    """Section `pretrain_visual`; sizes in pixels, lengths in frames."""

    width: float = limits(1 / 64, 1)
    fps: int = limits(1, 120)
    size: int = limits(32, 512)
    crop: int = limits(32, 512)
    frames: int = limits(9, 256)
    window: int = limits(9, 256)
    train_clips: int = limits(1)
    test_clips: int = limits(1)
    steps: int = limits(1)
    batch_size: int = limits(2)
    lr: float = limits(0)
    seed: int = limits(0)

    def __post_init__(self) -> None:
        if self.crop > self.size or self.window > self.frames:
            raise ValueError("`pretrain_visual.crop` and `.window` must not exceed `.size` and `.frames`")


def render_clip(style: str, split: int, index: int, params: PretrainVisualParams) -> npt.NDArray[np.uint8]:
    """A clip (frames,size,size,3) uint8 with a dancer, camera, tempo and phase of its own."""
    rng = np.random.default_rng([params.seed, STREAM, split, STYLES.index(style), index])
    motion = choreograph(
        style, draw_clock(style, rng), params.frames / params.fps, params.fps, rng, rng.uniform()
    ).motion
    camera = random_camera(rng, params.size, motion)
    return np.stack(list(render(motion, camera, params.size, rng, style)))


def render_clips(count: int, split: int, params: PretrainVisualParams, workers: int) -> tuple[Tensor, Tensor]:
    """Render `count` clips of each style, for split 0 (training) or 1 (held out).

    Returns clips (n,T,H,W,3) uint8 and labels (n,) int64, the indices in STYLES.
    """
    jobs = [(style, split, index, params) for style in STYLES for index in range(count)]
    clips = joblib.Parallel(n_jobs=workers)(joblib.delayed(render_clip)(*job) for job in jobs)
    return torch.from_numpy(np.stack(clips)), torch.arange(len(STYLES)).repeat_interleave(count)


def _batch(clips: Tensor, chosen: Tensor, params: PretrainVisualParams, rng: torch.Generator) -> Tensor:
    """Random windows, crops and mirror images of the chosen clips as input (B,3,window,crop,crop) in [-1,1]."""

    def below(limit: int) -> int:
        return int(torch.randint(limit, (), generator=rng))

    batch = []
    for index in chosen.tolist():
        start, top, left = (
            below(clips.shape[axis] - size + 1)
            for axis, size in ((1, params.window), (2, params.crop), (3, params.crop))
        )
        clip = clips[index, start : start + params.window, top : top + params.crop, left : left + params.crop]
        batch.append(clip.flip(2) if below(2) else clip)
    return torch.stack(batch).permute(0, 4, 1, 2, 3).float() / 127.5 - 1


def _choices(count: int, batch: int, rng: torch.Generator) -> Iterator[Tensor]:
    """Endless batches of indices below `count`; each comes once in every pass."""
    left = torch.empty(0, dtype=torch.long)
    while True:
        while len(left) < batch:
            left = torch.cat([left, torch.randperm(count, generator=rng)])
        yield left[:batch]
        left = left[batch:]


def train(
    clips: Tensor, labels: Tensor, params: PretrainVisualParams, progress: Callable[[range], Iterable[int]] = iter
) -> I3D:
    """Train an I3D of `params.width` on clips (n,T,H,W,3) uint8 with labels (n,). Returns it in evaluation mode.

    progress: wraps the range of steps, for example in a progress bar.
    """
    torch.manual_seed(params.seed)
    rng = torch.Generator().manual_seed(params.seed)
    model = I3D(params.width, classes=len(STYLES)).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=params.lr, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, params.lr, params.steps)
    choices = _choices(len(clips), params.batch_size, rng)
    for _ in progress(range(params.steps)):
        chosen = next(choices)
        scores = model(_batch(clips, chosen, params, rng)).mean(dim=2)
        loss = F.cross_entropy(scores, labels[chosen], label_smoothing=0.1)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    _set_statistics(model, (_batch(clips, next(choices), params, rng) for _ in range(20)))
    return model.eval()


@torch.no_grad()
def _set_statistics(model: I3D, batches: Iterator[Tensor]) -> None:
    """Recompute the batch-norm statistics over `batches`: the published momentum 0.01 is too slow for a short run."""
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm3d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    for batch in batches:
        model(batch)
    for norm in norms:
        norm.momentum = 0.01


@torch.inference_mode()
def accuracy(model: I3D, clips: Tensor, labels: Tensor, crop: int) -> float:
    """Share of clips (n,T,H,W,3) uint8 whose style gets the highest score, in the centre crop of all frames."""
    top, left = (clips.shape[2] - crop) // 2, (clips.shape[3] - crop) // 2
    correct = 0
    for clip, label in zip(clips, labels.tolist(), strict=True):
        x = clip[:, top : top + crop, left : left + crop].permute(3, 0, 1, 2)[None].float() / 127.5 - 1
        correct += int(model(x).mean(dim=2).argmax()) == label
    return correct / len(clips)
