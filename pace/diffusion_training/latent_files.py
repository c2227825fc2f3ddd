"""The training and validation data, read from the files of latents and conditions."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from pace.conditioning.condition_files import read_clips, read_videos
from pace.conditioning.conditions import ConditionStore, VideoConditions
from pace.diffusion.generator import LatentScale
from pace.diffusion_training.latents import LatentDataset, conditions_device, make_dataset, measure_scale
from pace.finite import check_finite
from pace.training.resume import fingerprint


@dataclass(frozen=True)
class DataFolders:
    """Folders and files of the training data."""

    latents: Path  # {split}.npz
    clips: Path  # clips.parquet
    energy: Path  # {video id}.parquet
    motion: Path  # {video id}.npz
    visual: Path  # {video id}.npz


class SplitArrays(NamedTuple):
    """Data of the n clips of one split that have conditions."""

    mean: npt.NDArray[Any]  # posterior means (n,C,32,32)
    log_variance: npt.NDArray[Any]  # (n,C,32,32)
    clip_ids: list[str]
    videos: dict[str, VideoConditions]


class TrainingData(NamedTuple):
    """Both splits, normalised by the scale of the training latents, and a fingerprint of all that was read."""

    train: LatentDataset
    val: LatentDataset | None  # None if there are no validation clips
    scale: LatentScale
    fingerprint: str


def read_split(folders: DataFolders, split: str, log: Callable[[str], None]) -> SplitArrays:
    """Latents and conditions of a split. Calls `log` with a message for every video left out and with the counts."""
    with np.load(folders.latents / f"{split}.npz", allow_pickle=False) as file:
        mean, log_variance, clip_ids = file["mean"], file["log_variance"], file["clip_id"]
    for name, values in (("mean", mean), ("log_variance", log_variance)):
        check_finite(values, f"{folders.latents / split}.npz: clips with {name}", "train the autoencoder again")
    clips = read_clips(folders.clips)
    video_ids = [clips[clip][0] for clip in clip_ids]
    videos, missing = read_videos(video_ids, folders.energy, folders.motion, folders.visual)
    for video_id, reason in missing.items():
        log(f"{split}: video {video_id} is left out: {reason}")
    kept = [i for i, video_id in enumerate(video_ids) if video_id in videos]
    log(f"{split}: {len(kept)} clips, {len(clip_ids) - len(kept)} left out for missing conditions")
    return SplitArrays(mean[kept], log_variance[kept], [str(clip_ids[i]) for i in kept], videos)


def load_data(folders: DataFolders, device: torch.device, log: Callable[[str], None]) -> TrainingData:
    """Training and validation data on `device`. Raises ValueError if no training clip is complete."""
    clips = read_clips(folders.clips)
    fingerprints = []

    def dataset(arrays: SplitArrays, scale: LatentScale) -> LatentDataset:
        starts = [(clips[clip][0], clips[clip][2]) for clip in arrays.clip_ids]
        store = ConditionStore(arrays.videos, starts, conditions_device(arrays.videos.values(), device))
        arrays.videos.clear()  # the store holds copies; free the memory
        tracks = [fingerprint(x.cpu().numpy()) for x in (store.slow, store.fast, store.semantic, store.visual)]
        fingerprints.append(fingerprint(arrays.mean, arrays.log_variance, arrays.clip_ids, *tracks))
        return make_dataset(arrays.mean, arrays.log_variance, scale, store, device)

    arrays = read_split(folders, "train", log)
    if not arrays.clip_ids:
        raise ValueError("no training clip has latents and conditions; see the failures.json files in data/")
    scale = measure_scale(arrays.mean, arrays.log_variance)
    train = dataset(arrays, scale)
    arrays = read_split(folders, "val", log)
    val = dataset(arrays, scale) if arrays.clip_ids else None
    return TrainingData(train, val, scale, fingerprint(fingerprints))
