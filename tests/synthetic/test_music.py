"""The synthetic music: beats on time that a tracker can follow, levels, styles that differ, answers to a dance."""

import dataclasses
import itertools

import librosa
import mir_eval
import numpy as np
import pytest
from helpers.composed import composed, phrases

from pace.audio.mel import filterbank
from pace.evaluation.metrics.onsets import events
from pace.synthetic.clock import Clock
from pace.synthetic.grooves import DRUMS, GROOVES, PROGRAMS
from pace.synthetic.intensity import Intensity
from pace.synthetic.music import MAX_HUMAN_S, compose, recompose
from pace.synthetic.piece import Piece
from pace.synthetic.soundfont import DRUM_CHANNEL
from pace.synthetic.styles import STYLES, bpm_range

pytestmark = pytest.mark.long

RATE = 22050
PIECES = 6  # per style
KICK = DRUMS["kick"].key


def _clock(style: str, number: int, drift: float = 0.0) -> tuple[Clock, np.random.Generator]:
    """A clock whose first beat is anywhere in the first bar, and the generator for the music."""
    rng = np.random.default_rng((11, STYLES.index(style), number))
    bpm = rng.uniform(*bpm_range(style))
    return Clock(bpm, rng.uniform(0, 240 / bpm), drift * rng.uniform(-1, 1), rng.uniform()), rng


@pytest.fixture(scope="module")
def pieces():
    """(style, clock, ten seconds of music that answers no dance) for six pieces of each style."""
    pieces = []
    for style, number in itertools.product(STYLES, range(PIECES)):
        clock, rng = _clock(style, number)
        pieces.append((style, clock, compose(style, clock, 10.0, rng).sound()))
    return pieces


@pytest.fixture(scope="module")
def answers():
    """(style, clock, intensity, ten seconds of music) of dances whose tempo drifts; those with odd numbers hold."""
    answers = []
    for style, number in itertools.product(STYLES, range(3)):
        clock, rng = _clock(style, number, 0.06)
        intensity = phrases(clock, 10.0, rng, holds=number % 2 == 1)
        answers.append((style, clock, intensity, compose(style, clock, 10.0, rng, intensity)))
    return answers


def _beats(clock: Clock, start: float, stop: float) -> np.ndarray:
    beats = clock.time(clock.beats(stop))
    return beats[beats >= start] - start


def test_ten_styles_whose_tempi_overlap():
    assert len(STYLES) == 10 and set(STYLES) == set(GROOVES)
    ranges = [bpm_range(style) for style in STYLES]
    assert all(low >= 80 and high <= 135 and high - low >= 30 for low, high in ranges)
    assert min(high for _, high in ranges) - max(low for low, _ in ranges) >= 15


def test_every_pattern_is_one_bar_of_known_sounds():
    for groove in GROOVES.values():
        bars = [*groove.chords, *groove.melody, *itertools.chain(*groove.drums.values())]
        assert {len(bar) for bar in (*bars, *groove.bass)} == {16}
        assert set("".join(bars)) <= set("0123456789.-") and set("".join(groove.bass)) <= set("ro57a.-")
        assert {*groove.drums, *groove.fill, groove.pulse} <= set(DRUMS)
        assert {*groove.bass_programs, *groove.chord_programs, *groove.melody_programs} <= set(PROGRAMS)


def test_every_beat_of_every_style_is_struck_even_at_the_least_intensity():
    for style in STYLES:
        for seed in range(8):
            clock = Clock(100.0, 0.3)
            quiet = Intensity(0, np.zeros(1), np.zeros(1), np.zeros(1, dtype=bool))
            piece = compose(style, clock, 10.0, np.random.default_rng(seed), quiet)
            drums = np.array([note.time for note in piece.notes if note.channel == DRUM_CHANNEL])
            for beat in _beats(clock, 0, 9.9):
                assert np.abs(drums - beat).min() <= MAX_HUMAN_S, style
            grid = np.abs((clock.position(drums) + 0.5) % 1 - 0.5) * clock.period
            assert grid.max() <= MAX_HUMAN_S  # and nothing between the beats


def test_length_type_peak_and_no_offset(pieces):
    for _, _, wave in pieces:
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
        wave = composed(style, 100.0, 2.3, 5.0, 1)
        # The beat at -0.1 s still rings, and the beats from 0.5 s on are played although beat 0 is at 2.3 s.
        assert wave[: RATE // 10].std() > 1e-3
        assert wave[RATE // 2 : 2 * RATE].std() > 0.3 * wave.std()


def test_same_seed_same_music_other_seed_other_music():
    first, again, other = (composed("lock", 104.0, 0.4, 5.0, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert np.abs(np.corrcoef(first, other)[0, 1]) < 0.5


def test_beats_sound_on_time_within_the_players_inaccuracy():
    """The sound of a drum rises within 5 ms of its note, and its note is within 8 ms of the drifting clock."""
    clock = Clock(118.0, 0.37, 0.06, 0.2)
    piece = compose("house", clock, 10.0, np.random.default_rng(4))
    kicks = [note for note in piece.notes if note.channel == DRUM_CHANNEL and note.pitch == KICK and note.time > 0.1]
    assert len(kicks) >= 18
    for kick in kicks:
        beat = clock.time(np.round(clock.position(kick.time)))
        assert abs(kick.time - beat) <= MAX_HUMAN_S
    alone = dataclasses.replace(piece, notes=tuple(kicks)).sound()
    for kick in kicks[:-1]:
        near = np.abs(alone[round((kick.time - 0.02) * RATE) : round((kick.time + 0.02) * RATE)])
        rise = np.argmax(near > 0.3 * near.max()) / RATE - 0.02
        assert -0.001 <= rise <= 0.005


def test_onsets_are_stronger_on_beats_than_between(pieces):
    for style, group in itertools.groupby(pieces, key=lambda piece: piece[0]):
        ratios = []
        for _, clock, wave in group:
            strength = librosa.onset.onset_strength(y=wave, sr=RATE, aggregate=np.median)
            times = librosa.times_like(strength, sr=RATE)
            phase = (clock.position(times) + 0.5) % 1 - 0.5
            near = np.abs(phase) * clock.period < 0.05
            ratios.append(strength[near].mean() / strength[~near].mean())
        assert np.mean(ratios) > 2, style


def _tracked(wave: np.ndarray, clock: Clock) -> list[float]:
    """Beat F at 70 ms of the two halves of ten seconds."""
    return [
        mir_eval.beat.f_measure(
            _beats(clock, start, start + 5), events(wave[start * RATE : (start + 5) * RATE], RATE).beats, 0.07
        )
        for start in (0, 5)
    ]


def test_a_tracker_that_is_not_told_the_tempo_finds_the_beats(pieces):
    scores = [score for _, clock, wave in pieces[::3] for score in _tracked(wave, clock)]
    print(f"beat F of music that answers no dance: {np.mean(scores):.3f}")
    assert len(scores) == 40
    assert np.mean(scores) >= 0.85


def test_a_tracker_finds_the_beats_of_music_that_answers_a_dance(answers):
    """Bare clicks at the same beats have 0.93: the tracker errs at the ends of a clip."""
    scores = [score for _, clock, _, piece in answers for score in _tracked(piece.sound(), clock)]
    print(f"beat F of music that answers a dance: {np.mean(scores):.3f}")
    assert len(scores) == 60
    assert np.mean(scores) >= 0.88


def _curves(answer: tuple) -> tuple[np.ndarray, ...]:
    """Slow and fast intensity (0 in breaks), loudness and onsets per second, smoothed over 1 s, every 20 ms."""
    _, clock, intensity, piece = answer
    wave = piece.sound()
    frames = wave[: len(wave) // 441 * 441].reshape(-1, 441)
    window = np.hanning(52)[1:-1] / np.hanning(52).sum()

    def smooth(curve: np.ndarray) -> np.ndarray:
        return np.convolve(np.pad(curve, 25, mode="edge"), window, mode="same")[25:-25]

    states = [intensity.at(int(beat)) for beat in np.floor(clock.position(np.arange(len(frames)) / 50))]
    onsets = librosa.onset.onset_detect(y=wave, sr=RATE, units="time")
    struck = np.histogram(onsets, bins=len(frames), range=(0, len(frames) / 50))[0]
    return (
        smooth(np.array([slow * (not hold) for slow, _, hold in states])),
        smooth(np.array([fast * (not hold) for _, fast, hold in states])),
        np.sqrt(smooth((frames**2).mean(axis=1))),
        50 * smooth(struck),
    )


def test_loudness_and_density_follow_the_dance(answers):
    curves = [_curves(answer) for answer in answers]
    loudness = [np.corrcoef(slow, loud)[0, 1] for slow, _, loud, _ in curves]
    density = [np.corrcoef(slow + fast, onsets)[0, 1] for slow, fast, _, onsets in curves]
    strangers = list(zip(curves, curves[5:], strict=False))
    loudness_of_others = [np.corrcoef(slow, loud)[0, 1] for (slow, *_), (*_, loud, _) in strangers]
    density_of_others = [np.corrcoef(slow + fast, onsets)[0, 1] for (slow, fast, *_), (*_, onsets) in strangers]
    own, others = np.mean([loudness, density], axis=1), np.mean([loudness_of_others, density_of_others], axis=1)
    print(f"loudness with slow, onsets with slow + fast, own: {own.round(2)}, of other dances: {others.round(2)}")
    assert own[0] >= 0.8 and own[1] >= 0.3
    assert others[0] < 0.3 and others[1] < 0.15


def _constant(slow: float, fast: float) -> Intensity:
    return Intensity(0, np.full(1, slow), np.full(1, fast), np.zeros(1, dtype=bool))


def test_slow_intensity_makes_each_style_louder_and_denser_fast_adds_fills_and_accents():
    for style in STYLES:
        pieces = {
            (slow, fast): compose(style, Clock(100.0, 0.3), 10.0, np.random.default_rng(2), _constant(slow, fast))
            for slow, fast in ((0.0, 0.0), (0.5, 0.0), (1.0, 0.0), (0.5, 1.0))
        }
        counts = {key: len(piece.notes) for key, piece in pieces.items()}
        assert 1.4 * counts[0.0, 0.0] < counts[0.5, 0.0] < counts[1.0, 0.0] / 1.1, style
        assert counts[1.0, 0.0] > 2 * counts[0.0, 0.0], style
        assert counts[0.5, 1.0] - counts[0.5, 0.0] > 60, style  # at least three strokes in each of twenty beats
        kicks = [
            np.mean([note.velocity for note in pieces[slow, 0.0].notes if note.channel == DRUM_CHANNEL])
            for slow in (0.0, 1.0)
        ]
        assert 20 * np.log10(kicks[1] / kicks[0]) > 5, style
        # One second of each in one clip, so that both are scaled alike.
        beats = np.arange(-8, 24)
        both = Intensity(-8, np.where(beats < 8, 0.0, 1.0), np.zeros(32), np.zeros(32, dtype=bool))
        wave = compose(style, Clock(100.0, 0.0), 9.6, np.random.default_rng(2), both).sound()
        quiet, loud = wave[: round(4.7 * RATE)].std(), wave[round(4.9 * RATE) :].std()
        assert 20 * np.log10(loud / quiet) >= 12, style


def test_the_music_breaks_where_the_dancer_holds_and_returns_with_an_accent():
    for style in STYLES:
        beats = np.arange(-8, 24)
        held = (beats == 8) | (beats == 9)
        intensity = Intensity(-8, np.full(32, 0.8), np.full(32, 0.2), held)
        clock = Clock(100.0, 0.0)
        piece = compose(style, clock, 9.6, np.random.default_rng(3), intensity)
        start, stop = clock.time(8), clock.time(10)
        times = np.array([note.time for note in piece.notes])
        assert not ((times > start + MAX_HUMAN_S) & (times < stop - MAX_HUMAN_S)).any()
        assert piece.breaks == (pytest.approx(float(start)),)
        wave = piece.sound()
        silence = wave[round((start + 0.4) * RATE) : round((stop - 0.02) * RATE)].std()
        assert 20 * np.log10(silence / wave.std()) < -30, style
        returning = [note for note in piece.notes if abs(note.time - stop) <= MAX_HUMAN_S]
        assert any(note.pitch == DRUMS["crash"].key and note.channel == DRUM_CHANNEL for note in returning)


def _profile(clock: Clock, wave: np.ndarray) -> np.ndarray:
    """Distribution of the onsets of three bands over the sixteen steps of a bar, and the mean spectrum."""
    spectrum = np.abs(librosa.stft(wave, n_fft=1024, hop_length=220)) ** 2
    mel = np.log(librosa.filters.mel(sr=RATE, n_fft=1024, n_mels=32) @ spectrum + 1e-3)
    flux = np.maximum(np.diff(mel, axis=1), 0)
    step = np.floor(4 * clock.position(np.arange(1, mel.shape[1]) * 220 / RATE) + 0.5).astype(int) % 16
    folded = [[band[:, step == s].mean() for s in range(16)] for band in np.split(flux, (8, 24))]
    folded = np.array(folded) / np.mean(folded, axis=1, keepdims=True)
    return np.concatenate([folded.ravel(), mel.mean(1) - mel.mean()])


def test_styles_can_be_told_apart_by_ear(pieces):
    profiles = np.array([_profile(clock, wave) for _, clock, wave in pieces])
    profiles = (profiles - profiles.mean(0)) / profiles.std(0)
    style = np.repeat(np.arange(len(STYLES)), PIECES)
    correct = np.zeros(len(STYLES))
    for held_out in range(len(profiles)):
        rest = np.arange(len(profiles)) != held_out
        centres = [profiles[rest & (style == s)].mean(0) for s in range(len(STYLES))]
        nearest = np.linalg.norm(centres - profiles[held_out], axis=1).argmin()
        correct[style[held_out]] += nearest == style[held_out]
    print(f"recognised: {correct.sum() / len(profiles):.2f}", dict(zip(STYLES, correct, strict=True)))
    assert correct.sum() / len(profiles) > 0.7  # chance is 0.1
    assert (correct >= PIECES / 2).sum() >= 8


def test_wrong_arguments_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"'tango'.*house"):
        compose("tango", Clock(100, 0), 5, rng)
    with pytest.raises(ValueError, match="tempo 0"):
        compose("house", Clock(0, 0), 5, rng)


def _struck(piece: Piece, first: int, last: int) -> list[tuple[int, bool, int, int]]:
    """The notes from beat `first` to before `last`: number of the beat, whether on it, channel and pitch."""
    struck = []
    for note in piece.notes:
        beat, after = divmod(float(piece.clock.position(note.time)) + 0.03, 1)
        if first <= beat < last:
            struck.append((int(beat), after < 0.06, note.channel, note.pitch))
    return sorted(struck)


def test_a_recomposed_piece_is_the_same_at_another_tempo():
    for style in STYLES:
        slow, fast = (recompose(style, Clock(bpm, 0.4), 10.0, 3) for bpm in (90.0, 97.0))
        assert slow.programs == fast.programs
        assert _struck(slow, 0, 12) == _struck(fast, 0, 12)
        assert _struck(slow, 0, 12) != _struck(recompose(style, Clock(90.0, 0.4), 10.0, 4), 0, 12)
        assert slow == recompose(style, Clock(90.0, 0.4), 10.0, 3)


def test_on_silent_beats_nothing_is_struck_between_them_the_music_goes_on():
    clock = Clock(100.0, 0.3)
    whole, without = (recompose("lock", clock, 6.0, 1, silent) for silent in (frozenset(), frozenset({4, 5})))
    assert not [note for note in _struck(without, 4, 6) if note[1]]
    assert _struck(without, 0, 9) == [note for note in _struck(whole, 0, 9) if not (note[1] and note[0] in (4, 5))]
    assert len(_struck(whole, 0, 9)) - len(_struck(without, 0, 9)) > 6


def test_composing_draws_everything_from_one_generator():
    """Unlike `recompose`. The bytes of the dataset's music decide whether later stages rerun, and must not change."""
    piece = compose("pop", Clock(110.0, 0.2), 4.0, np.random.default_rng(3))
    assert piece != recompose("pop", Clock(110.0, 0.2), 4.0, 3)
    assert piece == compose("pop", Clock(110.0, 0.2), 4.0, np.random.default_rng(3))
