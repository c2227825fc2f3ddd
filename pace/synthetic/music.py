"""Procedurally composed music for the synthetic dataset: drums, bass, chords and melody on one exact beat clock."""

import dataclasses
import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from scipy import signal

from pace.clip import SAMPLE_RATE
from pace.synthetic.grooves import GROOVES, Groove
from pace.synthetic.instruments import VARIANTS, drum, note
from pace.synthetic.styles import STYLES

STEPS = 16  # per bar of four beats
PEAK = 0.9
MAX_HUMAN_S = 0.008  # no stroke is farther than this from its position on the grid
PERFORMERS = 6  # each draws at random: composer, drums, bass, chords, melody, mix
LEAD_IN_S = 3.0  # sounds that began before t = 0 may still ring

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class _Piece:
    """Decided once per piece: clock, key, scale, chords and silent beats."""

    groove: Groove
    beat_s: float
    first_beat: float
    key: int
    scale: tuple[int, ...]
    progression: tuple[int, ...]
    rate: int
    silent: frozenset[int]  # numbers of the beats on which nobody plays

    def played(self, bar: int, step: int) -> bool:
        """Whether a stroke at this step sounds, which is everywhere except on a silent beat."""
        return step % 4 > 0 or 4 * bar + step // 4 not in self.silent

    def step_time(self, bar: int, step: int) -> float:
        """Time of a step on the grid in seconds, with swing; beats are never moved."""
        beat = step / 4
        if step % 4 == 2:
            beat += self.groove.swing8 / 2
        elif step % 2:
            beat += self.groove.swing16 / 4 + self.groove.swing8 / 4
        return self.first_beat + self.beat_s * (4 * bar + beat)

    def pitch(self, degree: int, low: int) -> int:
        """MIDI number of a scale degree; degree 0 is the key note at or above `low`."""
        octave, index = divmod(degree, len(self.scale))
        return low + (self.key - low) % 12 + 12 * octave + self.scale[index]

    def chord(self, bar: int) -> int:
        """Scale degree of a bar's chord."""
        return self.progression[bar % len(self.progression)]


def compose(
    style: str, bpm: float, first_beat: float, seconds: float, rng: np.random.Generator, sample_rate: int = SAMPLE_RATE
) -> np.ndarray:
    """Compose music in a style: mono float32 (round(seconds * sample_rate),), peak 0.9.

    Beat k is at first_beat + 60/bpm * k seconds, and downbeats are where k % 4 == 0. k may be negative: the music is
    already playing at t = 0. Key, chords, patterns, timbres, mix and the players' small inaccuracies (at most 8 ms) are
    drawn from `rng`. Raises ValueError for an unknown style, and for a tempo or length that is not positive.
    """
    return _perform(style, bpm, first_beat, seconds, (rng,) * PERFORMERS, sample_rate, frozenset())


def recompose(
    style: str,
    bpm: float,
    first_beat: float,
    seconds: float,
    seed: int,
    sample_rate: int = SAMPLE_RATE,
    silent: frozenset[int] = frozenset(),
) -> np.ndarray:
    """Compose as `compose` does, but the same piece for the same style and seed at any tempo, first beat and length.

    Key, chords, patterns, timbres and mix stay the same; the players' small inaccuracies may differ.
    silent: numbers of the beats on which neither drums nor notes are struck. Strokes between the beats still sound.
    """
    rngs = tuple(np.random.default_rng((seed, part)) for part in range(PERFORMERS))
    return _perform(style, bpm, first_beat, seconds, rngs, sample_rate, silent)


def _perform(
    style: str,
    bpm: float,
    first_beat: float,
    seconds: float,
    rngs: tuple[np.random.Generator, ...],
    sample_rate: int,
    silent: frozenset[int],
) -> np.ndarray:
    """Play a piece. rngs: the generators of composer, drums, bass, chords, melody and mix."""
    composer, *players, mixer = rngs
    if style not in STYLES:
        raise ValueError(f"unknown dance style {style!r}: choose one of {', '.join(STYLES)}")
    if not (bpm > 0 and seconds > 0):
        raise ValueError(f"tempo {bpm!r} BPM and length {seconds!r} s must be positive")
    groove = GROOVES[style]
    piece = _Piece(
        groove=groove,
        beat_s=60 / bpm,
        first_beat=first_beat,
        key=int(composer.integers(12)),
        scale=_pick(groove.scales, composer),
        progression=_pick(groove.progressions, composer),
        rate=sample_rate,
        silent=silent,
    )
    bar_s = 4 * piece.beat_s
    bars = range(math.floor((-LEAD_IN_S - first_beat) / bar_s), math.ceil((seconds - first_beat) / bar_s))
    parts = [_Track(seconds, sample_rate, player) for player in players]
    drums, bass, chords, melody = parts
    kicks = _play_drums(piece, bars, drums, drums.rng)
    _play_bass(piece, bars, bass, bass.rng)
    _play_chords(piece, bars, chords, chords.rng)
    _play_melody(piece, bars, melody, melody.rng)
    return _mix(piece, [part.samples for part in parts], kicks, mixer)


class _Track:
    """A buffer from -LEAD_IN_S to `seconds`, to which strokes are added slightly off their time and strength."""

    def __init__(self, seconds: float, rate: int, rng: np.random.Generator) -> None:
        self.samples = np.zeros(round(LEAD_IN_S * rate) + round(seconds * rate), np.float32)
        self.rate, self.rng = rate, rng

    def add(self, time: float, stroke: np.ndarray, strength: float) -> None:
        """Add a stroke (S,) at a time in seconds."""
        late = float(np.clip(self.rng.normal(0, 0.0025), -MAX_HUMAN_S, MAX_HUMAN_S))
        start = round((LEAD_IN_S + time + late) * self.rate)
        skip = max(-start, 0)
        stop = min(start + len(stroke), len(self.samples))
        if start + skip < stop:
            gain = strength * self.rng.uniform(0.9, 1.1)
            self.samples[start + skip : stop] += gain * stroke[skip : stop - start]


def _play_drums(piece: _Piece, bars: range, track: _Track, rng: np.random.Generator) -> list[float]:
    """Play the drums, and return the times of the strong kicks."""
    kit = {name: _pick(patterns, rng) for name, patterns in piece.groove.drums.items()}
    fill = _pick(piece.groove.fills, rng)
    tuning = {name: int(rng.integers(VARIANTS)) for name in (*kit, *fill, "crash")}
    balance = {name: rng.uniform(0.85, 1.15) for name in tuning}
    kicks = []
    for bar in bars:
        played = kit | {name: _merge(kit.get(name), fill[name]) for name in fill} if bar % 4 == 3 else dict(kit)
        if bar % 4 == 0 and "ride" not in kit:
            played["crash"] = "3" + "." * (STEPS - 1)
        for name, pattern in played.items():
            stroke = drum(name, tuning[name], piece.rate)
            for step, symbol in enumerate(pattern):
                if symbol.isdigit():
                    time = piece.step_time(bar, step)
                    track.add(time, stroke, piece.played(bar, step) * balance[name] * (int(symbol) / 9) ** 1.5)
                    if name.startswith("kick") and symbol >= "5" and piece.played(bar, step):
                        kicks.append(time)
    return kicks


def _play_bass(piece: _Piece, bars: range, track: _Track, rng: np.random.Generator) -> None:
    pattern, timbre = _pick(piece.groove.bass, rng), _pick(piece.groove.bass_timbres, rng)
    for bar in bars:
        root, following = piece.pitch(piece.chord(bar), 33), piece.pitch(piece.chord(bar + 1), 33)
        pitches = {
            "r": root,
            "o": root + 12,
            "5": piece.pitch(piece.chord(bar) + 4, 33),
            "7": piece.pitch(piece.chord(bar) + 6, 33) - 12,
            "a": following - 1,
        }
        for step, length, symbol in _held(pattern):
            accent = 1.0 if step % 4 == 0 else 0.55
            _play(piece, track, timbre, pitches[symbol] - 12 * (pitches[symbol] > 50), bar, step, length, accent)


def _play_chords(piece: _Piece, bars: range, track: _Track, rng: np.random.Generator) -> None:
    pattern, timbre = _pick(piece.groove.chords, rng), _pick(piece.groove.chord_timbres, rng)
    low = int(rng.integers(50, 57))
    for bar in bars:
        tones = [piece.pitch(piece.chord(bar) + 2 * i, low) for i in range(piece.groove.chord_notes)]
        # Inversions keep the chords within an octave and a half, so that they lead smoothly into each other.
        tones = sorted(tone - 12 * (tone > low + 16) for tone in tones)
        for step, length, symbol in _held(pattern):
            for tone in tones:
                _play(piece, track, timbre, tone, bar, step, length, int(symbol) / 9 / len(tones) ** 0.5)


def _play_melody(piece: _Piece, bars: range, track: _Track, rng: np.random.Generator) -> None:
    """Play a motif of one bar, in scale steps above the chord, and an answer to it in every fourth bar."""
    pattern, timbre = _pick(piece.groove.melody, rng), _pick(piece.groove.melody_timbres, rng)
    motifs = []
    for _ in range(2):
        walk = np.cumsum(rng.choice((-2, -1, -1, 1, 1, 2), STEPS))
        motifs.append(np.clip(walk - walk[0] + 2 * rng.integers(3), -2, 7))
    for bar in bars:
        motif = motifs[bar % 4 == 3]
        for count, (step, length, symbol) in enumerate(_held(pattern)):
            degree = int(motif[count])
            if step % 8 == 0:  # a chord tone on the strong beats
                degree -= degree % 2
            tone = piece.pitch(piece.chord(bar) + degree, 52 + 12 * piece.groove.melody_octave)
            tone -= 12 * (tone > 91)
            _play(piece, track, timbre, tone, bar, step, length, int(symbol) / 9)


def _play(
    piece: _Piece, track: _Track, timbre: str, midi: int, bar: int, step: int, length: int, strength: float
) -> None:
    held = round(0.9 * length * piece.beat_s / 4 * piece.rate)
    track.add(piece.step_time(bar, step), note(timbre, midi, held, piece.rate), piece.played(bar, step) * strength)


def _mix(piece: _Piece, parts: list[np.ndarray], kicks: list[float], rng: np.random.Generator) -> np.ndarray:
    """Balance the parts, duck under the kick, add a room, high-pass at 30 Hz, cut the lead-in and limit the peaks."""
    rate, groove = piece.rate, piece.groove
    gains = [level * rng.uniform(0.85, 1.15) for level in groove.levels]
    drums, bass, chords, melody = (gain * part for gain, part in zip(gains, parts, strict=True))
    pitched = chords + melody
    if groove.pump:
        since = np.full(len(pitched), np.inf)
        t = np.arange(len(pitched)) / rate - LEAD_IN_S
        for kick in sorted(kicks):
            since = np.where(t >= kick, t - kick, since)
        pitched = pitched * (1 - groove.pump * np.exp(-since / 0.12))
    length = int(0.5 * rate)
    room = rng.standard_normal(length) * np.exp(-np.arange(length) / (0.12 * rate))
    wet = signal.fftconvolve(pitched + 0.4 * drums, room / np.linalg.norm(room))[: len(pitched)]
    mixed = drums + bass + pitched + groove.room * wet
    mixed = signal.sosfilt(signal.butter(2, 30, "high", fs=rate, output="sos"), mixed)[round(LEAD_IN_S * rate) :]
    limited = np.tanh(mixed / (0.8 * np.abs(mixed).max()))
    music: np.ndarray = (limited * (PEAK / np.abs(limited).max())).astype(np.float32)
    return music


def _pick(options: Sequence[T], rng: np.random.Generator) -> T:
    return options[int(rng.integers(len(options)))]


def _merge(pattern: str | None, fill: str) -> str:
    """Lay a fill over a pattern: the fill's strokes replace the pattern's."""
    return "".join(new if new != "." else old for new, old in zip(fill, pattern or "." * STEPS, strict=True))


def _held(pattern: str) -> list[tuple[int, int, str]]:
    """Split a pattern into notes: (step, length in steps, symbol)."""
    notes = []
    for step, symbol in enumerate(pattern):
        if symbol not in ".-":
            tail = pattern[step + 1 :]
            notes.append((step, 1 + len(tail) - len(tail.lstrip("-")), symbol))
    return notes
