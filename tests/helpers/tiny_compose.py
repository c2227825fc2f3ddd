"""What `compose` needs, tiny: models and weights that have learned nothing, and AlphaPose results for any video."""

import dataclasses
import json
from pathlib import Path

import numpy as np
from helpers import tiny_autoencoder, tiny_generator
from safetensors.torch import save_file

from pace.compose import ComposeParams, Models
from pace.diffusion.generator import save_generator
from pace.media.video import frame_times, probe
from pace.motion.dstformer import DSTformer
from pace.pipeline.params import read
from pace.visual.i3d import I3D

ROOT = Path(__file__).resolve().parents[2]
# A standing body's 17 keypoints in COCO's order: x and y in heights of the body, from its head down.
BODY = 0.01 * np.array(
    [
        *([0, 6], [2, 4], [-2, 4], [4, 5], [-4, 5]),
        *([10, 19], [-10, 19], [14, 34], [-14, 34], [16, 48], [-16, 48]),
        *([7, 50], [-7, 50], [8, 73], [-8, 73], [8, 95], [-8, 95]),
    ]
)


def make(folder: Path) -> tuple[ComposeParams, Models]:
    """Write the networks into `folder`; the settings of params.yaml with these and few steps."""
    width = 1 / 64
    motion, visual = folder / "motion.safetensors", folder / "visual.safetensors"
    save_file(DSTformer(dim_feat=8, mlp_ratio=1).state_dict(), motion)
    save_file(I3D(width).state_dict(), visual)
    models = Models(folder / "vae", folder / "diffusion")
    for path in (models.vae, models.diffusion):
        path.mkdir()
    tiny_autoencoder.save(models.vae)
    shape = dataclasses.replace(tiny_generator.SHAPE, visual_width=round(1024 * width))
    training = {"objective": "v", "schedule": "cosine", "min_snr": 0.0, "drop": 0.1}
    save_generator(models.diffusion, tiny_generator.generator(shape=shape), training)
    settings = ComposeParams.of(read(ROOT / "params.yaml"))
    replace = dataclasses.replace
    return replace(
        settings,
        decode=replace(settings.decode, short_side=64),
        lift=replace(settings.lift, weights=str(motion), flip=False),
        embed_motion=replace(settings.embed_motion, weights=str(motion)),
        visual=replace(settings.visual, weights=str(visual), fps=5, short_side=32, crop=32),
        sample=replace(settings.sample, steps=2),
        vocoder=replace(settings.vocoder, iterations=1),
    ), models


def alphapose_results(path: Path, video: Path) -> Path:
    """Write results for a video: one dancer, upright, who sways twice a second, in every frame."""
    info, times = probe(video), frame_times(video)
    people = []
    for frame, time in enumerate(times):
        points = 0.8 * info.height * BODY + [info.width / 2, 0.1 * info.height]
        points[:, 0] += 0.05 * info.height * np.sin(4 * np.pi * time) * (1 - BODY[:, 1])
        keypoints = np.column_stack([points, np.full(17, 0.9)]).round(2).ravel().tolist()
        people.append({"image_id": f"{frame}.jpg", "category_id": 1, "keypoints": keypoints, "score": 3.0})
    path.write_text(json.dumps(people))
    return path
