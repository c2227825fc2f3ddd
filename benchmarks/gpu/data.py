"""Training data made up in memory: smooth latents, and conditions of videos with as many clips as a real data set."""

import numpy as np
import torch

from benchmarks.settings import Settings
from pace.clip import LATENT_SIZE
from pace.conditioning.conditions import ConditionStore, VideoConditions
from pace.conditioning.hsf_encoder import SEMANTIC_WIDTH
from pace.diffusion_training.latents import LatentDataset, make_dataset, measure_scale
from pace.pose.skeleton import PARTS

VIDEO_SECONDS, CLIPS_PER_VIDEO, STEP_SECONDS = 10.0, 6, 0.32


def conditions(config: Settings, videos: int, device: torch.device, seed: int = 0) -> ConditionStore:
    """Random conditions of `videos` videos of ten seconds, with a clip from every whole second."""
    rng = np.random.default_rng(seed)
    fps = config.shape.fps
    frames, time = round(VIDEO_SECONDS * fps), np.arange(0, VIDEO_SECONDS, STEP_SECONDS)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape, dtype=np.float32)

    made = {
        f"video{i}": VideoConditions(
            np.abs(normal(frames, len(PARTS))),
            np.abs(normal(frames, len(PARTS))),
            normal(frames, len(PARTS), SEMANTIC_WIDTH).astype(np.float16),
            normal(len(time), config.shape.visual_width).astype(np.float16),
            time,
            fps,
        )
        for i in range(videos)
    }
    clips = [(name, float(start)) for name in made for start in range(CLIPS_PER_VIDEO)]
    return ConditionStore(made, clips, device)


def dataset(config: Settings, videos: int, device: torch.device, seed: int = 0) -> LatentDataset:
    """Smooth random latents, six clips for each video, and their conditions."""
    store = conditions(config, videos, device, seed)
    coarse = torch.randn(len(store), config.shape.channels, 4, 4, generator=torch.Generator().manual_seed(seed))
    mean = torch.nn.functional.interpolate(coarse, size=(LATENT_SIZE, LATENT_SIZE), mode="bilinear").numpy()
    log_variance = np.full_like(mean, -6.0)
    return make_dataset(mean, log_variance, measure_scale(mean, log_variance), store, device)
