"""Files that go wrong elsewhere (tests/cases), from the index to the decoded video and sound."""

import shutil
import wave
from pathlib import Path

import numpy as np
import pytest
from helpers.numbered_videos import click_times

from pace.datasets import index
from pace.media.sound_track import read_audio
from pace.media.video import decode, frame_times, probe, read_frames

CASES = Path(__file__).parents[1] / "cases"
# name -> pictures, seconds, width and height as shown, size of the decoded picture, and a part of its remark
VIDEOS = {
    "obs_default.mkv": (300, 10.0, (256, 256), (64, 64), None),
    "x265_bframes.mkv": (300, 10.0, (256, 256), (64, 64), None),
    "flash_click.wmv": (240, 8.0, (160, 120), (86, 64), None),
    "h264_bframes.avi": (300, 10.0, (256, 256), (64, 64), None),
    "iphone_hevc.mov": (300, 10.0, (480, 270), (114, 64), None),
    "two_tracks.mkv": (180, 6.0, (256, 256), (64, 64), None),
    "poster_first.mp4": (180, 6.0, (256, 256), (64, 64), "it has 2 video streams; the one used is stream 1 (h264"),
    "long_sound.wmv": (180, 6.0, (256, 256), (64, 64), None),
}
PARAMS = {
    "name": "folder", "annotations": "data/none", "cameras": ("c01",), "split_lists": "data/none", "seed": 0,
    "val_fraction": 0.1, "test_fraction": 0.1, "train_stride": 1.0, "eval_stride": 5.0,
}  # fmt: skip


@pytest.mark.long
def test_the_index_takes_all(tmp_path):
    for name in VIDEOS:
        shutil.copy(CASES / name, tmp_path / name)
    tables = index.build(index.IndexParams(root=str(tmp_path), **PARAMS))
    assert tables.failures == {}
    rows = {Path(row.path).name: row for row in tables.videos.itertuples()}
    for name, (_, seconds, size, _, remark) in VIDEOS.items():
        row = rows[name]
        assert row.duration_s == pytest.approx(seconds, abs=0.001) and row.fps == pytest.approx(30, abs=0.01)
        assert (row.width, row.height) == size and row.has_audio
        remarks = " ".join(tables.remarks.get((tmp_path / name).as_posix(), ()))
        assert (remark or "") in remarks and (remark is not None or "video stream" not in remarks)
    assert f"note: {tmp_path.as_posix()}/poster_first.mp4: it has 2 video streams" in index.summary(tables)


@pytest.mark.long
@pytest.mark.parametrize("name", VIDEOS)
def test_each_is_decoded_wholly(tmp_path, name):
    count, seconds, _, size, _ = VIDEOS[name]
    times = frame_times(CASES / name)
    assert times == pytest.approx(np.arange(count) / 30, abs=0.0015)
    decode(CASES / name, tmp_path / "out.mp4", tmp_path / "out.wav", 30, 64)
    images = list(read_frames(tmp_path / "out.mp4"))
    assert len(images) == count and {image.shape for image in images} == {(size[1], size[0], 3)}
    with wave.open(str(tmp_path / "out.wav")) as file:
        assert file.getnframes() == round(seconds * 22050)


def test_a_flash_and_a_click_at_one_moment():
    images = np.array([image.mean() for image in read_frames(CASES / "flash_click.wmv")])
    flash = frame_times(CASES / "flash_click.wmv")[np.argmax(images > (images.min() + images.max()) / 2)]
    assert np.abs(click_times(read_audio(CASES / "flash_click.wmv")) - flash).min() < 0.005
    assert len(read_audio(CASES / "flash_click.wmv")) / 22050 > probe(CASES / "flash_click.wmv").duration_s


@pytest.mark.long
def test_pictures_in_avi_are_in_the_order_of_those_in_matroska():
    """The same dance: picture k of one looks most like picture k of the other."""
    avi, mkv = (
        np.array([image.mean(axis=2) for image in read_frames(CASES / name, short_side=48)], np.float32)
        for name in ("h264_bframes.avi", "obs_default.mkv")
    )
    for k in range(2, 298, 5):
        distances = np.abs(mkv[k - 2 : k + 3] - avi[k]).mean(axis=(1, 2))
        assert np.argmin(distances) == 2 or distances[2] < distances.min() + 0.02
