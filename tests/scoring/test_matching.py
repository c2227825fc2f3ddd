"""Music files are found at any depth and matched by name, and every file that is not used is listed."""

from pathlib import Path

import pytest

from pace.scoring import matching


def test_find_looks_below_and_says_when_there_is_nothing(tmp_path):
    with pytest.raises(ValueError, match="gone: no such folder"):
        matching.find(tmp_path / "gone")
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(ValueError, match=r"no music file in it; known are \.wav, \.flac"):
        matching.find(tmp_path)
    for name in ("b.WAV", "deep/er/a.mp3", ".hidden.wav", ".cache/c.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert matching.find(tmp_path) == [tmp_path / "b.WAV", tmp_path / "deep/er/a.mp3"]


def matched(reference, generated, **endings):
    matches = matching.match(map(Path, reference), map(Path, generated), **endings)
    pairs = {name: (one.name, other.name) for name, (one, other) in matches.pairs.items()}
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
