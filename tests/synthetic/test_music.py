"""The synthetic music: an exact beat clock that a tracker can follow, sound levels, and styles that differ."""

import itertools
import math

import librosa
import mir_eval
import numpy as np
import pytest
from pace.synthetic.instruments import DRUMS, TIMBRES, drum, note

from pace.audio.mel import filterbank
from pace.synthetic.grooves import GROOVES
from pace.synthetic.music import MAX_HUMAN_S, compose, recompose
from pace.synthetic.styles import STYLES, bpm_range

pytestmark = pytest.mark.long

RATE = 22050
PIECES = 6  # per style


def _clock(style: str, number: int) -> tuple[float, float, np.random.Generator]:
    """Tempo in BPM, first beat anywhere in the first bar, and the generator for the music."""
    rng = np.random.default_rng((11, STYLES.index(style), number))
    bpm = rng.uniform(*bpm_range(style))
    return bpm, rng.uniform(0, 240 / bpm), rng


@pytest.fixture(scope="module")
def pieces():
    """(style, bpm, first beat, ten seconds of music) for six pieces of each style."""
    pieces = []
    for style, number in itertools.product(STYLES, range(PIECES)):
        bpm, first, rng = _clock(style, number)
        pieces.append((style, bpm, first, compose(style, bpm, first, 10.0, rng)))
    return pieces


def _beats(bpm: float, first: float, start: float, stop: float) -> np.ndarray:
    count = np.arange(math.ceil((start - first) * bpm / 60), math.ceil((stop - first) * bpm / 60))
    return first + count * 60 / bpm


def test_ten_styles_whose_tempi_overlap():
    assert len(STYLES) == 10 and set(STYLES) == set(GROOVES)
    ranges = [bpm_range(style) for style in STYLES]
    assert all(low >= 80 and high <= 135 and high - low >= 30 for low, high in ranges)
    assert min(high for _, high in ranges) - max(low for low, _ in ranges) >= 15


def test_every_pattern_is_one_bar_of_known_sounds():
    for groove in GROOVES.values():
        bars = [*groove.chords, *groove.melody, *itertools.chain(*groove.drums.values())]
        bars += itertools.chain(*(fill.values() for fill in groove.fills))
        assert {len(bar) for bar in (*bars, *groove.bass)} == {16}
        assert set("".join(bars)) <= set("0123456789.-") and set("".join(groove.bass)) <= set("ro57a.-")
        assert {*groove.drums, *itertools.chain(*groove.fills)} <= set(DRUMS)
        assert {*groove.bass_timbres, *groove.chord_timbres, *groove.melody_timbres} <= set(TIMBRES)


def test_length_type_peak_and_no_offset(pieces):
    for _, _, _, wave in pieces:
        assert wave.shape == (220500,) and wave.dtype == np.float32
        assert np.abs(wave).max() == pytest.approx(0.9, abs=1e-4)
        assert (np.abs(wave) > 0.89).mean() < 1e-3  # limited, not clipped
        assert abs(wave.mean()) < 2e-3
        assert 0.05 < wave.std() < 0.35


def test_mel_level_peaks_like_real_music(pieces):
    peaks, over = [], []
    for *_, wave in pieces[::3]:
        power = filterbank() @ np.abs(librosa.stft(wave, n_fft=2048, hop_length=431)) ** 2
        peaks.append(10 * np.log10(power.max()))
        over.append((power > 10**3.5).mean())
    assert 25 <= np.mean(peaks) <= 36
    assert np.mean(over) < 2e-4  # the share of the image that the fixed scale cuts off


def test_music_is_already_running_at_zero():
    for style in STYLES:
        wave = compose(style, 100.0, 2.3, 5.0, np.random.default_rng(1))
        # The beat at -0.1 s still rings, and the beats from 0.5 s on are played although beat 0 is at 2.3 s.
        assert wave[: RATE // 10].std() > 1e-3
        assert wave[RATE // 2 : 2 * RATE].std() > 0.3 * wave.std()


def test_same_seed_same_music_other_seed_other_music():
    first, again, other = (compose("lock", 104.0, 0.4, 5.0, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert np.abs(np.corrcoef(first, other)[0, 1]) < 0.5


def test_house_kicks_fall_on_the_beats_within_the_players_inaccuracy():
    bpm, first = 118.0, 0.37
    wave = compose("house", bpm, first, 10.0, np.random.default_rng(4))
    low = librosa.stft(wave, n_fft=512, hop_length=32)
    rise = np.diff(np.log(np.abs(low[2:9]).sum(0) + 1), prepend=0)
    for beat in _beats(bpm, first, 0.1, 9.8):
        centre = round(beat * RATE / 32)
        near = rise[centre - 70 : centre + 70]  # 100 ms to either side
        late = (near.argmax() - 70) * 32 / RATE
        # The window sees a stroke up to half its length (12 ms) early.
        assert -0.012 - MAX_HUMAN_S <= late <= MAX_HUMAN_S + 0.002


def test_onsets_are_stronger_on_beats_than_between(pieces):
    for style, group in itertools.groupby(pieces, key=lambda piece: piece[0]):
        ratios = []
        for _, bpm, first, wave in group:
            strength = librosa.onset.onset_strength(y=wave, sr=RATE, aggregate=np.median)
            times = librosa.times_like(strength, sr=RATE)
            phase = ((times - first) * bpm / 60 + 0.5) % 1 - 0.5
            near = np.abs(phase) * 60 / bpm < 0.05
            ratios.append(strength[near].mean() / strength[~near].mean())
        assert np.mean(ratios) > 2, style


def test_a_tracker_that_is_not_told_the_tempo_finds_the_beats(pieces):
    scores = []
    for _, bpm, first, wave in pieces[::3]:
        for start in (0, 5):
            excerpt = wave[start * RATE : (start + 5) * RATE]
            tracked = librosa.beat.beat_track(y=excerpt, sr=RATE, trim=False, units="time")[1]
            scores.append(mir_eval.beat.f_measure(_beats(bpm, first, start, start + 5) - start, tracked, 0.07))
    assert len(scores) == 40
    assert np.mean(scores) >= 0.75


def _profile(bpm: float, first: float, wave: np.ndarray) -> np.ndarray:
    """Distribution of the onsets of three bands over the sixteen steps of a bar, and the mean spectrum."""
    spectrum = np.abs(librosa.stft(wave, n_fft=1024, hop_length=220)) ** 2
    mel = np.log(librosa.filters.mel(sr=RATE, n_fft=1024, n_mels=32) @ spectrum + 1e-3)
    flux = np.maximum(np.diff(mel, axis=1), 0)
    step = np.floor(((np.arange(1, mel.shape[1]) * 220 / RATE - first) * bpm / 15) + 0.5).astype(int) % 16
    folded = [[band[:, step == s].mean() for s in range(16)] for band in np.split(flux, (8, 24))]
    folded = np.array(folded) / np.mean(folded, axis=1, keepdims=True)
    return np.concatenate([folded.ravel(), mel.mean(1) - mel.mean()])


def test_styles_can_be_told_apart_by_ear(pieces):
    profiles = np.array([_profile(bpm, first, wave) for _, bpm, first, wave in pieces])
    profiles = (profiles - profiles.mean(0)) / profiles.std(0)
    style = np.repeat(np.arange(len(STYLES)), PIECES)
    correct = 0
    for held_out in range(len(profiles)):
        rest = np.arange(len(profiles)) != held_out
        centres = [profiles[rest & (style == s)].mean(0) for s in range(len(STYLES))]
        correct += np.linalg.norm(centres - profiles[held_out], axis=1).argmin() == style[held_out]
    assert correct / len(profiles) > 0.7  # chance is 0.1


def test_notes_sound_at_their_pitch():
    for name in TIMBRES:
        spectrum = np.abs(np.fft.rfft(note(name, 57, RATE, RATE)[:RATE], 4 * RATE))
        harmonic = [spectrum[round(4 * 220 * h) - 6 : round(4 * 220 * h) + 7].max() for h in (1, 2, 3)]
        between = spectrum[4 * 330 - 20 : 4 * 330 + 21].max()
        assert max(harmonic) > 10 * between, name


def test_one_shots_are_finite_peak_at_one_and_fade_out():
    for name, variant in itertools.product(DRUMS, range(4)):
        stroke = drum(name, variant, RATE)
        assert np.abs(stroke).max() == pytest.approx(1, abs=1e-5)
        assert np.abs(stroke[-20:]).max() < 0.02, name


def test_wrong_arguments_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"'tango'.*house"):
        compose("tango", 100, 0, 5, rng)
    with pytest.raises(ValueError, match="tempo 0"):
        compose("house", 0, 0, 5, rng)


def test_a_recomposed_piece_is_the_same_at_another_tempo():
    """The spectrum of a whole piece is closer to its own at another tempo than to any other piece of the style."""

    def spectrum(seed: int, bpm: float) -> np.ndarray:
        wave = recompose("house", bpm, 0.4, 10.0, seed)
        return np.log(np.abs(librosa.stft(wave)).mean(axis=1) + 1e-3)

    slow, fast = ([spectrum(seed, bpm) for seed in range(4)] for bpm in (100.0, 118.0))
    nearest = [min(range(4), key=lambda other: np.abs(spectrum - fast[other]).mean()) for spectrum in slow]
    assert nearest == [0, 1, 2, 3]
    np.testing.assert_array_equal(recompose("house", 118.0, 0.4, 2.0, 1), recompose("house", 118.0, 0.4, 2.0, 1))


def test_composing_draws_everything_from_one_generator():
    """Unlike `recompose`. The bytes of the dataset's music decide whether later stages rerun, and must not change."""
    music = compose("pop", 110.0, 0.2, 4.0, np.random.default_rng(3))
    assert not np.array_equal(music, recompose("pop", 110.0, 0.2, 4.0, 3))
    np.testing.assert_array_equal(music, compose("pop", 110.0, 0.2, 4.0, np.random.default_rng(3)))
