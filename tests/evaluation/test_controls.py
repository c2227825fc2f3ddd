from pathlib import Path

import numpy as np
import pytest
import torch

from pace.audio.limiter import limit_peaks
from pace.audio.mel import mel_image
from pace.audio.vocoder import VocoderParams, invert
from pace.clip import CLIP_SAMPLES, SAMPLE_RATE
from pace.evaluation import controls
from pace.evaluation.ceiling import ceiling_clip, ceiling_track
from pace.evaluation.metrics.onsets import events
from pace.evaluation.metrics.rhythm import score

TRACK = np.arange(1, 10 * SAMPLE_RATE + 1, dtype=np.float32)  # sample j holds j + 1


def test_cut_is_sample_exact_and_zero_outside_the_track():
    np.testing.assert_array_equal(controls.cut(TRACK, 2.0), TRACK[44100 : 44100 + CLIP_SAMPLES])
    late = controls.cut(TRACK, 8.0)
    np.testing.assert_array_equal(late[: 2 * SAMPLE_RATE], TRACK[8 * SAMPLE_RATE :])
    assert not late[2 * SAMPLE_RATE :].any()
    early = controls.cut(TRACK, -1.0)
    assert not early[:SAMPLE_RATE].any()
    np.testing.assert_array_equal(early[SAMPLE_RATE:], TRACK[: CLIP_SAMPLES - SAMPLE_RATE])
    assert not controls.cut(TRACK, 20.0).any()
    assert not controls.cut(TRACK, -20.0).any()


def test_delayed_music_is_250_ms_late_and_continues_from_the_track():
    lag = round(0.25 * SAMPLE_RATE)
    inside = controls.delayed(TRACK, 5.0)
    assert inside[lag] == pytest.approx(controls.cut(TRACK, 5.0)[0], abs=1)
    assert inside[0] == pytest.approx(5 * SAMPLE_RATE + 1 - lag, abs=1)
    start = controls.delayed(TRACK, 0.0)
    assert not start[:lag].any()
    np.testing.assert_array_equal(start[lag:], TRACK[: CLIP_SAMPLES - lag])


def test_random_music_is_seeded_and_repeats_nothing_while_it_lasts():
    train = [{"video_id": f"v{i}", "start_s": float(i)} for i in range(50)]
    drawn = controls.random_music(train, 40)
    assert drawn == controls.random_music(train, 40)
    assert drawn != controls.random_music(train, 40, seed=1)
    assert len({clip["video_id"] for clip in drawn}) == 40
    assert drawn != train[:40]
    assert len(controls.random_music(train[:3], 5)) == 5
    assert controls.random_music([], 2) == [None, None]


def test_clicks_fill_every_second_of_the_binned_protocols():
    wave = controls.clicks()
    assert wave.shape == (CLIP_SAMPLES,)
    once = controls.cut(wave[: 3 * SAMPLE_RATE], 0.0)  # clicks in three of five seconds
    assert score(once, wave, SAMPLE_RATE, "d2mgan") == {"bcs": pytest.approx(500 / 3), "bhs": 100.0}
    assert score(wave, once, SAMPLE_RATE, "loris") == {"bcs": 100.0, "bhs": 60.0}


def test_clicks_have_the_tempo_asked_for():
    for bpm, times in ((60.0, [0.5, 1.5, 2.5, 3.5, 4.5]), (120.0, [0.25 + 0.5 * k for k in range(10)])):
        detected = events(controls.clicks(bpm), SAMPLE_RATE)
        assert len(detected.onsets["strict"]) == len(times)
        assert np.abs(detected.onsets["strict"] - times).max() < 0.035
    assert abs(detected.tempo - 120) < 3.1


class Offset:
    """An autoencoder that adds a constant to the image."""

    def __init__(self, offset):
        self.offset = offset

    def encode(self, x):
        return x, torch.full_like(x, float("nan"))  # the variance must not matter

    def decode(self, z):
        return z + self.offset


def test_ceiling_is_the_vocoder_alone_when_the_vae_is_perfect():
    rng = np.random.default_rng(0)
    wave = (0.1 * rng.normal(size=CLIP_SAMPLES)).astype(np.float32)
    vocoder = VocoderParams(iterations=2, momentum=0.9)
    rebuilt, error = ceiling_clip(wave, Offset(0.0), vocoder)
    assert error == 0.0
    np.testing.assert_allclose(rebuilt, limit_peaks(invert(mel_image(wave)[None], vocoder)[0]), atol=1e-6)
    _, error = ceiling_clip(wave, Offset(0.05), vocoder)
    assert error == pytest.approx(0.05, abs=1e-4)


def test_ceiling_is_turned_down_as_generated_music_is():
    loud, vocoder = np.random.default_rng(0).normal(size=CLIP_SAMPLES).astype(np.float32), VocoderParams(1, 0.0)
    rebuilt, _ = ceiling_clip(loud, Offset(0.0), vocoder)
    plain = invert(mel_image(loud)[None], vocoder)[0]
    assert np.abs(plain).max() > 1.5 and np.abs(rebuilt).max() <= 1 + 1e-6
    np.testing.assert_allclose(rebuilt, limit_peaks(plain), atol=1e-6)


@pytest.mark.parametrize("seconds", [3.0, 12.0])
def test_ceiling_of_a_track_is_as_long_and_has_its_onsets(monkeypatch, seconds):
    monkeypatch.setattr("pace.evaluation.ceiling.cached_vae", lambda folder: Offset(0.0))
    track = controls.click_track(round(seconds * SAMPLE_RATE), SAMPLE_RATE, 120)
    rebuilt = ceiling_track(track, Path("none"), VocoderParams(16, 0.9))
    assert rebuilt.shape == track.shape and rebuilt.dtype == np.float32
    assert np.abs(rebuilt - track).max() > 0.01  # not the track itself
    assert score(track, rebuilt, SAMPLE_RATE, "strict")["onset_f50"] > 0.9
