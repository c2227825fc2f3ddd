"""Music files are found at any depth and matched by name, and every file that is not used is listed."""

import os
import unicodedata
from pathlib import Path

import pytest

from pace.datasets.listing import VIDEO_SUFFIXES
from pace.scoring import matching


def filled(root, *names):
    """A folder with empty files of these names."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    return root


def below(root, paths):
    return [path.relative_to(root).as_posix() for path in paths]


def test_find_looks_below_and_says_when_there_is_nothing(tmp_path):
    with pytest.raises(ValueError, match="gone: no such folder"):
        matching.find(tmp_path / "gone")
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(ValueError, match=r"no music file in it; known are \.wav, \.w64, \.flac"):
        matching.find(tmp_path)
    with pytest.raises(ValueError, match=r"notes\.txt: a file; give the folder that it lies in"):
        matching.find(tmp_path / "notes.txt")
    filled(tmp_path, "b.WAV", "deep/er/a.mp3", ".hidden.wav", ".cache/c.wav", "._b.wav")
    assert matching.find(tmp_path) == [tmp_path / "b.WAV", tmp_path / "deep/er/a.mp3"]
    assert below(tmp_path, matching.survey(tmp_path).others) == ["notes.txt"]
    assert {*matching.EXTENSIONS} > VIDEO_SUFFIXES


def test_linked_folders_are_followed_once_and_loops_end(tmp_path):
    """Folders come before links to them, wherever they lie; a link out of the folder is followed."""
    root = filled(tmp_path / "root", "z/one.wav", "own.wav")
    elsewhere = filled(tmp_path / "elsewhere", "far.wav", "in/deeper.mp3")
    (root / "a").symlink_to("z")  # before the folder itself by name
    (root / "z/up").symlink_to("..")
    (root / "linked").symlink_to(elsewhere)
    (root / "again").symlink_to(elsewhere / "in")
    (elsewhere / "loop").symlink_to(root)
    (root / "single.wav").symlink_to(elsewhere / "far.wav")
    assert below(root, matching.find(root)) == [
        "again/deeper.mp3",
        "linked/far.wav",
        "own.wav",
        "single.wav",
        "z/one.wav",
    ]
    only = tmp_path / "only"
    only.symlink_to(root)
    assert len(matching.find(only)) == 5


def test_broken_links_are_listed_and_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    filled(tmp_path, "a.wav", "shut/b.wav")
    (tmp_path / "lost.wav").symlink_to("gone.wav")
    (tmp_path / "more").symlink_to("nowhere")
    assert below(tmp_path, matching.survey(tmp_path).broken) == ["lost.wav", "more"]
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(ValueError, match=r"shut: this folder cannot be read \(Permission denied\); change its perm"):
        matching.find(tmp_path)


def matched(reference, generated, **endings):
    matches = matching.match(map(Path, reference), map(Path, generated), **endings)
    pairs = {name: (one.as_posix(), other.as_posix()) for name, (one, other) in matches.pairs.items()}
    unused = (matches.reference_only, matches.generated_only, matches.duplicates)
    return pairs, *([path.name for path in files] for files in unused)


def test_files_match_by_name_then_by_name_without_ending():
    pairs, *rest = matched(["b.wav", "a_gt.flac", "c.wav"], ["a_gen.mp3", "b.mp4", "d.wav"])
    assert pairs == {"a": ("a_gt.flac", "a_gen.mp3"), "b": ("b.wav", "b.mp4")}
    assert rest == [["c.wav"], ["d.wav"], []]
    # The exact name goes before the bare one, and what it leaves is listed.
    pairs, *rest = matched(["a.wav"], ["a_gen.wav", "a.wav"])
    assert pairs == {"a": ("a.wav", "a.wav")}
    assert rest == [[], ["a_gen.wav"], []]
    assert matched(["a.wav"], ["a_mine.wav"])[0] == {}
    assert matched(["a.wav"], ["a_mine.wav"], endings=["_mine"])[0] == {"a": ("a.wav", "a_mine.wav")}
    assert matched(["a.wav"], ["a_gen.wav"], endings=[])[0] == {}
    assert matched(["_gen.wav"], ["x_gen.wav"])[0] == {}


def test_of_one_name_twice_the_exactly_stored_is_used_and_the_other_listed():
    pairs, *rest = matched(["a.wav"], ["a.mp4", "a.mp3", "a.flac", "a_gen.wav"])
    assert pairs == {"a": ("a.wav", "a.flac")}
    assert rest == [[], ["a_gen.wav"], ["a.mp3", "a.mp4"]]


def ambiguous(reference, generated):
    return below(Path(), matching.match(map(Path, reference), map(Path, generated)).ambiguous)


def test_files_of_one_name_in_several_folders_match_where_the_folders_agree():
    """Song 1 of two genres: one song must never be scored against the other."""
    songs = ["house/1.wav", "krump/1.wav", "krump/2.wav"]
    pairs, *rest = matched(songs, ["krump/1.flac", "2.wav", "house/1.wav"])
    assert pairs == {
        "2": ("krump/2.wav", "2.wav"),
        "house/1": ("house/1.wav", "house/1.wav"),
        "krump/1": ("krump/1.wav", "krump/1.flac"),
    }
    assert rest == [[], [], []]
    pairs, *rest = matched(songs[:2], ["krump/1.wav", "lost/1.wav"])
    assert pairs.keys() == {"krump/1"} and rest == [["1.wav"], ["1.wav"], []]
    assert matched(songs[:2], ["1.wav"])[0] == {} and ambiguous(songs[:2], ["1.wav"]) == songs[:2]
    takes = ["take0/1.wav", "take1/1.wav"]
    assert matched(["1.wav"], takes)[0] == {} and ambiguous(["1.wav"], takes) == takes
    assert matched(["a/1_gt.wav", "b/1_gt.wav"], ["a/1_gen.wav", "b/1_gen.wav"])[0].keys() == {"a/1", "b/1"}
    pairs, *rest = matched(["audio/1.wav", "video/1.mp4"], ["1.wav"])  # one song, stored twice
    assert list(pairs.values()) == [("audio/1.wav", "1.wav")] and rest == [[], [], ["1.mp4"]]
    roots = (Path("/data/true"), Path("/home/me/out/run 3"))
    files = [[root / "krump/1.wav", root / "house/1.wav"] for root in roots]
    assert matching.match(*files, roots=roots).pairs.keys() == {"krump/1", "house/1"}


def test_a_truth_that_lies_with_the_generated_music_is_not_taken_for_it():
    """Some programs write x_gt next to x_pred; x_gt against the reference would score 1."""
    assert matched(["x.wav"], ["x_gt.wav", "x_pred.wav"])[0] == {"x": ("x.wav", "x_pred.wav")}
    assert matched(["x_gt.wav", "x_gen.wav"], ["x.wav"])[0] == {"x": ("x_gt.wav", "x.wav")}
    assert matched(["x.wav"], ["x_gen.wav", "x_pred.wav"])[0] == {}
    assert ambiguous(["x.wav"], ["x_gen.wav", "x_pred.wav"]) == ["x_gen.wav", "x_pred.wav"]


def test_composed_and_decomposed_names_are_the_same():
    composed = "Tänzer_がぎ"
    decomposed = unicodedata.normalize("NFD", composed)
    assert composed != decomposed
    assert matched([f"{composed}.wav"], [f"{decomposed}_gen.wav"])[0].keys() == {composed}
    assert matched([f"{decomposed}.wav"], [f"{composed}.wav"])[0].keys() == {composed}
    assert matched([f"{decomposed}/1.wav", "b/1.wav"], [f"{composed}/1.wav"])[0].keys() == {f"{composed}/1"}
    assert matched([f"{composed}.wav"], [f"{composed}.wav", f"{decomposed}.mp3"])[1:] == ([], [], [f"{decomposed}.mp3"])


def test_names_that_differ_in_case_are_told_but_not_matched():
    matches = matching.match([Path("Song.wav"), Path("b.wav")], [Path("song.wav"), Path("b.wav")])
    assert matches.pairs.keys() == {"b"}
    pairs = matching.differ_in_case(matches.reference_only, matches.generated_only)
    assert pairs == [(Path("Song.wav"), Path("song.wav"))]
