"""The sound track that is taken is the one that players play, and it is said which."""

import pytest
from av.stream import Disposition
from helpers.projects import ROOT
from helpers.sound_files import pitch, write_tracks

from pace.media import audio_tracks, sounds, streams
from pace.media.sound_track import read_audio

DEFAULT = Disposition.default


@pytest.mark.parametrize(
    ("tracks", "heard", "remark"),
    [
        ([(300, 0)], 300, None),
        ([(300, 0), (500, DEFAULT)], 500, "2 sound tracks, took the default one, number 2"),
        ([(300, 0), (400, Disposition.comment), (500, DEFAULT)], 500, "3 sound tracks, took the default one, number 3"),
        ([(300, 0), (500, 0)], 300, "2 sound tracks, took number 1 (none are marked as default)"),
        ([(300, DEFAULT), (500, DEFAULT)], 300, "2 sound tracks, took number 1 (2 are marked as default)"),
        ([(300, Disposition.comment), (500, 0)], 500, "2 sound tracks, took number 2 (none are marked as default)"),
        ([(300, Disposition.visual_impaired), (500, 0)], 500,
         "2 sound tracks, took number 2 (none are marked as default)"),
        ([(None, DEFAULT), (500, 0)], 500, "2 sound tracks, took number 2 (the default one has no sound)"),
    ],
)  # fmt: skip
def test_the_track_of_several(tracks, heard, remark, tmp_path):
    path = write_tracks(tmp_path / "a.mkv", tracks)
    sound = sounds.read(path)
    assert pitch(sound.wave[:11025], 22050) == pytest.approx(heard, abs=3)
    assert pitch(read_audio(path)[:11025], 22050) == pytest.approx(heard, abs=3)
    expected = () if remark is None else (remark,)
    assert tuple(fault for fault in sound.faults if "track" in fault) == expected
    with streams.open_media(path) as container:
        assert audio_tracks.audio_remarks(container) == expected


@pytest.mark.parametrize("codec", [b"A_XYZ", b"A_DTS"])  # an unknown codec, and one whose decoder understands nothing
def test_a_track_that_does_not_decode_is_passed_over(codec, tmp_path):
    path = write_tracks(tmp_path / "a.mkv", [(300, DEFAULT), (500, 0)])
    path.write_bytes(path.read_bytes().replace(b"A_AAC", codec, 1))
    sound = sounds.read(path)
    assert pitch(sound.wave[:11025], 22050) == pytest.approx(500, abs=3)
    assert "2 sound tracks, took number 2 (the default one has no sound)" in sound.faults


def test_two_tracks_of_which_the_first_is_silent():
    sound = sounds.read(ROOT / "tests/cases/two_tracks.mkv")
    assert sound.faults == ("2 sound tracks, took the default one, number 2",)
    assert abs(sound.wave).max() > 0.1
