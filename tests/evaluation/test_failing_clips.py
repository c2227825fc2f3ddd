"""Scoring many clips: one whose files crash a library or raise an odd error stops no other."""

import dataclasses

import pytest
from helpers import misbehaving

from pace.evaluation import clips, score_clips
from pace.scoring.file_clips import FileClip


@dataclasses.dataclass(frozen=True)
class Files(FileClip):
    """The files of a clip, of which some make trouble and the others hold nothing: scoring takes time."""

    def read(self, rebuilt=None):
        misbehaving.media(self.reference)
        return clips.ClipSounds({}, unreadable={"reference": "nothing in it"})


@pytest.mark.long
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_clip_that_crashes_is_named_and_the_others_go_on(tmp_path, monkeypatch, workers):
    monkeypatch.setenv("PACE_WORKERS", workers)
    monkeypatch.setattr(score_clips, "compile_once", lambda: None)
    names = ("odd", "a", "crash", "b")
    paths = {name: tmp_path / f"{name}.wav" for name in names}
    given = [clips.Clip(name, name, name, name, Files(path, {"mine": path})) for name, path in paths.items()]
    scored = list(score_clips.score_clips(given, ("strict",), "score"))
    assert [clip.name for clip in scored] == [*names]
    reasons = {"odd": "TypeError: int expected", "crash": "its worker process died (SIGSEGV)"}
    assert {clip.name: clip.unreadable for clip in scored} == {
        "a": {"reference": "nothing in it"},
        "b": {"reference": "nothing in it"},
    } | {name: {"mine": f"{reason} (files: {paths[name]}, {paths[name]})"} for name, reason in reasons.items()}
