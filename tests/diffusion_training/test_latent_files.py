"""The training data, read from files: every clip's music with its own dance, under a fingerprint of all of it."""

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.condition_files import write

from pace.diffusion_training.latent_files import DataFolders, load_data

CPU = torch.device("cpu")


def folders(folder):
    conditions = {name: folder / name for name in ("energy", "motion", "visual")}
    return DataFolders(latents=folder, clips=folder / "clips.parquet", **conditions)


@pytest.fixture
def music_and_dance(tmp_path):
    """Files of a training, no list of them sorted; returns {split: clips in the order of their latents}.

    A clip is (id, number, video's seed, start). Its latents are spread by 1/2 around its number, with the deviation
    exp(-number / 20); the energies of its video count frames from 1000 x seed. Video c has no motion.
    """
    clips = {
        "train": [("p", 3, 2, 1.0), ("q", 40, 3, 0.0), ("n", 1, 1, 0.5), ("r", 2, 2, 0.0), ("m", 5, 4, 2.0)],
        "val": [("y", 8, 5, 1.5), ("x", 9, 5, 0.0)],
    }
    videos = {1: "d", 2: "b", 3: "c", 4: "a", 5: "e"}
    for seed, name in videos.items():
        write(tmp_path, name, 240, ("energy", "visual") if name == "c" else ("energy", "motion", "visual"), seed)
    rows = [(clip, videos[seed], split, start) for split in clips for clip, _, seed, start in clips[split]]
    table = pd.DataFrame(rows, columns=["clip_id", "video_id", "split", "start_s"])
    table.sample(frac=1, random_state=0).to_parquet(tmp_path / "clips.parquet")
    for split, of in clips.items():
        ids, numbers = [clip for clip, *_ in of], np.array([number for _, number, *_ in of], np.float32)
        mean = numbers[:, None, None, None] + np.tile([[-0.5, 0.5]], (32, 16))[None, None]
        log_variance = np.full_like(mean, -0.1) * numbers[:, None, None, None]
        np.savez(tmp_path / f"{split}.npz", mean=mean, log_variance=log_variance, clip_id=np.array(ids))
    return {split: [clip for clip in of if clip[0] != "q"] for split, of in clips.items()}


def test_training_pairs_each_clips_music_with_its_own_dance(music_and_dance, tmp_path):
    """The number that a clip's latents tell and the frames that its energies tell are of one clip."""
    train, val, scale, _ = load_data(folders(tmp_path), CPU, lambda text: None)
    for data, clips in ((train, music_and_dance["train"]), (val, music_and_dance["val"])):
        numbers, seeds, starts = (torch.tensor(column) for column in list(zip(*clips, strict=True))[1:])
        assert len(data.mean) == len(data.conditions) == len(clips)
        torch.testing.assert_close(scale.restore(data.mean).mean(dim=(1, 2, 3)), numbers.float())
        torch.testing.assert_close((data.deviation * scale.std).mean(dim=(1, 2, 3)), (-numbers / 20).exp())
        energies = data.conditions.batch(torch.arange(len(clips))).slow
        torch.testing.assert_close(energies[:, 0, 0], 1000.0 * seeds + 30 * starts)


def test_the_scale_of_the_latents_is_that_of_the_training_clips(music_and_dance, tmp_path):
    """Also for the validation clips; a clip without conditions has no part in it."""
    _, _, scale, _ = load_data(folders(tmp_path), CPU, lambda text: None)
    numbers = np.array([number for _, number, *_ in music_and_dance["train"]])
    assert scale.mean.item() == pytest.approx(numbers.mean(), rel=1e-5)
    assert scale.std.item() == pytest.approx(np.sqrt(numbers.var() + 0.25 + np.exp(-numbers / 10).mean()), rel=1e-5)


def test_what_is_left_out_is_reported(music_and_dance, tmp_path):
    lines = []
    load_data(folders(tmp_path), CPU, lines.append)
    assert lines[0].startswith("train: video c is left out: ") and "c.npz is missing" in lines[0]
    assert lines[1:] == [
        "train: 4 clips, 1 left out for missing conditions",
        "val: 2 clips, 0 left out for missing conditions",
    ]


def test_the_fingerprint_is_of_latents_conditions_and_order(music_and_dance, tmp_path):
    def fingerprint():
        return load_data(folders(tmp_path), CPU, lambda text: None).fingerprint

    first = fingerprint()
    assert fingerprint() == first
    with np.load(tmp_path / "val.npz") as file:
        arrays = dict(file)
    np.savez(tmp_path / "val.npz", **{name: array[::-1] for name, array in arrays.items()})
    reordered = fingerprint()
    write(tmp_path, "e", 240, seed=6)
    assert len({first, reordered, fingerprint()}) == 3


def test_without_validation_clips_there_is_no_validation_data(music_and_dance, tmp_path):
    for split in ("val", "train"):
        with np.load(tmp_path / f"{split}.npz") as file:
            np.savez(tmp_path / f"{split}.npz", **{name: array[:0] for name, array in dict(file).items()})
        if split == "val":
            assert load_data(folders(tmp_path), CPU, lambda text: None).val is None
    with pytest.raises(ValueError, match="no training clip has latents and conditions"):
        load_data(folders(tmp_path), CPU, lambda text: None)


def test_latents_that_are_not_finite_are_named_by_their_file(music_and_dance, tmp_path):
    with np.load(tmp_path / "train.npz") as file:
        arrays = dict(file)
    arrays["mean"][[1, 2], 0, 3, 4] = np.inf
    np.savez(tmp_path / "train.npz", **arrays)
    with pytest.raises(
        ValueError, match=r"train\.npz: clips with mean: NaN or infinity in 2 of 5; train the autoencoder"
    ):
        load_data(folders(tmp_path), CPU, lambda text: None)
