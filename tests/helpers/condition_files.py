"""Conditions of videos, in memory and as files, whose values tell the video and the frame."""

import numpy as np
import pandas as pd

from pace.conditioning.conditions import VideoConditions
from pace.pose.skeleton import PARTS


def video(frames, seed, fps=30.0, width=3):
    """Energies count frames, so that a gathered value tells where it came from."""
    rng = np.random.default_rng(seed)
    count = np.arange(frames, dtype=np.float32)[:, None] + 1000 * seed
    times = np.arange(0.36, frames / fps, 0.32)
    steps = np.stack([times, 2 * times + seed, np.ones_like(times)], axis=1)[:, :width]
    semantic = rng.standard_normal((frames, 5, 512)).astype(np.float16)
    return VideoConditions(
        count + np.arange(5) / 10, -count - np.arange(5) / 10, semantic, steps.astype(np.float16), times, fps
    )


def write(folder, name, frames, parts=("energy", "motion", "visual"), seed=1):
    v = video(frames, seed)
    columns = {f"slow_{p}": v.slow[:, i] for i, p in enumerate(PARTS)}
    columns |= {f"fast_{p}": v.fast[:, i] for i, p in enumerate(PARTS)}
    for part in ("energy", "motion", "visual"):
        (folder / part).mkdir(exist_ok=True)
    if "energy" in parts:
        pd.DataFrame(columns).to_parquet(folder / "energy" / f"{name}.parquet")
    if "motion" in parts:
        np.savez(folder / "motion" / f"{name}.npz", embedding=v.semantic, fps=v.fps)
    if "visual" in parts:
        np.savez(folder / "visual" / f"{name}.npz", embedding=v.visual, time_s=v.visual_time.astype(np.float32))
    return v
