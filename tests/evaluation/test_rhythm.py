"""Rhythm metrics on click tracks and on events made by hand, whose scores are known."""

import warnings

import librosa
import numpy as np
import pytest

from pace.evaluation.onsets import PICKING, Events, events
from pace.evaluation.rhythm import BINNED, PROTOCOLS, compare, score, summarise, tempo_of

SR = 22050
LAG = 0.035  # an onset is reported up to a frame and a half (hop 512) late
EVERY_SECOND = (0.5, 1.5, 2.5, 3.5, 4.5)


def click_track(times, seconds=5.0, sample_rate=SR):
    return librosa.clicks(times=np.array(times), sr=sample_rate, length=int(seconds * sample_rate))


def made(onsets, beats=(), tempo=0.0, duration=5.0):
    onsets = np.array(onsets, dtype=float)
    return Events(duration, {name: onsets for name in PICKING}, np.array(beats, dtype=float), tempo)


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_every_way_of_picking_finds_each_click():
    times = np.array(EVERY_SECOND)
    for onsets in events(click_track(times), SR).onsets.values():
        assert onsets.shape == times.shape
        assert np.abs(onsets - times).max() <= LAG


def pick(x, pre_max, post_max, pre_avg, post_avg, delta, wait):
    """Peaks as librosa documents them: maximum nearby, `delta` above the mean, `wait` after the last."""
    found = []
    for n in range(len(x)):
        highest = x[n] == x[max(n - pre_max, 0) : n + post_max].max()
        above = x[n] >= x[max(n - pre_avg, 0) : n + post_avg].mean() + delta
        if highest and above and x[n] > 0 and (not found or n - found[-1] > wait):
            found.append(n)
    return np.array(found)


def test_picking_has_the_constants_of_the_peers():
    """FACTS 7, against a plain peak picker; the defaults at 22,050 Hz are librosa's 30 ms and 100 ms in frames."""
    rng = np.random.default_rng(1)
    wave = rng.normal(size=5 * SR).astype(np.float32) * np.repeat(rng.random(50) ** 3, SR // 10)
    x = librosa.onset.onset_strength(y=wave, sr=SR)
    x = (x - x.min()) / (x.max() - x.min())
    expected = {
        "d2mgan": pick(x, pre_max=1, post_max=1, pre_avg=1, post_avg=1, delta=0.2, wait=1),
        "loris": pick(x, pre_max=3, post_max=3, pre_avg=3, post_avg=3, delta=0.2, wait=1),
        "strict": pick(x, pre_max=1, post_max=1, pre_avg=4, post_avg=5, delta=0.07, wait=1),
    }
    assert len({frames.tobytes() for frames in expected.values()}) == 3
    for name, onsets in events(wave, SR).onsets.items():
        np.testing.assert_allclose(onsets, expected[name] * 512 / SR, err_msg=name)


def test_beats_and_tempo_of_a_click_track():
    beats = np.arange(0.3, 5, 0.5)
    heard = events(click_track(beats), SR)
    assert abs(heard.tempo - 120) < 3  # the tracker's lags are whole frames: 117.5 or 123.0 BPM
    assert score(click_track(beats), click_track(beats), SR, "strict", beats)["beat_f70"] > 0.94


def test_another_sample_rate_hears_the_same():
    times = np.array([0.5, 1.25, 2.0, 3.5])
    for rate in (16000, 44100):
        heard = events(click_track(times, sample_rate=rate), rate)
        assert heard.duration == 5.0
        assert np.abs(heard.onsets["loris"] - times).max() <= LAG


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_identity_scores_full_marks(protocol):
    wave = click_track([0.2, 0.7, 1.2, 2.6, 3.1, 4.4])
    result = score(wave, wave, SR, protocol)
    if protocol in BINNED:
        assert result == {"bcs": 100.0, "bhs": 100.0}
        assert summarise([result] * 3) == {"bcs": 100.0, "csd": 0.0, "bhs": 100.0, "hsd": 0.0, "f1": 100.0}
    else:
        assert result == {"onset_f70": 1.0, "onset_f50": 1.0, "beat_f70": 1.0, "tempo_error_bpm": 0.0}


def test_d2mgan_coverage_passes_100_where_loris_gives_precision():
    reference, generated = click_track([0.5, 2.5]), click_track(EVERY_SECOND)
    assert score(reference, generated, SR, "d2mgan") == {"bcs": 250.0, "bhs": 100.0}
    assert score(reference, generated, SR, "loris") == {"bcs": 40.0, "bhs": 100.0}


def test_missed_and_hit_seconds():
    reference, generated = click_track([0.5, 1.5, 2.5, 3.5]), click_track([0.9, 2.1, 4.5])
    assert score(reference, generated, SR, "d2mgan") == {"bcs": 75.0, "bhs": 50.0}
    assert score(reference, generated, SR, "loris") == {"bcs": pytest.approx(200 / 3), "bhs": 50.0}


def test_several_onsets_in_one_second_count_once():
    assert compare(made([0.1, 0.4, 0.8, 2.2]), made([0.9]), "d2mgan") == {"bcs": 50.0, "bhs": 50.0}


def test_5hz_bins_are_200_ms():
    reference = made([0.15, 1.05])
    assert compare(reference, made([0.25, 1.15]), "loris") == {"bcs": 100.0, "bhs": 100.0}
    assert compare(reference, made([0.25, 1.15]), "5hz") == {"bcs": 50.0, "bhs": 50.0}


def test_loris_cuts_the_reference_to_the_generated_length_and_d2mgan_does_not():
    reference, generated = click_track(EVERY_SECOND), click_track([0.5, 1.5], seconds=2)
    assert score(reference, generated, SR, "loris") == {"bcs": 100.0, "bhs": 100.0}
    assert score(reference, generated, SR, "d2mgan") == {"bcs": 40.0, "bhs": 40.0}


def test_a_longer_generation_counts_all_its_onsets():
    reference, generated = click_track([0.5, 1.5], seconds=2), click_track(EVERY_SECOND)
    assert score(reference, generated, SR, "loris") == {"bcs": 40.0, "bhs": 100.0}
    assert score(reference, generated, SR, "d2mgan") == {"bcs": 250.0, "bhs": 100.0}


@pytest.mark.parametrize("nothing", [np.zeros(0), np.zeros(100), np.zeros(5 * SR), np.ones(1000)])
def test_no_onset_on_either_side_scores_zero_and_stays_in_the_mean(nothing):
    music = click_track(np.arange(0.25, 5, 0.5))
    tempo = events(music, SR).tempo
    for pair in ((music, nothing), (nothing, music), (nothing, nothing)):
        for protocol in BINNED:
            # d2mgan divides by the reference's onsets, loris by the generated ones: an empty side leaves no hit.
            assert score(*pair, SR, protocol) == {"bcs": 0.0, "bhs": 0.0}
        strict = score(*pair, SR, "strict")
        missed = 0.0 if pair[0] is nothing and pair[1] is nothing else tempo
        assert strict == {"onset_f70": 0.0, "onset_f50": 0.0, "beat_f70": 0.0, "tempo_error_bpm": missed}


def test_an_onset_at_the_very_end_has_no_bin():
    assert compare(made([0.5, 5.0]), made([0.5]), "d2mgan") == {"bcs": 100.0, "bhs": 100.0}


def test_strict_windows():
    reference = made([1.0, 2.0, 3.0, 4.0], beats=[1.0, 2.0, 3.0, 4.0], tempo=60.0)
    late = made([1.06, 2.06, 3.06, 4.06], beats=[1.08, 2.08, 3.0, 4.0], tempo=90.0)
    result = compare(reference, late, "strict")
    assert result == {"onset_f70": 1.0, "onset_f50": 0.0, "beat_f70": 0.5, "tempo_error_bpm": 30.0}


def test_strict_matches_one_to_one():
    """Two generated onsets near one reference onset: one is a false positive. P = 1/2, R = 1, F = 2/3."""
    result = compare(made([1.0]), made([0.99, 1.01]), "strict")
    assert result["onset_f50"] == pytest.approx(2 / 3)


def test_beats_of_the_first_five_seconds_count():
    beats = np.arange(0.5, 5, 0.5)
    assert compare(made([], beats), made([], beats), "strict")["beat_f70"] == 1.0


def test_true_beats_replace_the_tracked_ones():
    reference = made([], beats=[0.25, 0.75], tempo=120.0)
    generated = made([], beats=[0.5, 1.1, 1.7, 2.3], tempo=100.0)
    result = compare(reference, generated, "strict", np.array([0.5, 1.1, 1.7, 2.3]))
    assert result["beat_f70"] == 1.0
    assert result["tempo_error_bpm"] == pytest.approx(0.0)
    assert compare(reference, generated, "strict")["tempo_error_bpm"] == pytest.approx(20.0)


def test_tempo_of_beats():
    assert tempo_of(np.array([0.1, 0.6, 1.1, 2.1])) == pytest.approx(120.0)
    assert tempo_of(np.array([0.1])) == tempo_of(np.array([])) == 0.0


def test_deviation_is_that_of_a_sample():
    result = summarise([{"bcs": 100.0, "bhs": 30.0}, {"bcs": 50.0, "bhs": 60.0}])
    assert result["csd"] == pytest.approx(50 / np.sqrt(2))  # ddof 0 would be 25
    assert result["hsd"] == pytest.approx(30 / np.sqrt(2))
    assert summarise([{"bcs": 100.0, "bhs": 30.0}])["csd"] == 0.0


def test_f1_is_that_of_the_means():
    """The mean of the two F1s is 0, the F1 of the two means 50."""
    assert summarise([{"bcs": 100.0, "bhs": 0.0}, {"bcs": 0.0, "bhs": 100.0}])["f1"] == 50.0
    assert summarise([{"bcs": 0.0, "bhs": 0.0}])["f1"] == 0.0


def test_strict_summary_is_the_mean():
    values = [{"onset_f70": 1.0, "tempo_error_bpm": 4.0}, {"onset_f70": 0.5, "tempo_error_bpm": 1.0}]
    assert summarise(values) == {"onset_f70": 0.75, "tempo_error_bpm": 2.5}


def test_the_order_of_clips_does_not_matter():
    rng = np.random.default_rng(0)
    scores = [{"bcs": 100 * rng.random(), "bhs": 100 * rng.random()} for _ in range(20)]
    assert summarise(scores) == pytest.approx(summarise([scores[i] for i in rng.permutation(20)]))


def test_score_is_events_and_compare():
    reference, generated = click_track([0.3, 1.1, 1.9, 2.7, 3.5, 4.3]), click_track([0.3, 1.2, 1.9, 3.1, 4.3])
    for protocol in PROTOCOLS:
        assert score(reference, generated, SR, protocol) == compare(
            events(reference, SR), events(generated, SR), protocol
        )


def test_errors_say_what_is_wrong():
    wave = click_track([0.5])
    with pytest.raises(ValueError, match="'lorry' is unknown; use one of d2mgan, loris, 5hz, strict"):
        score(wave, wave, SR, "lorry")
    with pytest.raises(ValueError, match=r"shape \(2, 110250\); expected mono"):
        events(np.stack([wave, wave]), SR)
    with pytest.raises(ValueError, match="3 samples that are NaN or infinite"):
        events(np.concatenate([wave, [np.nan, np.inf, -np.inf]]), SR)
    with pytest.raises(ValueError, match="empty"):
        summarise([])
