"""A folder of videos: ids, tables, and splits that never put one music on two sides."""

import contextlib
import itertools
import re
import unicodedata

import av
import pandas as pd
import pytest
from helpers.dataset_layouts import copies, index_params, tiny_video

from pace.datasets import folder, index, leaks, listing, splits
from pace.datasets.listing import DatasetError

ENDINGS = ("mp4", "mov", "m4v", "MP4", "mp4", "mp4", "mp4", "mp4", "mp4", "mp4")
DANCES = [f"day {i % 2}/dance{i}.{ending}" for i, ending in enumerate(ENDINGS)]


def params(root, **changes):
    return index_params("folder", root, **{"val_fraction": 0.2, "test_fraction": 0.2} | changes)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Ten videos with sound of their own in several containers, two copies of one of them, one silent, one broken."""
    root = tmp_path_factory.mktemp("folder")
    for seed, file in enumerate(DANCES):
        tiny_video(root / file, seed)
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
    tables = index.build(params(root))
    videos = tables.videos.set_index("video_id")
    assert set(tables.failures) == {"broken"} and "not a readable media file" in tables.failures["broken"]
    assert set(videos.index) == {"again", "copy_dance0", "day_0_dance0", "silent", *(f"dance{i}" for i in range(1, 10))}
    copied = videos.loc[["again", "copy_dance0", "day_0_dance0"]]
    assert copied.music_id.nunique() == copied.split.nunique() == copied.source.nunique() == 1
    assert videos.music_id["dance1"].startswith("audio-") and videos.music_id["silent"] == ""
    assert videos.music_id[[f"dance{i}" for i in range(1, 10)]].nunique() == 9
    assert set(videos.split) == {"train", "val", "test"}
    assert (videos.sequence == "").all()
    tested = int((tables.clips.split == "test").sum())  # neither their dance nor their music is named
    assert tested > 0 and leaks.count(tables.videos, tables.clips) == {
        "music": 0, "dance": 0, "video": 0, "unknown_music": tested, "unknown_dance": tested,
    }  # fmt: skip
    assert index.build(params(root)).videos.equals(tables.videos)


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
    rows.append({"file": "copy/again.mkv", "split": "test"})
    rows.append({"file": "silent.mp4", "split": "test", "sequence": "solo"})
    rows.append({"file": "", "split": "test"})
    tables = index.build(params(write_table(root, "table", rows)))
    videos = tables.videos.set_index("video_id")
    split = ["day_0_dance0", "dance4", "dance5", "dance6", "dance7"]
    assert set(videos.index) == {*split, "copy_dance0", "again", "silent"}
    assert dict(videos.split[split]) == {
        "day_0_dance0": "train", "dance4": "train", "dance5": "train", "dance6": "val", "dance7": "test",
    }  # fmt: skip
    assert videos.bpm["day_0_dance0"] == 97.5 and videos.bpm.isna().sum() == 7
    assert videos.music_id["again"] == "m0"
    assert tables.failures.keys() == {"gone"}
    notes = [note.split(", such as ")[0] for note in tables.notes]
    assert notes == [
        "6 videos not in videos.csv", "1 columns of videos.csv not used", "1 rows of videos.csv without a file",
        "3 videos with a sound track that videos.csv gives two music_ids",
    ]  # fmt: skip
    # Two copies of a training video are in test. One has no music_id: its sound track reveals the music. The other has
    # a music_id that differs from the training video's, which a note reports; its pictures reveal the video, as those
    # of the silent one do.
    assert leaks.count(tables.videos, tables.clips) == {
        "music": 1, "dance": 0, "video": 3, "unknown_music": 1, "unknown_dance": 3,
    }  # fmt: skip


def test_copies_without_a_table_are_counted_as_shared_music():
    """A sound track tells something about the music only where training has the same track."""
    videos = pd.DataFrame({"video_id": list("abcd"), "music_id": ["audio-1", "audio-1", "audio-2", "m"]})
    videos[["sequence", "source"]] = ["", "s"]
    clips = pd.DataFrame({"video_id": list("abcd"), "split": ["train", "test", "test", "test"]})
    assert {key: n for key, n in leaks.count(videos, clips).items() if "music" in key} == {
        "music": 1, "unknown_music": 1,
    }  # fmt: skip


@pytest.mark.long
def test_one_dance_filmed_twice_is_on_one_side(root):
    rows = [{"file": file, "sequence": "x" if i in (4, 5) else ""} for i, file in enumerate(DANCES)]
    table, apart = write_table(root, "dances", rows), set()
    for seed in range(12):
        videos = folder.read(params(table, seed=seed)).videos.set_index("video_id")
        assert videos.split["dance4"] == videos.split["dance5"]
        apart |= {videos.split["dance4"]}
    assert len(apart) > 1 and list(videos.sequence[["dance4", "dance6"]]) == ["x", ""]


@pytest.mark.long
def test_videos_that_cannot_be_scored_take_no_place_in_a_seeded_split(tmp_path):
    for seed in range(4):
        tiny_video(tmp_path / f"dance{seed}.mp4", seed)
    for seed, name in enumerate(("silent", "still")):
        tiny_video(tmp_path / f"{name}.mp4", 4 + seed, sound=False)
    tiny_video(tmp_path / "short.mp4", 6, seconds=4.9)
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    for seed in range(8):
        tables = index.build(params(tmp_path, seed=seed, val_fraction=0.1, test_fraction=0.1))
        split = tables.videos.set_index("video_id").split
        held = split.index[split != "train"]
        assert sorted(split[held]) == ["test", "val"] and held.str.startswith("dance").all()
        assert tables.failures.keys() == {"short", "broken"}
    silent = "note: 2 videos without sound, which training and scores cannot use, such as silent"
    assert silent in index.summary(tables) and "clip has sound" not in index.summary(tables)


def test_val_is_held_out_of_videos_with_sound_and_a_silent_split_is_noted(tmp_path):
    for seed in range(4):
        tiny_video(tmp_path / f"dance{seed}.mp4", seed)
    tiny_video(tmp_path / "silent.mp4", 4, sound=False)
    files = [f"dance{i}.mp4" for i in range(4)] + ["silent.mp4"]
    for seed in range(8):
        rows = pd.DataFrame({"file": files, "split": ["test", *["train"] * 4]})
        rows.to_csv(tmp_path / "videos.csv", index=False)
        split = index.build(params(tmp_path, seed=seed)).videos.set_index("video_id").split
        assert (split == "val").sum() == 1 and split["silent"] == "train"
    rows.assign(split=["train", "train", "train", "val", "test"]).to_csv(tmp_path / "videos.csv", index=False)
    text = index.summary(index.build(params(tmp_path)))
    assert "note: no test clip has sound: there is nothing to score" in text and "no val clip" not in text


@pytest.mark.parametrize("empty", [1, 2])
def test_a_table_of_training_videos_leaves_the_others_for_test_and_val(root, empty):
    rows = [{"file": file, "split": "train" if i >= empty else ""} for i, file in enumerate(DANCES)]
    videos = folder.read(params(write_table(root, f"trained{empty}", rows))).videos
    assert sorted(videos.split) == ["test", *["train"] * (10 - empty), *["val"] * (empty - 1)]
    assert set(videos.split[videos.file.isin([row["file"] for row in rows[empty:]])]) == {"train"}


def test_val_is_held_out_of_a_table_with_train_and_test_alone(root):
    rows = [{"file": file, "split": "train" if i < 8 else "test"} for i, file in enumerate(DANCES)]
    table = write_table(root, "two", rows)
    listing = folder.read(params(table, val_fraction=0.25))
    split_of = dict(zip(listing.videos.file, listing.videos.split, strict=True))
    moved = [row["file"] for row in rows[:8] if split_of[row["file"]] == "val"]
    assert len(moved) == 2 and all(split_of[row["file"]] == "test" for row in rows[8:])
    assert listing.notes[-1] == f"2 videos moved from train to val (dataset.val_fraction), such as {moved[0]}"
    asked = folder.read(params(table, val_fraction=0))
    assert list(asked.videos.split) == [row["split"] for row in rows]
    assert not any("moved" in note for note in asked.notes)


def test_empty_sound_tracks_do_not_count_as_the_same_music(root, monkeypatch):
    """A track without a packet must not join all videos that have one."""

    class Track:
        index = 0

    class Container:
        def demux(self, tracks):
            return iter(())

    monkeypatch.setattr(folder.streams, "open_media", lambda path: contextlib.nullcontext(Container()))
    monkeypatch.setattr(folder.audio_tracks, "audio_stream", lambda container: Track())
    monkeypatch.setattr(folder.streams, "video_stream", lambda container, path: None)
    videos = folder.read(params(root)).videos
    assert (videos.music_id == "").all() and videos.source.nunique() == len(videos)


@pytest.mark.long
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
    with pytest.raises(DatasetError, match=r"silent\.mp4 has the bpm 'fast'; give a number or an empty cell"):
        read("w3", [{"file": "silent.mp4", "bpm": "fast"}])
    with pytest.raises(DatasetError, match=r"silent\.mp4 is listed twice"):
        read("w4", [{"file": "silent.mp4"}, {"file": "./silent.mp4"}])
    with pytest.raises(DatasetError, match=r"1 pieces of music are too few.*val_fraction"):
        read("w5", [{"file": DANCES[0]}])
    for content in (b"", b"file,genre\na.mp4,\xff\n", b"file\na.mp4\nb.mp4,pop\n"):
        (root.parent / "w5/videos.csv").write_bytes(content)
        with pytest.raises(DatasetError, match=r"w5/videos\.csv: not a table \(.*save it as CSV in UTF-8"):
            folder.read(params(root.parent / "w5"))


def test_a_comma_at_the_end_of_each_row_shifts_no_column(root):
    table = write_table(root, "commas", [{"file": "silent.mp4"}])
    lines = [f"day {i % 2}/dance{i}.mp4,{'test' if i % 2 else 'train'}," for i in range(4)]
    (table / "videos.csv").write_text("\n".join(["file,split", *lines]))
    with pytest.warns(pd.errors.ParserWarning, match="loss of data"):
        videos = folder.read(params(table, val_fraction=0)).videos
    assert list(videos.split) == ["train", "test"] * 2 and list(videos.file)[2] == "day 0/dance2.mp4"


@pytest.mark.parametrize("word", ["val", "validation"])
def test_lists_for_validation(tmp_path, word):
    for split in ("train", word, "test"):
        (tmp_path / f"{split}_list.txt").write_text(f"x/{split}_seg1.npy\n")
    (tmp_path / "tests.txt").write_text("no list\n")
    assert splits.read_lists(tmp_path) == {"train": "train", word: "val", "test": "test"}


@pytest.mark.parametrize("seed", range(5))
def test_seeded_split(tmp_path, seed):
    """Shares are near the fractions, groups stay whole, and ten more groups move few of the others."""
    p = params(tmp_path, val_fraction=0.1, test_fraction=0.2, seed=seed)
    groups = {f"v{g:03d}_{i}": f"m{g}" for g in range(100) for i in range(1 + g % 3)}
    split_of = splits.split_by_group(groups, p)
    assert split_of.keys() == groups.keys()
    shares = {split: sum(value == split for value in split_of.values()) / len(groups) for split in splits.SPLITS}
    assert shares == pytest.approx({"train": 0.7, "val": 0.1, "test": 0.2}, abs=0.02)
    for split, other in itertools.combinations(splits.SPLITS, 2):
        sides = [{groups[v] for v, s in split_of.items() if s == side} for side in (split, other)]
        assert not sides[0] & sides[1]
    more = splits.split_by_group(groups | {f"w{g}": f"n{g}" for g in range(10)}, p)
    assert sum(more[video] != split_of[video] for video in split_of) < 0.1 * len(split_of)
    assert splits.split_by_group(groups, params(tmp_path, val_fraction=0.0, test_fraction=0.0)) == dict.fromkeys(
        groups, "train"
    )


def test_recordings_of_every_container_are_found(tmp_path):
    names = [f"a.{ending}" for ending in ("M2T", "MOD", "TS", "asf", "f4v", "mkv", "mpg", "mxf", "vob", "wmv")]
    for name in [*names, "a.wav", "a.ts.txt"]:
        (tmp_path / name).touch()
    assert listing.find_videos(tmp_path) == names


def test_linked_folders_are_searched_once(tmp_path):
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    for path in (root / "in/a.mp4", elsewhere / "deep/b.mp4", tmp_path / "c.mp4"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (root / "link").symlink_to(elsewhere)
    (root / "again").symlink_to(elsewhere)
    (elsewhere / "circle").symlink_to(root)
    (root / "in/self").symlink_to(root / "in")
    (root / "c.mp4").symlink_to(tmp_path / "c.mp4")
    (root / "gone.mp4").symlink_to(tmp_path / "gone.mp4")
    assert listing.find_videos(root) == ["again/deep/b.mp4", "c.mp4", "in/a.mp4"]
    (root / "in/a.mp4").unlink()
    (root / "c.mp4").unlink()
    (root / "again").unlink()
    assert listing.find_videos(root) == ["link/deep/b.mp4"]
    rooted = tmp_path / "rooted"
    rooted.symlink_to(elsewhere)
    assert listing.find_videos(rooted) == ["deep/b.mp4"]


def test_a_file_whose_packets_cannot_be_read_has_no_known_music(root, monkeypatch):
    real = folder.audio_tracks.audio_stream

    def fail(container):
        if container.name.endswith("dance4.mp4"):
            raise av.error.PatchWelcomeError(1, "not yet")
        return real(container)

    monkeypatch.setattr(folder.audio_tracks, "audio_stream", fail)
    videos = folder.read(params(root)).videos.set_index("video_id")
    assert videos.music_id["dance4"] == "" and videos.music_id["dance5"] != ""


@pytest.mark.parametrize("stored", ["NFC", "NFD"])
def test_accents_are_matched_however_they_are_written(tmp_path, stored):
    """macOS writes letter and accent apart on older disks, other systems as one character."""
    for number, name in enumerate(("Übung/Bär.mp4", "plain.mp4")):
        tiny_video(tmp_path / unicodedata.normalize(stored, name), number)
    for listed in ("NFC", "NFD"):
        rows = [f"{unicodedata.normalize(listed, 'Übung/Bär.mp4')},train,waltz", "plain.mp4,test,tango"]
        (tmp_path / "videos.csv").write_text("\n".join(["file,split,genre", *rows]), encoding="utf-8")
        tables = index.build(params(tmp_path))
        assert not tables.failures and not any("not in videos.csv" in note for note in tables.notes)
        assert dict(zip(tables.videos.video_id, tables.videos.genre, strict=True)) == {"Bär": "waltz", "plain": "tango"}


def test_names_that_differ_in_their_accents_alone_are_told_and_kept_apart(tmp_path):
    names = [unicodedata.normalize(form, "Bär.mp4") for form in ("NFC", "NFD")]
    for number, name in enumerate(names):
        (tmp_path / name).write_bytes(bytes([number]))
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("this file system takes them for one name")
    videos, notes = folder.described(tmp_path)
    assert {video["file"] for video in videos} == set(names) and len(folder.video_ids(names)) == 2
    assert any(
        note.startswith("2 videos whose names differ only in how Unicode writes their accents") for note in notes
    )
    (tmp_path / "videos.csv").write_text("file,genre\n" + "".join(f"{name},{len(name)}\n" for name in names))
    assert {video["file"]: video["genre"] for video in folder.described(tmp_path)[0]} == dict(
        zip(names, "78", strict=True)
    )


@pytest.mark.parametrize("stored", ["NFC", "NFD"])
def test_result_files_are_found_however_their_accents_are_written(tmp_path, stored):
    file = tmp_path / unicodedata.normalize(stored, "Bär.json")
    file.touch()
    for asked in ("NFC", "NFD"):
        assert listing.stored_file(tmp_path / unicodedata.normalize(asked, "Bär.json")).is_file()
    absent = tmp_path / "Bar.json"
    assert listing.stored_file(absent) == absent
    assert listing.stored_file(tmp_path / "none" / "Bär.json") == tmp_path / "none" / "Bär.json"


def test_lists_with_a_byte_order_mark(tmp_path):
    """As editors on Windows write them."""
    (tmp_path / "train.txt").write_text("a_1.npy\nb_2.npy\n", encoding="utf-8-sig")
    assert splits.read_lists(tmp_path) == {"a_1": "train", "b_2": "train"}
