"""Annotations are read from files, each clip gets its own, and errors name file and line."""

import numpy as np
import pytest

from pace.evaluation.clips import Annotations
from pace.scoring.annotations import AnnotationFiles, read_annotations, read_beats, read_tempo


def written(path, text):
    path.write_text(text)
    return path


def pose(seed, frames=120):
    return np.cumsum(np.random.default_rng(seed).normal(size=(frames, 17, 3)), axis=0)


def test_each_clip_has_its_own(tmp_path):
    """By the clip's name or its reference's; the order of rows and columns does not matter, nor a byte-order mark."""
    beats = written(tmp_path / "b.csv", "\ufefftime_s,clip\n1.5,a\n0.25,b_gt\n0.5,a\n0.5,a\n")
    tempo = written(tmp_path / "t.csv", "clip,bpm,genre\nb_gt,120,house\nx,90,pop\n")
    np.savez(tmp_path / "a.npz", pose=pose(0), fps=30.0)
    known = read_annotations(AnnotationFiles(tmp_path, beats, tempo), {"a": "a", "b": "b_gt", "c": "c"})
    np.testing.assert_array_equal(known["a"].beats, [0.5, 1.5])
    np.testing.assert_array_equal(known["b"].beats, [0.25])
    assert (known["a"].bpm, known["b"].bpm) == (None, 120.0)
    assert len(known["a"].motion_beats) > 3 and known["b"].motion_beats is None
    assert (known["a"].pose_unusable, known["a"].pose_filled) == ("", 0)
    assert known["c"] == Annotations() == read_annotations(AnnotationFiles(), {"c": "c"})["c"]
    assert known["a"].until(1.5).beats.tolist() == [0.5]
    assert known["b"].until(0.1).bpm == 120 and known["b"].until(0.1).beats.size == 0


@pytest.mark.parametrize(
    ("reader", "text", "message"),
    [
        (read_beats, "clip,time\na,1\n", r"x.csv:1: no column 'time_s'; the first line must be clip,time_s"),
        (read_beats, "", r"x.csv:1: no column 'clip'"),
        (
            read_beats,
            "clip,time_s\na,1\na,-0.5\n",
            r"x.csv:3: time_s is '-0.5'; give seconds from the start of the clip",
        ),
        (read_beats, "clip,time_s\na,nan\n", r"x.csv:2: time_s is 'nan'"),
        (read_beats, "clip,time_s\na\n", r"x.csv:2: time_s is None"),
        (read_beats, "clip,time_s\n,1\n", r"x.csv:2: clip is ''; give the name of a clip"),
        (read_tempo, "clip,bpm\na,0\n", r"x.csv:2: bpm is '0'; give beats per minute, above 0"),
        (read_tempo, "clip,bpm\na,90\na,91\n", r"x.csv:3: a has a tempo already, 90; give each clip one row"),
    ],
)
def test_a_bad_row_is_named(tmp_path, reader, text, message):
    with pytest.raises(ValueError, match=message):
        reader(written(tmp_path / "x.csv", text))


@pytest.mark.parametrize("reader", [read_beats, read_tempo])
def test_a_table_that_is_not_in_utf8_is_named(tmp_path, reader):
    """As spreadsheets of Windows write it: Latin-1, or UTF-16 as \"Unicode text\"."""
    for encoding in ("latin-1", "utf-16"):
        (tmp_path / "x.csv").write_bytes("clip,time_s,bpm\ncafé,1,90\n".encode(encoding))
        with pytest.raises(ValueError, match=r"x\.csv: not text in UTF-8; save the table as CSV in UTF-8"):
            reader(tmp_path / "x.csv")


def test_a_source_of_nothing_and_files_that_are_no_pose_are_errors(tmp_path):
    beats = written(tmp_path / "b.csv", "clip,time_s\nz,1\n")
    with pytest.raises(ValueError, match=r"b\.csv: none of its entries matches a clip; .* names, such as 'a'"):
        read_annotations(AnnotationFiles(beats=beats), {"a": "a"})
    with pytest.raises(ValueError, match="none of its entries matches a clip"):
        read_annotations(AnnotationFiles(poses=tmp_path), {"a": "a"})
    with pytest.raises(ValueError, match="gone: no such folder"):
        read_annotations(AnnotationFiles(poses=tmp_path / "gone"), {"a": "a"})
    for write in (
        lambda path: path.write_text("no arrays"),
        lambda path: path.write_bytes(b"PK\x03\x04"),
        lambda path: np.savez(path, joints=pose(0)),
        lambda path: np.savez(path, pose=np.zeros(4), fps=[1, 2]),
    ):
        write(tmp_path / "a.npz")
        with pytest.raises(ValueError, match=r"a\.npz: not a pose \(.*\); give arrays pose \(N,J,3\) and fps"):
            read_annotations(AnnotationFiles(poses=tmp_path), {"a": "a"})
