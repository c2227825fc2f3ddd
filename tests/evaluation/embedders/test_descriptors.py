"""The weight-free embedding: known signals give known numbers, and its distances reflect audible differences."""

import numpy as np
import pytest
from helpers.composed import composed
from scipy import signal

from pace.evaluation import controls
from pace.evaluation.embedders import descriptors
from pace.evaluation.metrics import frechet

SR = descriptors.SAMPLE_RATE
TIME = np.arange(SR) / SR


def described(wave, sample_rate=SR):
    """The unscaled descriptors of the first second, by name."""
    row = descriptors.embed(np.asarray(wave, dtype=np.float32), sample_rate)[0] * descriptors.SCALES
    return dict(zip(descriptors.NAMES, row, strict=True))


def piece(style, seed, bpm=110.0):
    return composed(style, bpm, 0.1, 10.0, seed)


@pytest.fixture(scope="module")
def house():
    """Twenty pieces of one style, cut into their first and second five seconds."""
    pieces = [piece("house", seed, 100 + 2 * seed) for seed in range(20)]
    return [wave[: 5 * SR] for wave in pieces], [wave[5 * SR :] for wave in pieces]


def embedded(waves):
    return np.concatenate([descriptors.embed(wave, SR) for wave in waves])


def test_rows_are_whole_seconds_at_any_rate_and_channel_count():
    music = piece("lock", 0)
    rows = descriptors.embed(music[: 5 * SR], SR)
    assert rows.shape == (5, len(descriptors.NAMES)) == (5, 38)
    np.testing.assert_allclose(descriptors.embed(music[: 5 * SR + 900], SR), rows)
    np.testing.assert_allclose(descriptors.embed(np.stack([music, music])[:, : 5 * SR], SR), rows, atol=1e-4)
    np.testing.assert_allclose(descriptors.embed(music[SR : 2 * SR], SR), rows[1:2])
    doubled = signal.resample_poly(music[: 5 * SR], 2, 1).astype(np.float32)
    assert np.abs(descriptors.embed(doubled, 2 * SR) - rows).mean() < 0.05


def test_a_sine_has_its_level_in_its_band_and_its_pitch():
    properties = described(0.5 * np.sin(2 * np.pi * 440 * TIME))
    levels = [properties[f"level_{i}"] for i in range(12)]
    assert np.argmax(levels) == 1
    assert levels[1] == pytest.approx(10 * np.log10(0.125), abs=0.1)  # mean square of amplitude 0.5
    assert properties["level_11"] == pytest.approx(-80, abs=0.5)
    assert properties["pitch_focus"] > 0.99
    assert properties["crest"] == pytest.approx(3.01, abs=0.1)
    assert properties["centroid"] == pytest.approx(np.log2(0.44), abs=0.02)
    assert properties["onsets"] == 0
    assert properties["flatness"] < -30


def test_white_noise_is_flat_and_even():
    properties = described(0.1 * np.random.default_rng(0).normal(size=SR))
    assert properties["flatness"] == pytest.approx(
        -2.5, abs=0.2
    )  # exp(-0.5772) of a chi-square with two degrees of freedom
    assert sum(10 ** (properties[f"level_{i}"] / 10) for i in range(12)) == pytest.approx(0.01, rel=0.1)
    assert properties["centroid"] == pytest.approx(np.log2(5.5125), abs=0.05)
    assert properties["onsets"] == 0


@pytest.mark.parametrize("rate", [2, 4, 8])
def test_clicks_are_counted_and_their_rate_is_the_modulation(rate):
    wave = np.zeros(SR)
    for time in (np.arange(rate) + 0.5) / rate:
        start = int(time * SR)
        wave[start : start + 600] += np.sin(2 * np.pi * 1000 * TIME[:600]) * np.exp(-TIME[:600] * 150)
    properties = described(wave)
    assert properties["onsets"] == rate
    modulation = [properties[f"modulation_{i}"] for i in range(4)]
    if rate > 2:  # two clicks have as much power at each of their harmonics
        assert np.argmax(modulation) == {4: 1, 8: 2}[rate]


def test_silence_and_scraps_have_descriptors_too():
    silent = described(np.zeros(SR))
    assert all(silent[f"level_{i}"] == pytest.approx(-80) for i in range(12))
    assert silent["crest"] == silent["onsets"] == silent["flux"] == 0
    scrap = descriptors.embed(np.full(10, 0.1, np.float32), SR)
    assert scrap.shape == (1, 38)
    assert np.isfinite(scrap).all()
    with pytest.raises(ValueError, match="1 samples that are NaN"):
        descriptors.embed(np.array([0.0, np.nan]), SR)
    with pytest.raises(ValueError, match=r"the wave has shape \(0,\)"):
        descriptors.embed(np.zeros(0), SR)


@pytest.mark.long
def test_distance_of_halves_of_the_same_music_is_far_below_that_of_anything_else(house):
    first, second = house
    reference = embedded(first)
    own = frechet.frechet(reference, embedded(second))
    low_pass = signal.butter(4, 2000, fs=SR, output="sos")
    rng = np.random.default_rng(0)
    blocks = [wave[: 100 * 1102].reshape(100, 1102)[rng.permutation(100)].ravel() for wave in second]
    others = {
        "noise": [0.1 * rng.normal(size=5 * SR) for _ in range(12)],
        "clicks": [controls.clicks()] * 12,
        "low-passed": [signal.sosfilt(low_pass, wave) for wave in second],
        "a tenth of the level": [0.1 * wave for wave in second],
        "another style": [piece("ballet_jazz", seed, 100 + 3 * seed)[: 5 * SR] for seed in range(12)],
        "silence": [np.zeros(5 * SR)] * 12,
        "50 ms in random order": blocks,
    }
    distances = {name: frechet.frechet(reference, embedded(waves)) for name, waves in others.items()}
    assert all(distance > 5 * own for distance in distances.values()), (own, distances)
    assert min(distances[name] for name in ("noise", "clicks", "low-passed", "silence")) > 20 * own, (own, distances)


def test_descriptors_do_not_notice_timing(house):
    """A known limit of every set distance: music a quarter second late is closer than its own next bars."""
    first, second = house
    late = [np.roll(wave, SR // 4) for wave in first]
    assert frechet.frechet(embedded(first), embedded(late)) < frechet.frechet(embedded(first), embedded(second))


@pytest.mark.long
def test_scales_are_of_the_size_of_the_deviations_in_music():
    styles = ("break", "pop", "lock", "house", "waack", "krump", "ballet_jazz", "street_jazz")
    spread = embedded([piece(style, i, 90 + 5 * i) for i, style in enumerate(styles)]).std(axis=0)
    assert ((spread > 0.35) & (spread < 2.5)).all(), dict(zip(descriptors.NAMES, spread.round(2), strict=True))
