"""A folder of videos: ids, tables, and splits that never put one music on two sides."""

import itertools
import re

import pandas as pd
import pytest
from dataset_layouts import copies, index_params, tiny_video

from pace import index
from pace.datasets import folder, leaks, splits
from pace.datasets.listing import DatasetError


def params(root, **changes):
    return index_params("folder", root, **{"val_fraction": 0.2, "test_fraction": 0.2} | changes)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Ten videos with sound of their own in several containers, two copies of one of them, one silent, one broken."""
    root = tmp_path_factory.mktemp("folder")
    endings = ("mp4", "mov", "m4v", "MP4", "mp4", "mp4", "mp4", "mp4", "mp4", "mp4")
    for seed, ending in enumerate(endings):
        tiny_video(root / f"day {seed % 2}" / f"dance{seed}.{ending}", seed)
    copies(root / "day 0/dance0.mp4", root / "copy/dance0.mp4", root / "copy/again.mkv")
    tiny_video(root / "silent.mp4", sound=False)
    (root / "day 1" / "broken.mp4").write_bytes(b"no video")
    (root / ".trash").mkdir()
    (root / ".trash" / "old.mp4").write_bytes(b"")
    (root / "notes.txt").write_text("no video")
    return root


def test_ids_are_unique_safe_and_tell_the_folder_where_names_repeat():
    files = ["a/x.mp4", "b/x.mp4", "b/x.mov", "b/y z.mp4", "b/y_z.mp4", "Tanz ä!.mp4", "A/b.mp4", "a/B.mp4",
             ".../-.mp4", "c/" + "n" * 300 + ".mp4", "x_y/z.mp4", "x/y_z.mp4", "x/y/z.mp4", "q.tar.mp4"]  # fmt: skip
    ids = folder.video_ids(files)
    assert set(ids) == set(files)
    assert len({name.casefold() for name in ids.values()}) == len(files)
    assert all(re.fullmatch(r"\w[\w.-]*", name) and len(name.encode()) <= 109 for name in ids.values())
    assert ids["a/x.mp4"] == "a_x" and ids["b/x.mp4"] == "b_x_mp4" and ids["b/x.mov"] == "b_x_mov"
    assert ids["Tanz ä!.mp4"] == "Tanz_ä_" and ids["q.tar.mp4"] == "q.tar"
    assert folder.video_ids(files[::-1]) == ids
    assert folder.video_ids(["only/x.mp4"]) == {"only/x.mp4": "x"}


def test_a_tree_without_a_table(root):
    made = index.build(params(root))
    videos = made.videos.set_index("video_id")
    assert set(made.failures) == {"broken"} and "not a readable media file" in made.failures["broken"]
    assert set(videos.index) == {"again", "copy_dance0", "day_0_dance0", "silent", *(f"dance{i}" for i in range(1, 10))}
    copied = videos.loc[["again", "copy_dance0", "day_0_dance0"]]
    assert copied.music_id.nunique() == copied.split.nunique() == copied.source.nunique() == 1
    assert videos.music_id["dance1"].startswith("audio-") and videos.music_id["silent"] == ""
    assert videos.music_id[[f"dance{i}" for i in range(1, 10)]].nunique() == 9
    assert set(videos.split) == {"train", "val", "test"}
    assert leaks.count(made.videos, made.clips) | {"unknown_music": 0} == {
        "music": 0, "dance": 0, "video": 0, "unknown_music": 0, "unknown_dance": 0,
    }  # fmt: skip
    assert index.build(params(root)).videos.equals(made.videos)


def write_table(root, name, rows):
    """A root of its own with the same files (linked) and a table."""
    other = root.parent / name
    for path in root.rglob("*.*"):
        if path.is_file():
            target = other / path.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.hardlink_to(path)
    pd.DataFrame(rows).to_csv(other / "videos.csv", index=False)
    return other


def test_a_table_describes_the_videos(root):
    rows = [{"file": f"day {i % 2}/dance{i}.mp4", "split": s, "genre": "pop", "music_id": f"m{i}", "colour": 1}
            for i, s in ((0, "train"), (4, "train"), (5, ""), (6, "val"), (7, "test"))]  # fmt: skip
    rows[0] |= {"bpm": "97.5"}
    rows.append({"file": "gone.mp4", "split": "test", "colour": 2})
    rows.append({"file": "copy/dance0.mp4", "split": "test", "music_id": "mine"})
    made = index.build(params(write_table(root, "table", rows)))
    videos = made.videos.set_index("video_id")
    assert set(videos.index) == {"day_0_dance0", "dance4", "dance5", "dance6", "dance7", "copy_dance0"}
    assert dict(videos.split[["day_0_dance0", "dance4", "dance5", "dance6", "dance7"]]) == {
        "day_0_dance0": "train", "dance4": "train", "dance5": "train", "dance6": "val", "dance7": "test",
    }  # fmt: skip
    assert videos.bpm["day_0_dance0"] == 97.5 and videos.bpm.isna().sum() == 5
    assert made.failures.keys() == {"gone"}
    notes = [note.split(", such as ")[0] for note in made.notes]
    assert notes == ["8 videos not in videos.csv", "1 columns of videos.csv not used"]
    # The table puts a copy of a training video into test, under another music id: the source video gives it away.
    assert leaks.count(made.videos, made.clips) == {
        "music": 0, "dance": 0, "video": 1, "unknown_music": 0, "unknown_dance": 0,
    }  # fmt: skip


def test_music_of_the_table_groups_and_settled_splits_stay(root):
    rows = [{"file": f"day {i % 2}/dance{i}.mp4", "music_id": f"m{i // 2}"} for i in (0, 4, 5, 6, 7, 8, 9)]
    rows.append({"file": "copy/dance0.mp4", "music_id": "m2"})  # m0 and m2 are the same sound track
    seen = set()
    for seed in range(12):
        videos = index.build(params(write_table(root, f"music{seed}", rows), seed=seed)).videos
        by_id = dict(zip(videos.video_id, videos.split, strict=True))
        groups = [{"day_0_dance0", "copy_dance0", "dance4", "dance5"}, {"dance6", "dance7"}, {"dance8", "dance9"}]
        assert all(len({by_id[name] for name in group}) == 1 for group in groups)
        seen |= {(by_id["dance6"], by_id["dance8"])}
    assert seen == {("test", "val"), ("val", "test")}


def test_wrong_tables(root):
    def read(name, rows):
        return folder.read(params(write_table(root, name, rows)))

    with pytest.raises(DatasetError, match=r"videos\.csv: no column 'file'"):
        read("w1", [{"path": "silent.mp4"}])
    with pytest.raises(DatasetError, match=r"videos\.csv: silent\.mp4 has the split 'dev'; allowed: train, val, test"):
        read("w2", [{"file": "silent.mp4", "split": "dev"}])
    with pytest.raises(DatasetError, match=r"silent\.mp4 has the bpm 'fast'; expected a number"):
        read("w3", [{"file": "silent.mp4", "bpm": "fast"}])
    with pytest.raises(DatasetError, match=r"silent\.mp4 is listed twice"):
        read("w4", [{"file": "silent.mp4"}, {"file": "./silent.mp4"}])
    with pytest.raises(DatasetError, match=r"1 pieces of music are too few.*val_fraction"):
        read("w5", [{"file": "silent.mp4"}])


@pytest.mark.parametrize("seed", range(5))
def test_seeded_split(tmp_path, seed):
    """Shares are near the fractions, groups stay whole, and ten more groups move few of the others."""
    p = params(tmp_path, val_fraction=0.1, test_fraction=0.2, seed=seed)
    groups = {f"v{g:03d}_{i}": f"m{g}" for g in range(100) for i in range(1 + g % 3)}
    found = splits.by_group(groups, p)
    assert found.keys() == groups.keys()
    shares = {split: sum(value == split for value in found.values()) / len(groups) for split in splits.SPLITS}
    assert shares == pytest.approx({"train": 0.7, "val": 0.1, "test": 0.2}, abs=0.02)
    for split, other in itertools.combinations(splits.SPLITS, 2):
        sides = [{groups[v] for v, s in found.items() if s == side} for side in (split, other)]
        assert not sides[0] & sides[1]
    more = splits.by_group(groups | {f"w{g}": f"n{g}" for g in range(10)}, p)
    assert sum(more[video] != found[video] for video in found) < 0.1 * len(found)
    assert splits.by_group(groups, params(tmp_path, val_fraction=0.0, test_fraction=0.0)) == dict.fromkeys(
        groups, "train"
    )
