"""TikTok videos in D2M-GAN's naming: its lists share music between train and test, the seeded split does not."""

import pytest
from helpers.dataset_layouts import copies, index_params, tiny_video

from pace.datasets import index, leaks, tiktok

NAMES = [f"{music:06d}_{music}_{10 * music + i}" for music in range(8) for i in range(3)]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiktok")
    tiny_video(folder / "000000_0_0.mp4")
    copies(folder / "000000_0_0.mp4", *(folder / f"{name}.mp4" for name in NAMES[1:]), folder / "other.mp4")
    return folder


def params(root, **changes):
    return index_params("tiktok", root, **{"test_fraction": 0.2} | changes)


def write_lists(folder, test):
    folder.mkdir()
    for split, names in (("train", [n for n in NAMES if n not in test and n != NAMES[1]]), ("test", test)):
        lines = "".join(f"/data/tiktok/video_s2/{name}_seg{i}.npy\n" for name in names for i in range(1, 8))
        (folder / f"tiktok_video_{split}_segment.txt").write_text(lines)
    return str(folder)


def test_published_lists_leak_music_and_the_check_says_so(root, tmp_path):
    test = [NAMES[23], NAMES[22], NAMES[20]]
    lists = write_lists(tmp_path / "lists", test)
    tables = index.build(params(root, split_lists=lists))
    videos = tables.videos.set_index("video_id")
    assert set(videos.index[videos.split == "test"]) == set(test)
    assert NAMES[1] not in videos.index and videos.loc[NAMES[23], "music_id"] == "000007"
    held = videos[videos.split == "val"]
    assert held.music_id.nunique() == 1 and not set(held.music_id) & set(videos.music_id[videos.split == "train"])
    val_music = set(held.music_id)
    gone = write_lists(tmp_path / "more", [*test, "000009_9_99", "000009_9_98"])
    assert index.build(params(root, split_lists=gone)).notes[-1] == (
        f"2 videos of the lists that are not in {root}, such as 000009_9_98"
    )
    shared = sum(name[:6] not in val_music for name in test)
    assert shared > 0
    leak = leaks.count(tables.videos, tables.clips)
    assert leak == {"music": shared, "dance": 0, "video": 0, "unknown_music": 0, "unknown_dance": 3}
    summary = index.summary(tables)
    assert f"of 3 test clips, {shared} share their music" in summary
    assert "Not known: the dance of 3 test clips" in summary
    assert "note: 1 videos in no list, such as 000000_0_1" in summary
    assert "note: 1 files not named music_index_number, such as other.mp4" in summary


def test_seeded_split_shares_no_music(root):
    tables = index.build(params(root))
    videos = tables.videos
    assert dict(videos.split.value_counts()) == {"train": 18, "test": 3, "val": 3}
    assert (videos.groupby("music_id").split.nunique() == 1).all()
    assert leaks.count(videos, tables.clips)["music"] == 0
    splits = [dict(zip(v.video_id, v.split, strict=True)) for v in (
        videos, tiktok.read(params(root)).videos, tiktok.read(params(root, seed=1)).videos)]  # fmt: skip
    assert splits[0] == splits[1] != splits[2]
