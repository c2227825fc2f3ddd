"""What hears beats: every tracker's constant lateness, measured; the choice by name; what is said of a missing one."""

import itertools

import librosa
import numpy as np
import pytest
import soundfile
from helpers.composed import composed
from helpers.projects import ROOT, read_stages

from pace.evaluation import beat_trackers, score_clips
from pace.evaluation.beat_trackers import LIBROSA, TRACKERS, BeatTracker, TrackerError
from pace.evaluation.metrics.onsets import events
from pace.evaluation.settings import EvaluateParams
from pace.pipeline import params
from pace.scoring.file_clips import clips_of
from pace.scoring.matching import Matches

SR = 22050
TEMPI = (84, 96, 108, 120, 132)
STYLES = ("break", "house", "pop", "ballet_jazz")


def available(name: str) -> BeatTracker:
    """A tracker, or skip the test, saying what is missing."""
    tracker = BeatTracker(name)
    try:
        tracker.check()
    except TrackerError as error:
        pytest.skip(str(error))
    return tracker


def clicks(beats):
    return librosa.clicks(times=beats, sr=SR, length=5 * SR).astype(np.float32)


def errors(tracker, wave, beats):
    """By how much the beats that are heard within 100 ms of true ones are late, in seconds."""
    heard = events(wave, SR, tracker).beats
    if not len(heard):
        return []
    late = heard[np.abs(np.subtract.outer(beats, heard)).argmin(axis=1)] - beats
    return late[np.abs(late) < 0.1]


def measure(tracker):
    """Lateness of clicks and of composed music: the median at each tempo, in seconds."""
    of_clicks, of_music = [], []
    for bpm in TEMPI:
        firsts = np.linspace(0.1, 0.1 + 60 / bpm, 4, endpoint=False)
        grids = [np.arange(first, 5, 60 / bpm) for first in firsts]
        of_clicks.append(np.median(np.concatenate([errors(tracker, clicks(beats), beats) for beats in grids])))
        pieces = [
            (composed(style, bpm, beats[0], 5.0, i), beats)
            for i, (style, beats) in enumerate(zip(itertools.cycle(STYLES), grids, strict=False))
        ]
        of_music.append(np.median(np.concatenate([errors(tracker, wave, beats) for wave, beats in pieces])))
    return np.array(of_clicks), np.array(of_music)


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in TRACKERS if name != "beat_this"])  # whose checkpoint nobody has here
def test_the_lateness_taken_off_is_that_of_music_at_any_tempo(name):
    of_clicks, of_music = measure(available(name))
    print(f"{name}, ms left: clicks {np.round(1000 * of_clicks)}, music {np.round(1000 * of_music)}")
    assert abs(np.median(of_music)) <= 0.005
    assert np.abs(of_music).max() <= 0.012
    assert np.abs(of_clicks).max() <= 0.015  # librosa hears a bare click 10 ms earlier than music


def test_beats_before_the_wave_are_left_out_and_the_tempo_stays_the_trackers():
    wave = clicks(np.arange(0.0, 5, 0.5))
    tempo, beats = librosa.beat.beat_track(y=wave, sr=SR, trim=False, units="time")
    detected = events(wave, SR)
    assert beats[0] < 0.03 <= beats[1]
    np.testing.assert_allclose(detected.beats, beats[1:] - 0.03)
    assert detected.tempo == float(tempo[0])


@pytest.fixture
def fake(monkeypatch):
    """A tracker that hears a beat every second, and gives no tempo."""
    beat_trackers._load.cache_clear()
    monkeypatch.setitem(beat_trackers.LOADERS, "madmom", lambda _: lambda wave: (np.arange(0, len(wave) / SR), None))
    yield BeatTracker("madmom")
    beat_trackers._load.cache_clear()


def test_another_tracker_hears_the_beats_of_every_row(fake, scored_clip_of):
    scored = next(iter(score_clips.score_clips([scored_clip_of()], ("strict",), "test", tracker=fake)))
    for row, heard in scored.events.items():
        np.testing.assert_array_equal(heard.beats, np.arange(5), row)
        assert heard.tempo == 60
    assert len(scored.events) > 2


@pytest.fixture
def scored_clip_of(tmp_path, monkeypatch):
    monkeypatch.setenv("PACE_WORKERS", "0")
    path = tmp_path / "a.wav"
    soundfile.write(path, composed("house", 120, 0.1, 5.0, 0), SR)
    return lambda: clips_of({"mine": Matches({"a": (path, path)}, [], [], {}, [])})[0]


def test_a_missing_tracker_is_named_with_its_remedy(monkeypatch, tmp_path):
    monkeypatch.setattr(beat_trackers.importlib, "import_module", _nothing)
    beat_trackers._load.cache_clear()
    with pytest.raises(TrackerError, match="beat tracker madmom: no package; pip install --no-deps -r requirements-m"):
        BeatTracker("madmom").check()
    with pytest.raises(TrackerError, match=r"beat_this: no checkpoint \(none set\); download one .*beat_this_weights"):
        BeatTracker("beat_this").check()
    (tmp_path / "final0.ckpt").write_bytes(b"")
    with pytest.raises(TrackerError, match="beat_this: no package; pip install beat-this"):
        BeatTracker("beat_this", str(tmp_path / "final0.ckpt")).check()
    with pytest.raises(TrackerError, match="'essentia' is unknown; use one of librosa, madmom, beat_this"):
        BeatTracker("essentia").check()
    LIBROSA.check()


def _nothing(_):
    raise ImportError("no package")


def test_another_tracker_or_checkpoint_makes_the_stage_run_again():
    stage = read_stages("dvc.yaml")["evaluate"]
    assert "evaluate" in stage["params"] and "${evaluate.beat_this_weights}" in stage["deps"]
    section = params.read(ROOT / "params.yaml")["evaluate"]
    settings = params.section({"evaluate": section | {"beats": "beat_this"}}, "evaluate", EvaluateParams)
    assert settings.tracker == BeatTracker("beat_this", "data/none")
    assert params.section({"evaluate": section}, "evaluate", EvaluateParams).tracker == LIBROSA
