"""Reading the conditions of videos and the table of clips."""

import numpy as np
import pandas as pd
import pytest
from helpers.condition_files import write

from pace.conditioning.condition_files import read_clips, read_video, read_videos


def test_files_are_read_and_missing_ones_reported(tmp_path):
    written = write(tmp_path, "a", 150)
    write(tmp_path, "b", 150, parts=("energy", "visual"))
    folders = [tmp_path / name for name in ("energy", "motion", "visual")]
    videos, missing = read_videos(["a", "b", "a"], *folders)
    assert list(videos) == ["a"] and list(missing) == ["b"] and "b.npz" in missing["b"]
    np.testing.assert_allclose(videos["a"].fast, written.fast, rtol=1e-6)
    np.testing.assert_array_equal(videos["a"].semantic, written.semantic)
    assert videos["a"].fps == 30.0


def test_a_file_without_an_array_is_named(tmp_path):
    written = write(tmp_path, "a", 150)
    np.savez(tmp_path / "motion/a.npz", embedding=written.semantic)
    files = (tmp_path / "energy/a.parquet", tmp_path / "motion/a.npz", tmp_path / "visual/a.npz")
    with pytest.raises(ValueError, match=r"a\.parquet, .*a\.npz or .*a\.npz lacks .*fps"):
        read_video(*files)


@pytest.mark.parametrize("kind", ["energy", "motion", "visual"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_is_named_by_its_file(tmp_path, kind, bad):
    written = write(tmp_path, "a", 150)
    files = (tmp_path / "energy/a.parquet", tmp_path / "motion/a.npz", tmp_path / "visual/a.npz")
    if kind == "energy":
        table = pd.read_parquet(files[0])
        table.loc[[3, 7], "fast_to"] = bad
        table.to_parquet(files[0])
    elif kind == "motion":
        written.semantic[[3, 7], 0, 5] = bad
        np.savez(files[1], embedding=written.semantic, fps=30.0)
    else:
        written.visual[[3, 7], 1] = bad
        np.savez(files[2], embedding=written.visual, time_s=written.visual_time)
    with pytest.raises(ValueError, match=rf"{kind}/a\..*: rows: NaN or infinity in 2 of \d+; look at its video"):
        read_video(*files)


def test_clips_table(tmp_path):
    path = tmp_path / "clips.parquet"
    rows = [("a_000000", "a", "test", 0.0), ("a_005000", "a", "test", 5.0)]
    pd.DataFrame(rows, columns=["clip_id", "video_id", "split", "start_s"]).to_parquet(path)
    assert read_clips(path) == {"a_000000": ("a", "test", 0.0), "a_005000": ("a", "test", 5.0)}
