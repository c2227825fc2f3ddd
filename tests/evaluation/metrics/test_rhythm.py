"""Rhythm metrics on click tracks and hand-made events with known scores."""

import math
import warnings

import librosa
import mir_eval
import numpy as np
import pytest

from pace.evaluation.metrics.onsets import PICKING, Events, events
from pace.evaluation.metrics.rhythm import BINNED, PROTOCOLS, compare, score, summarise, tempo_of

SR = 22050
STRICT_METRICS = (
    "onset_f70", "onset_f50", "beat_f70", "beat_f35", "cmlt", "amlt", "information_gain",
    "tempo_error_bpm", "tempo_error_octave_bpm",
)  # fmt: skip
LAG = 0.035  # an onset is reported up to a frame and a half (hop 512) late
EVERY_SECOND = (0.5, 1.5, 2.5, 3.5, 4.5)


def click_track(times, seconds=5.0, sample_rate=SR):
    return librosa.clicks(times=np.array(times), sr=sample_rate, length=int(seconds * sample_rate))


def hand_made(onsets, beats=(), tempo=math.nan, duration=5.0):
    onsets = np.array(onsets, dtype=float)
    return Events(duration, {name: onsets for name in PICKING}, np.array(beats, dtype=float), tempo)


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.long
def test_every_way_of_picking_detects_each_click():
    times = np.array(EVERY_SECOND)
    for onsets in events(click_track(times), SR).onsets.values():
        assert onsets.shape == times.shape
        assert np.abs(onsets - times).max() <= LAG


def pick(x, pre_max, post_max, pre_avg, post_avg, delta, wait):
    """Peaks as librosa documents them: maximum nearby, `delta` above the mean, `wait` after the last."""
    peaks = []
    for n in range(len(x)):
        highest = x[n] == x[max(n - pre_max, 0) : n + post_max].max()
        above = x[n] >= x[max(n - pre_avg, 0) : n + post_avg].mean() + delta
        if highest and above and x[n] > 0 and (not peaks or n - peaks[-1] > wait):
            peaks.append(n)
    return np.array(peaks)


def test_picking_has_the_constants_of_the_published_protocols():
    """FACTS 7 against a plain peak picker. The strict ones are librosa's 30 ms and 100 ms in frames at 22,050 Hz."""
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
    detected = events(click_track(beats), SR)
    assert abs(detected.tempo - 120) < 3  # the tracker's lags are whole frames: 117.5 or 123.0 BPM
    assert np.abs(detected.beats[1:] - beats[1:]).max() < 0.03  # the first is extrapolated, 98 ms early
    assert score(click_track(beats), click_track(beats), SR, "strict", beats)["beat_f70"] == pytest.approx(0.9)


def test_another_sample_rate_gives_the_same_events():
    times = np.array([0.5, 1.25, 2.0, 3.5])
    for rate in (16000, 44100):
        detected = events(click_track(times, sample_rate=rate), rate)
        assert detected.duration == 5.0
        assert np.abs(detected.onsets["loris"] - times).max() <= LAG


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_identity_scores_full_marks(protocol):
    wave = click_track([0.2, 0.7, 1.2, 2.6, 3.1, 4.4])
    result = score(wave, wave, SR, protocol)
    if protocol in BINNED:
        assert result == {"bcs": 100.0, "bhs": 100.0}
        assert summarise([result] * 3) == {"bcs": 100.0, "csd": 0.0, "bhs": 100.0, "hsd": 0.0, "f1": 100.0}
    else:
        assert result == {name: 0.0 if "error" in name else 1.0 for name in STRICT_METRICS}


def test_d2mgan_coverage_may_exceed_100_and_loris_coverage_is_precision():
    reference, generated = click_track([0.5, 2.5]), click_track(EVERY_SECOND)
    assert score(reference, generated, SR, "d2mgan") == {"bcs": 250.0, "bhs": 100.0}
    assert score(reference, generated, SR, "loris") == {"bcs": 40.0, "bhs": 100.0}


def test_missed_and_hit_seconds():
    reference, generated = click_track([0.5, 1.5, 2.5, 3.5]), click_track([0.9, 2.1, 4.5])
    assert score(reference, generated, SR, "d2mgan") == {"bcs": 75.0, "bhs": 50.0}
    assert score(reference, generated, SR, "loris") == {"bcs": pytest.approx(200 / 3), "bhs": 50.0}


def test_several_onsets_in_one_second_count_once():
    assert compare(hand_made([0.1, 0.4, 0.8, 2.2]), hand_made([0.9]), "d2mgan") == {"bcs": 50.0, "bhs": 50.0}


def test_5hz_bins_are_200_ms():
    reference = hand_made([0.15, 1.05])
    assert compare(reference, hand_made([0.25, 1.15]), "loris") == {"bcs": 100.0, "bhs": 100.0}
    assert compare(reference, hand_made([0.25, 1.15]), "5hz") == {"bcs": 50.0, "bhs": 50.0}


def test_loris_cuts_the_reference_to_the_generated_length_and_d2mgan_does_not():
    reference, generated = click_track(EVERY_SECOND), click_track([0.5, 1.5], seconds=2)
    assert score(reference, generated, SR, "loris") == {"bcs": 100.0, "bhs": 100.0}
    assert score(reference, generated, SR, "d2mgan") == {"bcs": 40.0, "bhs": 40.0}


def test_a_longer_generation_counts_all_its_onsets():
    reference, generated = click_track([0.5, 1.5], seconds=2), click_track(EVERY_SECOND)
    assert score(reference, generated, SR, "loris") == {"bcs": 40.0, "bhs": 100.0}
    assert score(reference, generated, SR, "d2mgan") == {"bcs": 250.0, "bhs": 100.0}


DITHER = np.random.default_rng(0).integers(-1, 2, 5 * SR) / 2**15


@pytest.mark.parametrize("nothing", [np.zeros(0), np.zeros(100), np.zeros(5 * SR), DITHER, np.full(5 * SR, 0.5)])
def test_music_without_onsets_scores_zero_and_nothing_scores_against_a_reference_without_them(nothing):
    """The first stays in the mean; the second would pull down the true music itself."""
    music = click_track(np.arange(0.25, 5, 0.5))
    tempo = events(music, SR).tempo
    for protocol in BINNED:
        assert score(music, nothing, SR, protocol) == {"bcs": 0.0, "bhs": 0.0}
        for other in (music, nothing):
            assert np.isnan([*score(nothing, other, SR, protocol).values()]).all()
    assert score(music, nothing, SR, "strict") == {name: tempo if "error" in name else 0.0 for name in STRICT_METRICS}
    for other in (music, nothing):
        assert np.isnan([*score(nothing, other, SR, "strict").values()]).all()


def test_a_part_without_onsets_scores_zero_where_the_whole_reference_has_some():
    """LORIS cuts the reference. Music that ends early must not be left out of the mean for it."""
    reference = click_track([2.5, 3.5])
    for generated in (np.zeros(0), reference[:SR], click_track([0.5], seconds=1)):
        assert score(reference, generated, SR, "loris") == {"bcs": 0.0, "bhs": 0.0}


def test_onsets_without_beats():
    """Music in which the tracker hears onsets but no beats: the onsets are scored, the beats are missing for any music,
    also where the true beats and tempo are known."""
    heard, unheard = hand_made(BEATS, BEATS, 120.0), hand_made(BEATS)
    for generated in (heard, unheard):
        for beats, bpm in ((None, None), (BEATS, None), (None, 120.0), (BEATS, 120.0)):
            result = compare(unheard, generated, "strict", beats, bpm)
            assert result["onset_f70"] == result["onset_f50"] == 1
            assert {name for name, value in result.items() if math.isnan(value)} == {*STRICT_METRICS[2:]}
    one_beat = compare(hand_made(BEATS, BEATS[:1], 120.0), heard, "strict")
    assert {name for name, value in one_beat.items() if math.isnan(value)} == {"cmlt", "amlt", "information_gain"}
    assert one_beat["beat_f70"] == pytest.approx(2 / 11) and one_beat["tempo_error_bpm"] == 0
    failed = compare(heard, unheard, "strict", BEATS, 110.0)
    assert failed == dict.fromkeys(STRICT_METRICS, 0.0) | {
        "onset_f70": 1.0, "onset_f50": 1.0, "tempo_error_bpm": 110.0, "tempo_error_octave_bpm": 110.0
    }  # fmt: skip
    one_true_beat = compare(heard, heard, "strict", BEATS[:1])
    assert {name for name, value in one_true_beat.items() if math.isnan(value)} == {
        "cmlt", "amlt", "information_gain", "tempo_error_bpm", "tempo_error_octave_bpm"
    }  # fmt: skip


def test_an_onset_at_the_very_end_has_no_bin():
    assert compare(hand_made([0.5, 5.0]), hand_made([0.5]), "d2mgan") == {"bcs": 100.0, "bhs": 100.0}


def test_strict_windows():
    reference = hand_made([1.0, 2.0, 3.0, 4.0], beats=[1.0, 2.0, 3.0, 4.0], tempo=60.0)
    late = hand_made([1.06, 2.06, 3.06, 4.06], beats=[1.08, 2.08, 3.0, 4.0], tempo=90.0)
    result = compare(reference, late, "strict")
    expected = {"onset_f70": 1.0, "onset_f50": 0.0, "beat_f70": 0.5, "tempo_error_bpm": 30.0}
    assert {name: result[name] for name in expected} == expected


def test_strict_matches_one_to_one():
    """Two generated onsets near one reference onset: one is a false positive. P = 1/2, R = 1, F = 2/3."""
    result = compare(hand_made([1.0]), hand_made([0.99, 1.01]), "strict")
    assert result["onset_f50"] == pytest.approx(2 / 3)


def test_beats_of_the_first_five_seconds_count():
    beats = np.arange(0.5, 5, 0.5)
    result = compare(hand_made([], beats), hand_made([], beats), "strict")
    assert result["beat_f70"] == result["cmlt"] == result["amlt"] == result["information_gain"] == 1.0


def test_true_beats_replace_the_tracked_ones():
    reference = hand_made([], beats=[0.25, 0.75], tempo=120.0)
    generated = hand_made([], beats=[0.5, 1.1, 1.7, 2.3], tempo=100.0)
    result = compare(reference, generated, "strict", np.array([0.5, 1.1, 1.7, 2.3]))
    assert result["beat_f70"] == 1.0
    assert result["tempo_error_bpm"] == pytest.approx(0.0)
    assert compare(reference, generated, "strict")["tempo_error_bpm"] == pytest.approx(20.0)


BEATS = 0.25 + 0.5 * np.arange(10)  # 120 BPM


def strict(beats, tempo=120.0, reference=BEATS, bpm=None):
    return compare(hand_made([], BEATS, 120.0), hand_made([], beats, tempo), "strict", reference, bpm)


def test_continuity_needs_beats_of_the_right_period_and_phase():
    """CMLt counts beats within 17.5 % of the period (87.5 ms at 120 BPM) that follow another such beat."""
    assert strict(BEATS + 0.08)["cmlt"] == 1.0
    assert strict(BEATS + 0.09)["cmlt"] == 0.0
    broken = BEATS.copy()
    broken[5] += 0.2  # it is out of phase, and the step to the next beat is too short: 2 of 10 are lost
    assert strict(broken)["cmlt"] == pytest.approx(0.8)
    assert strict(BEATS[::2])["cmlt"] == 0.0  # half the tempo: no step fits


def test_any_metrical_level_forgives_octaves_and_the_off_beat():
    double, half, off = np.arange(0.25, 4.8, 0.25), BEATS[::2], BEATS[:-1] + 0.25
    for beats in (double, half, BEATS[1::2], off):
        assert strict(beats)["amlt"] == 1.0
        assert strict(beats)["cmlt"] < 0.1
    assert strict(0.25 + 0.75 * np.arange(7))["amlt"] < 0.3  # two thirds of the tempo is not a metrical level of it


def test_information_gain_is_that_of_the_error_histogram():
    """Equal errors fill one of 41 bins and gain 1; errors spread evenly over ten bins gain 1 - log2(10) / log2(41).

    A delay of all beats fills one bin too, except for the beat before the first generated one. mir_eval divides its
    error by another interval, so one in ten beats falls into another bin.
    """
    assert strict(BEATS)["information_gain"] == 1.0
    one_in_ten = -(0.9 * np.log2(0.9) + 0.1 * np.log2(0.1))
    for delay in (0.1, 0.2):
        assert strict(BEATS + delay)["information_gain"] == pytest.approx(1 - one_in_ten / np.log2(41))
    long = 0.5 * np.arange(1, 42)
    drifting = long + 0.5 * (np.arange(41) - 20) / 41  # each error in a bin of its own
    assert strict(drifting, reference=np.arange(0, 23, 0.5))["information_gain"] < 0.1
    ten = BEATS + 0.5 * (np.arange(10) - 4.5) / 10
    assert strict(ten, reference=np.arange(-0.75, 6, 0.5) + 1)["information_gain"] == pytest.approx(
        1 - np.log2(10) / np.log2(41), abs=0.05
    )


def test_strict_is_mir_eval_without_trimming():
    rng = np.random.default_rng(0)
    for _ in range(5):
        reference, beats = (np.sort(rng.uniform(0, 5, size)) for size in (9, 11))
        result = strict(beats, reference=reference)
        assert result["beat_f70"] == mir_eval.beat.f_measure(reference, beats)
        assert (result["cmlt"], result["amlt"]) == mir_eval.beat.continuity(reference, beats)[1::2]
        assert result["information_gain"] == mir_eval.beat.information_gain(reference, beats)
        assert mir_eval.beat.trim_beats(reference).size == 0  # mir_eval.beat.evaluate would keep none


def test_tempo_error_up_to_an_octave():
    for tempo, plain, octave in ((120, 0, 0), (60, 60, 0), (240, 120, 0), (130, 10, 10), (65, 55, 10), (40, 80, 40)):
        result = strict(BEATS, tempo)
        assert (result["tempo_error_bpm"], result["tempo_error_octave_bpm"]) == pytest.approx((plain, octave)), tempo
    # Without a tempo the error is the whole tempo.
    assert strict(np.zeros(0), math.nan)["tempo_error_octave_bpm"] == pytest.approx(120.0)


def test_a_given_tempo_takes_precedence_over_beats():
    assert strict(BEATS, 120.0, bpm=117.0)["tempo_error_bpm"] == 3.0
    assert strict(BEATS, 60.0, bpm=117.0)["tempo_error_octave_bpm"] == 3.0
    wave = click_track(BEATS)
    tracked = events(wave, SR).tempo
    assert score(wave, wave, SR, "strict", BEATS, 100.0)["tempo_error_bpm"] == pytest.approx(abs(tracked - 100))


def test_tempo_of_beats():
    assert tempo_of(np.array([0.1, 0.6, 1.1, 2.1])) == pytest.approx(120.0)
    assert math.isnan(tempo_of(np.array([0.1]))) and math.isnan(tempo_of(np.array([])))


def test_deviation_is_that_of_a_sample():
    result = summarise([{"bcs": 100.0, "bhs": 30.0}, {"bcs": 50.0, "bhs": 60.0}])
    assert result["csd"] == pytest.approx(50 / np.sqrt(2))  # ddof 0 would be 25
    assert result["hsd"] == pytest.approx(30 / np.sqrt(2))
    assert math.isnan(summarise([{"bcs": 100.0, "bhs": 30.0}])["csd"])  # one clip does not deviate


def test_coverage_over_100_enters_f1_uncapped():
    """D2M-GAN's means are not capped: 2 * 250 * 100 / 350 = 142.9."""
    assert summarise([{"bcs": 250.0, "bhs": 100.0}])["f1"] == pytest.approx(50000 / 350)


def test_a_generation_without_onsets_scores_zero_and_counts():
    """FACTS 7: a score is 0 when its denominator is 0. Clips whose reference has no onsets are left out."""
    reference, silent = hand_made([0.5, 1.5]), hand_made([])
    for protocol in BINNED:
        result = summarise([compare(reference, reference, protocol), compare(reference, silent, protocol)])
        expected = {"bcs": 50.0, "csd": 100 / np.sqrt(2), "bhs": 50.0, "hsd": 100 / np.sqrt(2), "f1": 50.0}
        assert result == pytest.approx(expected), protocol
        without = compare(silent, reference, protocol)
        assert np.isnan([*without.values()]).all()
        assert (
            summarise([compare(reference, reference, protocol), without, compare(reference, silent, protocol)])
            == result
        )
        assert np.isnan([*summarise([without]).values()]).all()


def test_f1_is_that_of_the_means():
    """The mean of the two F1 scores is 0; the F1 of the two means is 50."""
    assert summarise([{"bcs": 100.0, "bhs": 0.0}, {"bcs": 0.0, "bhs": 100.0}])["f1"] == 50.0
    assert summarise([{"bcs": 0.0, "bhs": 0.0}])["f1"] == 0.0


def test_strict_summary_is_the_mean():
    values = [{"onset_f70": 1.0, "tempo_error_bpm": 4.0}, {"onset_f70": 0.5, "tempo_error_bpm": 1.0}]
    assert summarise(values) == {"onset_f70": 0.75, "tempo_error_bpm": 2.5}


def test_the_order_of_clips_does_not_matter():
    rng = np.random.default_rng(0)
    scores = [{"bcs": 100 * rng.random(), "bhs": 100 * rng.random()} for _ in range(20)]
    assert summarise(scores) == pytest.approx(summarise([scores[i] for i in rng.permutation(20)]))
    tracks = [hand_made(np.sort(rng.uniform(0, 5, 9)), np.sort(rng.uniform(0, 5, 8)), 100 + i) for i in range(12)]
    pairs = [tuple(tracks[i : i + 2]) for i in range(11)]
    for protocol in PROTOCOLS:
        forth, back = (summarise([compare(*pair, protocol) for pair in order]) for order in (pairs, pairs[::-1]))
        assert forth == pytest.approx(back), protocol


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


def test_beats_at_one_time_have_no_tempo():
    assert tempo_of(np.array([0.5, 1.0, 1.5])) == 120.0
    for beats in ([], [1.0], [1.0, 1.0], [1.0, 1.0, 1.0, 1.5]):
        assert math.isnan(tempo_of(np.array(beats)))
