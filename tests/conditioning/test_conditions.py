"""Gathering the conditions of clips from the videos' arrays."""

import numpy as np
import pandas as pd
import pytest
import torch

from pace.conditioning.condition_files import read_clips, read_videos
from pace.conditioning.conditions import ConditionStore, VideoConditions
from stages import sample, train_diffusion


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


def test_clips_are_cut_at_their_frames():
    videos = {"b": video(300, 2), "a": video(200, 1)}
    store = ConditionStore(videos, [("b", 0.0), ("a", 1.0), ("b", 5.0)])
    batch = store.batch(torch.tensor([1, 0, 2]))
    assert len(store) == 3 and store.frames == 150
    assert batch.slow.shape == (3, 150, 5) and batch.visual.shape == (3, 150, 3)
    np.testing.assert_allclose(batch.slow[0], videos["a"].slow[30:180])
    np.testing.assert_allclose(batch.fast[1], videos["b"].fast[:150])
    np.testing.assert_array_equal(batch.semantic[2], videos["b"].semantic[150:].astype(np.float32))


def test_frames_past_the_end_repeat_the_last_one():
    videos = {"a": video(160, 1), "b": video(160, 2)}
    batch = ConditionStore(videos, [("a", 1.0), ("b", 0.0)]).batch(torch.tensor([0]))
    np.testing.assert_allclose(batch.slow[0, :130], videos["a"].slow[30:])
    np.testing.assert_allclose(batch.slow[0, 130:], np.broadcast_to(videos["a"].slow[-1], (20, 5)))


def test_visual_steps_are_interpolated_at_frame_times():
    """The first channel is the time itself: between the first and last step interpolation gives the frame's time."""
    videos = {"a": video(300, 1), "b": video(300, 2)}
    batch = ConditionStore(videos, [("b", 2.0), ("b", 0.0)]).batch(torch.tensor([0, 1]))
    time = 2 + np.arange(150) / 30
    np.testing.assert_allclose(batch.visual[0, :, 0], time, atol=5e-3)
    np.testing.assert_allclose(batch.visual[0, :, 1], 2 * time + 2, atol=1e-2)
    np.testing.assert_allclose(batch.visual[1, :10, 0], 0.36, atol=1e-3)


def test_mirror_exchanges_left_and_right():
    store = ConditionStore({"a": video(150, 1)}, [("a", 0.0)])
    index = torch.tensor([0, 0])
    plain, mirrored = store.batch(index), store.batch(index, torch.tensor([True, False]))
    for a, b in zip(plain[:3], mirrored[:3], strict=True):
        torch.testing.assert_close(b[0], a[0][:, [0, 2, 1, 4, 3]])
        torch.testing.assert_close(b[1], a[1])


def test_errors_name_the_video():
    good = video(150, 1)
    with pytest.raises(ValueError, match="video b: motion embedding"):
        ConditionStore({"a": good, "b": good._replace(semantic=good.semantic[:-1])}, [("a", 0.0), ("b", 0.0)])
    with pytest.raises(ValueError, match=r"video b has 25 frames/s"):
        ConditionStore({"a": good, "b": good._replace(fps=25.0)}, [("a", 0.0), ("b", 0.0)])
    with pytest.raises(ValueError, match="visual embedding"):
        ConditionStore({"a": good, "b": video(150, 2, width=2)}, [("a", 0.0), ("b", 0.0)])
    with pytest.raises(ValueError, match="no clip"):
        ConditionStore({}, [])


def write(folder, name, frames, parts=("energy", "motion", "visual"), seed=1):
    v = video(frames, seed)
    columns = {f"slow_{p}": v.slow[:, i] for i, p in enumerate(("to", "la", "ra", "ll", "rl"))}
    columns |= {f"fast_{p}": v.fast[:, i] for i, p in enumerate(("to", "la", "ra", "ll", "rl"))}
    for part in ("energy", "motion", "visual"):
        (folder / part).mkdir(exist_ok=True)
    if "energy" in parts:
        pd.DataFrame(columns).to_parquet(folder / "energy" / f"{name}.parquet")
    if "motion" in parts:
        np.savez(folder / "motion" / f"{name}.npz", embedding=v.semantic, fps=v.fps)
    if "visual" in parts:
        np.savez(folder / "visual" / f"{name}.npz", embedding=v.visual, time_s=v.visual_time.astype(np.float32))
    return v


def test_files_are_read_and_missing_ones_reported(tmp_path):
    written = write(tmp_path, "a", 150)
    write(tmp_path, "b", 150, parts=("energy", "visual"))
    folders = [tmp_path / name for name in ("energy", "motion", "visual")]
    videos, missing = read_videos(["a", "b", "a"], *folders)
    assert list(videos) == ["a"] and list(missing) == ["b"] and "b.npz" in missing["b"]
    np.testing.assert_allclose(videos["a"].fast, written.fast, rtol=1e-6)
    np.testing.assert_array_equal(videos["a"].semantic, written.semantic)
    assert videos["a"].fps == 30.0


@pytest.fixture
def scored(tmp_path, monkeypatch):
    """The folder that `sample` reads its conditions and its table of clips from."""
    for name in ("ENERGY", "MOTION", "VISUAL"):
        monkeypatch.setattr(sample, name, tmp_path / name.lower())
    monkeypatch.setattr(sample, "CLIPS", tmp_path / "clips.parquet")
    return tmp_path


def test_sample_takes_the_clips_of_its_split_that_have_conditions(scored, capsys):
    for name in ("a", "b"):
        write(scored, name, 150)
    rows = [("a_0", "a", "test", 0.0), ("b_0", "b", "val", 0.0), ("c_0", "c", "val", 0.0), ("d_0", "d", "train", 0.0)]
    pd.DataFrame(rows, columns=["clip_id", "video_id", "split", "start_s"]).to_parquet(scored / "clips.parquet")
    for split, expected in (("test", ["a_0"]), ("val", ["b_0"])):
        ids, conditions = sample.read_scored_clips(split)
        assert ids == expected and len(conditions) == 1
    assert "val: video c is left out" in capsys.readouterr().out


def test_sample_gives_each_clip_its_own_dance(scored):
    """A table that is not sorted, its first clip without conditions; the energies tell video and frame."""
    for name, seed in (("a", 1), ("b", 2)):
        write(scored, name, 240, seed=seed)
    rows = [("w", "c", "test", 0.0), ("z", "b", "test", 1.0), ("x", "a", "test", 3.0), ("y", "b", "test", 0.0)]
    pd.DataFrame(rows, columns=["clip_id", "video_id", "split", "start_s"]).to_parquet(scored / "clips.parquet")
    ids, conditions = sample.read_scored_clips("test")
    told = conditions.batch(torch.arange(3)).slow[:, 0, 0].tolist()
    assert dict(zip(ids, told, strict=True)) == {"z": 2030, "x": 1090, "y": 2000}


@pytest.fixture
def music_and_dance(tmp_path, monkeypatch):
    """Files of train_diffusion, no list of them sorted: {split: clips in the order of their latents}.

    A clip is (id, number, video's seed, start). Its latents are spread by 1/2 around its number, with the deviation
    exp(-number / 20); the energies of its video count frames from 1000 x seed. Video c has no motion.
    """
    for name in ("ENERGY", "MOTION", "VISUAL"):
        monkeypatch.setattr(train_diffusion, name, tmp_path / name.lower())
    monkeypatch.setattr(train_diffusion, "CLIPS", tmp_path / "clips.parquet")
    monkeypatch.setattr(train_diffusion, "LATENTS", tmp_path)
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


def test_training_pairs_each_clips_music_with_its_own_dance(music_and_dance):
    """The number that a clip's latents tell and the frames that its energies tell are of one clip."""
    train, val, scale, _ = train_diffusion.load_data(torch.device("cpu"), lambda text: None)
    for data, clips in ((train, music_and_dance["train"]), (val, music_and_dance["val"])):
        numbers, seeds, starts = (torch.tensor(column) for column in list(zip(*clips, strict=True))[1:])
        assert len(data.mean) == len(data.conditions) == len(clips)
        torch.testing.assert_close(scale.restore(data.mean).mean(dim=(1, 2, 3)), numbers.float())
        torch.testing.assert_close((data.deviation * scale.std).mean(dim=(1, 2, 3)), (-numbers / 20).exp())
        energies = data.conditions.batch(torch.arange(len(clips))).slow
        torch.testing.assert_close(energies[:, 0, 0], 1000.0 * seeds + 30 * starts)


def test_the_scale_of_the_latents_is_that_of_the_training_clips(music_and_dance):
    """Also for the validation clips; a clip without conditions has no part in it."""
    _, _, scale, _ = train_diffusion.load_data(torch.device("cpu"), lambda text: None)
    numbers = np.array([number for _, number, *_ in music_and_dance["train"]])
    assert scale.mean.item() == pytest.approx(numbers.mean(), rel=1e-5)
    assert scale.std.item() == pytest.approx(np.sqrt(numbers.var() + 0.25 + np.exp(-numbers / 10).mean()), rel=1e-5)


def test_clips_table(tmp_path):
    path = tmp_path / "clips.parquet"
    rows = [("a_000000", "a", "test", 0.0), ("a_005000", "a", "test", 5.0)]
    pd.DataFrame(rows, columns=["clip_id", "video_id", "split", "start_s"]).to_parquet(path)
    assert read_clips(path) == {"a_000000": ("a", "test", 0.0), "a_005000": ("a", "test", 5.0)}
