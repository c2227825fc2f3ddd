"""Section `train_diffusion` of params.yaml."""

import dataclasses

from pace.diffusion import objectives
from pace.diffusion.generator import DenoisingTask
from pace.pipeline.params import choice, limits
from pace.training import accelerate
from pace.training.learning_rate import DECAYS, learning_rate


@dataclasses.dataclass(frozen=True)
class DiffusionParams:
    """Section `train_diffusion` of params.yaml."""

    seed: int
    steps: int = limits(1)
    epochs: int = limits(0)
    batch_size: int = limits(1)
    lr: float = limits(0)
    warmup: int = limits(0)
    decay: str = choice(*DECAYS)
    weight_decay: float = limits(0)
    max_grad_norm: float = limits(0)
    ema: float = limits(0, 1)
    ema_warmup: float = limits(0)
    drop: float = limits(0, 1)
    mirror: float = limits(0, 1)
    objective: str = choice(*objectives.OBJECTIVES)
    schedule: str = choice(*objectives.SCHEDULES)
    min_snr: float = limits(0)
    precision: str = choice(*accelerate.PRECISIONS)
    eval_every: int = limits(1)
    save_every: int = limits(1)

    def learning_rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        return learning_rate(step, self.lr, self.warmup, self.steps, self.decay)

    def task(self) -> DenoisingTask:
        """The U-Net's training task, which sampling must know."""
        return DenoisingTask(self.objective, self.schedule, self.min_snr, self.drop)
