"""The sound files that used to go wrong, read and scored like the music that they hold."""

import numpy as np
import pytest
import soundfile
from helpers.projects import ROOT
from helpers.sound_files import lag, write

from pace.evaluation.score_clips import score_clip
from pace.media import sounds
from pace.scoring import file_clips, matching

CASES = ROOT / "tests/cases"


@pytest.fixture(scope="module")
def surround(tmp_path_factory):
    """The music in 7.1 channels of AAC, each weaker than the one before."""
    music = soundfile.read(CASES / "sound.wav", dtype="float32")[0]
    path = tmp_path_factory.mktemp("surround") / "surround71.mkv"
    return write(path, "aac", np.outer(music, 0.9 ** np.arange(8)), 22050, "7.1", bit_rate=256000)


@pytest.fixture(scope="module")
def scored(surround):
    """The cases scored against sound.wav, by name."""
    files = [CASES / name for name in ("sound.wav", "vbr_noxing.mp3", "piped.flac", "noelst.m4a", "two_tracks.mkv")]
    systems = {path.name: matching.Matches({"clip": (files[0], path)}, [], [], []) for path in [*files, surround]}
    (clip,) = file_clips.clips_of(systems)
    return score_clip(clip, ("strict",))


@pytest.mark.parametrize(
    ("name", "seconds", "late", "likeness"),
    [
        ("sound.wav", 6, 0, 0.9999), ("piped.flac", 6, 0, 0.9999), ("two_tracks.mkv", 6.037, 0, 0.99),
        ("surround71.mkv", 6.037, 0, 0.97), ("vbr_noxing.mp3", 6.06, 1105, 0.97), ("noelst.m4a", 6.13, 2048, 0.9),
    ],
)  # fmt: skip
def test_cases_are_read_wholly(name, seconds, late, likeness, surround):
    music = soundfile.read(CASES / "sound.wav", dtype="float32")[0]
    sound = sounds.read(surround if name == "surround71.mkv" else CASES / name)
    assert sound.seconds == pytest.approx(seconds, abs=0.01)
    at, found = lag(sound.at(22050), music)
    assert abs(at - late) <= 2 and found > likeness


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "onsets", "beats"),
    [
        ("sound.wav", 1, 1), ("piped.flac", 1, 1), ("two_tracks.mkv", 1, 1), ("surround71.mkv", 0.95, 1),
        ("vbr_noxing.mp3", 0.95, 1),  # 50 ms late: no tag tells the encoder's delay
    ],
)  # fmt: skip
def test_cases_score_like_their_music(name, onsets, beats, scored):
    scores = scored.scores[name]["strict"]
    assert scores["onset_f70"] >= onsets and scores["beat_f70"] >= beats
    assert scores["tempo_error_bpm"] == 0


@pytest.mark.long
def test_every_case_is_scored_and_what_was_unusual_is_said(scored):
    assert scored.unreadable == {}
    assert scored.faults == {
        "vbr_noxing.mp3": (
            "its header is wrong or missing: 3.86 s by libsndfile, 6.06 s by FFmpeg, which was taken",
        ),
        "two_tracks.mkv": ("2 sound tracks, took the default one, number 2",),
    }  # fmt: skip
    assert scored.events["noelst.m4a"].duration == pytest.approx(6.13, abs=0.01)
