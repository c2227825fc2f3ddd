"""AIST++: what names say, which videos are listed and in which split, and the leak of splits by camera."""

import pytest
from helpers.dataset_layouts import VIEWS, copies, index_params, tiny_video, write_annotations

from pace.datasets import aistpp, index, leaks
from pace.datasets.listing import DatasetError

TRAIN, TRAIN_HO = "gBR_sBM_cAll_d04_mBR1_ch01", "gHO_sFM_cAll_d19_mHO3_ch05"
VAL, TEST = "gKR_sBM_cAll_d28_mKR2_ch01", "gKR_sBM_cAll_d30_mKR2_ch02"
IGNORED, UNSPLIT, GONE = "gLO_sBM_cAll_d13_mLO0_ch03", "gJB_sBM_cAll_d07_mJB0_ch01", "gPO_sBM_cAll_d10_mPO0_ch01"
SPLITS = {TRAIN: "train", TRAIN_HO: "train", VAL: "val", TEST: "test", IGNORED: "train", UNSPLIT: None, GONE: "train"}


def params(dataset, **changes):
    settings = {"annotations": str(dataset / "annotations")} | changes
    return index_params("aistpp", dataset / "videos", **settings)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Seven sequences, one of them without videos, from nine cameras, in two folders, next to other files."""
    root = tmp_path_factory.mktemp("aist")
    write_annotations(root / "annotations", SPLITS, (IGNORED,))
    tiny_video(root / "tiny.mp4")
    for number, sequence in enumerate(SPLITS):
        if sequence != GONE:
            folder = root / "videos" / ("10M" if number % 2 else "deeper/10M")
            copies(root / "tiny.mp4", *(folder / f"{sequence.replace('cAll', view)}.mp4" for view in VIEWS))
    copies(root / "tiny.mp4", root / "videos" / "gBR_sGR_c01_d04d05d06_mBR0_ch01.mp4", root / "videos" / "._x.mp4")
    return root


@pytest.mark.parametrize(
    ("music", "bpm"),
    [("BR0", 80), ("PO1", 90), ("LO2", 100), ("MH3", 110), ("LH4", 120), ("JB5", 130), ("WA5", 130),
     ("HO0", 110), ("HO1", 115), ("HO2", 120), ("HO3", 125), ("HO4", 130), ("HO5", 135)],
)  # fmt: skip
def test_tempo_from_the_music(music, bpm):
    name = aistpp.parse_name(f"g{music[:2]}_sBM_c07_d04_m{music}_ch02")
    assert name.bpm == bpm and name.music_id == f"m{music}"
    assert (name.camera, name.view, name.dancer) == ("c07", 6, "d04")
    assert name.sequence == f"g{music[:2]}_sBM_cAll_d04_m{music}_ch02"


@pytest.mark.parametrize(
    "text",
    ["gXX_sBM_c01_d04_mBR0_ch01", "gBR_sGR_c01_d04_mBR0_ch01", "gBR_sBM_c00_d04_mBR0_ch01", "gBR_sBM_c1_d04_mBR0_ch01",
     "gBR_sBM_c01_d04_mBR6_ch01", "gBR_sBM_c01_d04_mBR0_ch01_x", "dance", ""],
)  # fmt: skip
def test_other_names(text):
    assert aistpp.parse_name(text) is None
    with pytest.raises(DatasetError, match="not named as an AIST video"):
        aistpp.parse_video_name(text, "here")


def test_official_splits_of_one_camera(dataset):
    listing = aistpp.read(params(dataset))
    videos = listing.videos.set_index("video_id")
    expected = {name.replace("cAll", "c01"): SPLITS[name] for name in (TRAIN, TRAIN_HO, VAL, TEST)}
    assert dict(videos.split) == expected
    house = videos.loc["gHO_sFM_c01_d19_mHO3_ch05"]
    assert dict(house[["genre", "music_id", "dancer", "bpm", "camera", "sequence"]]) == {
        "genre": "house", "music_id": "mHO3", "dancer": "d19", "bpm": 125.0, "camera": "c01", "sequence": TRAIN_HO,
    }  # fmt: skip
    assert [note.split(", such as ") for note in listing.notes] == [
        ["1 sequences on the ignore list", IGNORED],
        ["1 sequences in no split", UNSPLIT],
        ["1 files not named as videos of basic or advanced dances", "gBR_sGR_c01_d04d05d06_mBR0_ch01.mp4"],
        ["1 sequences of the splits without a video of c01", GONE],
    ]


def test_cameras_multiply_clips_and_never_divide_a_sequence(dataset):
    choices = (("c01",), ("c03", "c09"), ("all",))
    tables = {cameras: index.build(params(dataset, cameras=list(cameras))) for cameras in choices}
    assert [len(tables[cameras].clips) for cameras in choices] == [4, 8, 36]
    assert set(tables["c03", "c09"].videos.camera) == {"c03", "c09"}
    videos = tables[("all",)].videos
    assert (videos.groupby("sequence").split.nunique() == 1).all()
    assert sorted(videos.camera[videos.sequence == TEST]) == list(VIEWS)
    leak = leaks.count(videos, tables[("all",)].clips)
    assert leak == {"music": 0, "dance": 0, "video": 0, "unknown_music": 0, "unknown_dance": 0}


def write_lists(folder, **names):
    folder.mkdir()
    for split, videos in names.items():
        lines = "".join(f"./aistplus/video_s2/{split}/{name}_seg{i}.npy\n" for name in videos for i in (1, 2, 12))
        (folder / f"aist_video_{split}_segment.txt").write_text(lines)
    (folder / "README.txt").write_text("not a list\n")
    return str(folder)


def test_d2m_gan_lists(dataset, tmp_path):
    """Lists of c01 also assign the other cameras; what is in no list is left out but for the official validation."""
    lists = write_lists(
        tmp_path / "lists",
        train=["gBR_sBM_c01_d04_mBR1_ch01", "gJB_sBM_c01_d07_mJB0_ch01", "gLO_sBM_c01_d13_mLO0_ch03"],
        test=["gKR_sBM_c01_d30_mKR2_ch02"],
    )
    listing = aistpp.read(params(dataset, split_lists=lists, cameras=["c05"]))
    split_of = {row.sequence: row.split for row in listing.videos.itertuples()}
    assert split_of == {TRAIN: "train", UNSPLIT: "train", TEST: "test", VAL: "val"}
    alone = aistpp.read(params(dataset, split_lists=lists, annotations="data/none"))
    split_of = {row.sequence: row.split for row in alone.videos.itertuples()}
    assert set(split_of) == {TRAIN, UNSPLIT, IGNORED, TEST}  # no annotation, no ignore list
    assert sorted(split_of.values()) == ["test", "train", "train", "val"]  # a piece of the training music is held out


def test_split_by_camera_as_in_loris_leaks_dance_and_music(dataset, tmp_path):
    """The same sequence from another camera in train: the check counts every such test clip."""
    of = [name.replace("cAll", "{}") for name in (TRAIN, TRAIN_HO)]
    lists = write_lists(tmp_path / "lists", train=[n.format("c01") for n in of], test=[n.format("c02") for n in of])
    settings = params(dataset, split_lists=lists, cameras=["all"], annotations="data/none", val_fraction=0)
    tables = index.build(settings)
    assert dict(tables.videos.groupby("camera").split.first()) == {"c01": "train", "c02": "test"}
    leak = leaks.count(tables.videos, tables.clips)
    assert leak == {"music": 2, "dance": 2, "video": 0, "unknown_music": 0, "unknown_dance": 0}
    assert "of 2 test clips, 2 share their music, 2 their dance and 0 their source video" in index.summary(tables)


def test_what_is_missing_is_named(dataset, tmp_path):
    with pytest.raises(DatasetError, match=r"set dataset\.annotations"):
        aistpp.read(params(dataset, annotations="data/none"))
    with pytest.raises(DatasetError, match=r"crossmodal_train\.txt: no such file; set dataset\.annotations"):
        aistpp.read(params(dataset, annotations=str(tmp_path)))
    with pytest.raises(DatasetError, match=r"nowhere: no such folder"):
        aistpp.read(index_params("aistpp", tmp_path / "nowhere", annotations=str(dataset / "annotations")))
    with pytest.raises(DatasetError, match=r"no list in it; dataset\.split_lists"):
        aistpp.read(params(dataset, split_lists=str(tmp_path)))
    with pytest.raises(DatasetError, match=r"cameras is empty"):
        aistpp.read(params(dataset, cameras=[]))
    name = "gKR_sBM_c01_d30_mKR2_ch02"
    with pytest.raises(DatasetError, match=f"{name} is in a list for train and in one for test"):
        aistpp.read(params(dataset, split_lists=write_lists(tmp_path / "both", train=[name], test=[name])))
    write_annotations(tmp_path / "twice", {TRAIN: "train"})
    (tmp_path / "twice/splits/crossmodal_test.txt").write_text(TRAIN)
    with pytest.raises(DatasetError, match=f"{TRAIN} is in the split train too"):
        aistpp.read(params(dataset, annotations=str(tmp_path / "twice")))
