"""Composed music for the synthetic dataset: drums, bass, chords and melody on a dance's clock, answering the dance.

In every beat the slow intensity decides how loud the music is and how many of its strokes are played, and the fast
intensity decides accents and fills. Where the dancer holds still, nothing is struck and what rings is damped.
"""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np

from pace.synthetic.clock import Clock
from pace.synthetic.grooves import DRUMS, GROOVES, PROGRAMS, Groove
from pace.synthetic.intensity import Intensity
from pace.synthetic.piece import LEAD_IN_S, Piece
from pace.synthetic.soundfont import DRUM_CHANNEL, Note, peak
from pace.synthetic.styles import STYLES

STEPS = 16  # per bar of four beats
MAX_HUMAN_S = 0.008  # no stroke is farther than this from its position on the grid
PARTS = 5  # each draws at random: composer, drums, bass, chords, melody
BASS, CHORDS, MELODY = 0, 1, 2  # channels
RANGE_DB = 15.0  # from the loudest slow intensity to the quietest
ACCENT_DB = 3.0  # of a beat with the most fast motion over one with the least
OFFBEAT_DB = -7.0  # of strokes between the beats, against the strongest beat
FULL = 0.25  # peak of a kick of full strength
DRUM_S = 1.0  # a drum's note; its sound ends by itself
# Strokes between the beats join in at a higher slow intensity, by step within the beat.
LATER = (0.0, 0.5, 0.25, 0.5)
CHORD_ENTRY, MELODY_ENTRY = 0.25, 0.5
PULSED = 0.65  # slow intensity from which every sixteenth is struck
ACCENTED, CRASHED = 0.4, 0.7  # fast intensities from which a beat is doubled, and has a crash cymbal
FILLED = (0.35, 0.55, 0.75)  # fast intensities from which a fill has one, two and all strokes

T = TypeVar("T")


def steady(first: int, last: int) -> Intensity:
    """The intensity of music that answers no dance, for beats first to last: lively, with a fill every four bars."""
    beats = np.arange(first, last + 1)
    fast = np.where(beats % 16 == 15, 0.8, 0.3)
    return Intensity(first, np.full(len(beats), 0.8), fast, np.zeros(len(beats), dtype=bool))


@dataclasses.dataclass(frozen=True)
class _Score:
    """Decided once per piece: clock, intensity, key, scale, chords and silent beats."""

    groove: Groove
    clock: Clock
    intensity: Intensity
    key: int
    scale: tuple[int, ...]
    progression: tuple[int, ...]
    silent: frozenset[int]  # numbers of the beats on which nobody plays
    bars: range

    def time(self, bar: int, step: float) -> float:
        """Time of a step, whole or not, on the grid in seconds, with swing; beats are never moved."""
        beat = step / 4
        if step % 4 == 2:
            beat += self.groove.swing8 / 2
        elif step % 2 == 1:
            beat += self.groove.swing16 / 4 + self.groove.swing8 / 4
        return float(self.clock.time(4 * bar + beat))

    def plays(self, bar: int, step: int, entry: float) -> bool:
        """Whether a stroke is played that joins in at the slow intensity `entry`, between the beats later."""
        beat = 4 * bar + step // 4
        slow, _, hold = self.intensity.at(beat)
        return not hold and not (step % 4 == 0 and beat in self.silent) and slow >= entry + LATER[step % 4]

    def gain(self, bar: int, step: float) -> float:
        """Amplitude (0 to 1) of a beat's strokes; the beat itself is accented by the fast intensity."""
        slow, fast, _ = self.intensity.at(4 * bar + int(step // 4))
        accent = ACCENT_DB * (fast - 1) if step % 4 == 0 else OFFBEAT_DB
        return float(10 ** ((RANGE_DB * (slow - 1) + accent) / 20))

    def returns(self, beat: int) -> bool:
        """Whether the music sets in again on this beat after a break."""
        return self.intensity.at(beat - 1)[2] and not self.intensity.at(beat)[2]

    @property
    def breaks(self) -> tuple[float, ...]:
        """Times in seconds at which breaks begin."""
        beats = range(4 * self.bars.start, 4 * self.bars.stop)
        hold = [self.intensity.at(beat)[2] for beat in beats]
        return tuple(
            float(self.clock.time(beat))
            for beat, before, now in zip(beats[1:], hold, hold[1:], strict=False)
            if now and not before
        )

    def pitch(self, degree: int, low: int) -> int:
        """MIDI number of a scale degree; degree 0 is the key note at or above `low`."""
        octave, index = divmod(degree, len(self.scale))
        return low + (self.key - low) % 12 + 12 * octave + self.scale[index]

    def chord(self, bar: int) -> int:
        """Scale degree of a bar's chord."""
        return self.progression[bar % len(self.progression)]


def compose(
    style: str, clock: Clock, seconds: float, rng: np.random.Generator, intensity: Intensity | None = None
) -> Piece:
    """Compose `seconds` of music in a style, which answers the intensity of a dance, or none.

    Beat k is at clock.time(k), and downbeats are where k % 4 == 0. k may be negative: the music is already playing at
    t = 0. Key, chords, patterns, instruments, balance and the players' small inaccuracies (at most 8 ms) are drawn from
    `rng`. Raises ValueError for an unknown style, and for a tempo or length that is not positive.
    """
    return _compose(style, clock, seconds, (rng,) * PARTS, intensity, frozenset())


def recompose(style: str, clock: Clock, seconds: float, seed: int, silent: frozenset[int] = frozenset()) -> Piece:
    """Compose as `compose` does, but the same piece for the same style and seed at any clock and length.

    Key, chords, patterns, instruments and balance stay the same; the players' small inaccuracies may differ.
    silent: numbers of the beats on which neither drums nor notes are struck. Strokes between the beats still sound.
    """
    rngs = tuple(np.random.default_rng((seed, part)) for part in range(PARTS))
    return _compose(style, clock, seconds, rngs, None, silent)


def _compose(
    style: str,
    clock: Clock,
    seconds: float,
    rngs: tuple[np.random.Generator, ...],
    intensity: Intensity | None,
    silent: frozenset[int],
) -> Piece:
    """Write the notes of a piece. rngs: the generators of composer, drums, bass, chords and melody."""
    composer, *players = rngs
    if style not in STYLES:
        raise ValueError(f"unknown dance style {style!r}: choose one of {', '.join(STYLES)}")
    if not (clock.bpm > 0 and seconds > 0):
        raise ValueError(f"tempo {clock.bpm!r} BPM and length {seconds!r} s must be positive")
    groove = GROOVES[style]
    first, last = (float(clock.position(time)) / 4 for time in (-LEAD_IN_S, seconds))
    bars = range(math.floor(first), math.ceil(last))
    score = _Score(
        groove=groove,
        clock=clock,
        intensity=intensity or steady(4 * bars.start, 4 * bars.stop),
        key=int(composer.integers(12)),
        scale=_pick(groove.scales, composer),
        progression=_pick(groove.progressions, composer),
        silent=silent,
        bars=bars,
    )
    drums, bass, chords, melody = (
        _Player(score, level * rng.uniform(0.85, 1.15), rng) for level, rng in zip(groove.levels, players, strict=True)
    )
    programs = (
        (DRUM_CHANNEL, _play_drums(score, drums)),
        (BASS, _play_bass(score, bass)),
        (CHORDS, _play_chords(score, chords)),
        (MELODY, _play_melody(score, melody)),
    )
    notes = [note for player in (drums, bass, chords, melody) for note in player.notes]
    kept = (note for note in notes if -LEAD_IN_S <= note.time < seconds)
    return Piece(clock, seconds, tuple(sorted(kept)), programs, score.breaks)


class _Player:
    """Collects the notes of one part, each slightly off its time and strength."""

    def __init__(self, score: _Score, level: float, rng: np.random.Generator) -> None:
        self.score, self.level, self.rng = score, level, rng
        self.notes: list[Note] = []

    def add(
        self, program: int, channel: int, pitch: int, bar: int, step: float, length: float, strength: float
    ) -> None:
        """Add a note of `length` steps at a step of a bar; strength 1 is the peak of a kick."""
        time = self.score.time(bar, step)
        late = float(np.clip(self.rng.normal(0, 0.0025), -MAX_HUMAN_S, MAX_HUMAN_S))
        drum = channel == DRUM_CHANNEL
        reference = peak(program, pitch if drum else (38 if channel == BASS else 62), drum)
        amplitude = FULL * self.level * strength * self.score.gain(bar, step) * self.rng.uniform(0.9, 1.1)
        velocity = min(max(round(127 * amplitude / reference), 1), 127)
        duration = DRUM_S if drum else 0.9 * (float(self.score.clock.time(4 * bar + (step + length) / 4)) - time)
        self.notes.append(Note(time + late, channel, pitch, velocity, duration))


def _play_drums(score: _Score, player: _Player) -> int:
    """Play the drums, and return their kit."""
    groove, rng = score.groove, player.rng
    pattern = {name: _pick(options, rng) for name, options in groove.drums.items()}
    balance = {name: rng.uniform(0.85, 1.15) for name in DRUMS}
    kit = _pick(groove.kits, rng)

    def strike(name: str, bar: int, step: float, strength: float) -> None:
        drum = DRUMS[name]
        player.add(kit, DRUM_CHANNEL, drum.key, bar, step, 1, balance[name] * drum.level * strength)

    for bar in score.bars:
        for name, symbols in pattern.items():
            for step, symbol in enumerate(symbols):
                if symbol.isdigit() and score.plays(bar, step, DRUMS[name].entry):
                    strike(name, bar, step, (int(symbol) / 9) ** 1.5)
        for step in range(0, STEPS, 4):
            for name, offset, strength in _pulse(score, 4 * bar + step // 4):
                strike(name, bar, step + offset, strength)
            if score.plays(bar, step, 0.0):
                for name, strength in _accents(score, 4 * bar + step // 4):
                    strike(name, bar, step, strength)
            if not score.intensity.at(4 * bar + step // 4)[2]:
                for name, offset, strength in _fill(score, 4 * bar + step // 4):
                    strike(name, bar, step + offset, strength)
    return kit


def _accents(score: _Score, beat: int) -> Iterator[tuple[str, float]]:
    """Drums that double a beat with much fast motion, or the first after a break, and their strengths."""
    _, fast, _ = score.intensity.at(beat)
    if fast >= ACCENTED or score.returns(beat):
        yield "clap", 0.9
        yield "tom_low", 0.5
    if score.returns(beat) or (fast >= CRASHED and (beat % 4 == 0 or score.intensity.at(beat - 1)[1] < CRASHED)):
        yield "crash", 1.0


def _pulse(score: _Score, beat: int) -> Iterator[tuple[str, float, float]]:
    """The strokes between the beats of a dance at its strongest: drum, steps after the beat, strength."""
    slow, fast, hold = score.intensity.at(beat)
    if slow >= PULSED and fast < FILLED[0] and not hold:
        steps = (2.0,) if score.groove.swing8 else (1.0, 2.0, 3.0)
        yield from ((score.groove.pulse, step, 1.4) for step in steps)


def _fill(score: _Score, beat: int) -> Iterator[tuple[str, float, float]]:
    """The strokes of a fill within a beat: drum, steps after the beat, strength. They lead to the next beat."""
    _, fast, _ = score.intensity.at(beat)
    division = score.groove.fill_steps
    count = (0, 1, 2, division - 1)[sum(fast >= least for least in FILLED)]
    for number in range(division - count, division):
        drum = score.groove.fill[number * len(score.groove.fill) // division]
        yield drum, 4 * number / division, 1.4 - 0.3 * number / division


def _play_bass(score: _Score, player: _Player) -> int:
    """Play the bass, and return its program."""
    pattern, program = _pick(score.groove.bass, player.rng), PROGRAMS[_pick(score.groove.bass_programs, player.rng)]
    for bar in score.bars:
        root, following = score.pitch(score.chord(bar), 33), score.pitch(score.chord(bar + 1), 33)
        pitches = {
            "r": root,
            "o": root + 12,
            "5": score.pitch(score.chord(bar) + 4, 33),
            "7": score.pitch(score.chord(bar) + 6, 33) - 12,
            "a": following - 1,
        }
        for step, length, symbol in _held(pattern):
            if score.plays(bar, step, 0.0):
                pitch = pitches[symbol] - 12 * (pitches[symbol] > 50)
                player.add(program, BASS, pitch, bar, step, length, 1.0 if step % 4 == 0 else 0.55)
    return program


def _play_chords(score: _Score, player: _Player) -> int:
    """Play the chords, and return their program."""
    pattern, program = _pick(score.groove.chords, player.rng), PROGRAMS[_pick(score.groove.chord_programs, player.rng)]
    low = int(player.rng.integers(50, 57))
    for bar in score.bars:
        tones = [score.pitch(score.chord(bar) + 2 * i, low) for i in range(score.groove.chord_notes)]
        # Inversions keep the chords within an octave and a half, so that they lead smoothly into each other.
        tones = sorted(tone - 12 * (tone > low + 16) for tone in tones)
        for step, length, symbol in _held(pattern):
            if score.plays(bar, step, CHORD_ENTRY):
                for tone in tones:
                    player.add(program, CHORDS, tone, bar, step, length, int(symbol) / 9 / len(tones) ** 0.5)
    return program


def _play_melody(score: _Score, player: _Player) -> int:
    """Play a motif of one bar, in scale steps above the chord, and an answer to it in every fourth bar.

    Returns the program.
    """
    groove, rng = score.groove, player.rng
    pattern, program = _pick(groove.melody, rng), PROGRAMS[_pick(groove.melody_programs, rng)]
    motifs = []
    for _ in range(2):
        walk = np.cumsum(rng.choice((-2, -1, -1, 1, 1, 2), STEPS))
        motifs.append(np.clip(walk - walk[0] + 2 * rng.integers(3), -2, 7))
    for bar in score.bars:
        motif = motifs[bar % 4 == 3]
        for count, (step, length, symbol) in enumerate(_held(pattern)):
            degree = int(motif[count])
            if step % 8 == 0:  # a chord tone on the strong beats
                degree -= degree % 2
            tone = score.pitch(score.chord(bar) + degree, 52 + 12 * groove.melody_octave)
            tone -= 12 * (tone > 91)
            if score.plays(bar, step, MELODY_ENTRY):
                player.add(program, MELODY, tone, bar, step, length, int(symbol) / 9)
    return program


def _pick(options: Sequence[T], rng: np.random.Generator) -> T:
    return options[int(rng.integers(len(options)))]


def _held(pattern: str) -> list[tuple[int, int, str]]:
    """Split a pattern into notes: (step, length in steps, symbol)."""
    notes = []
    for step, symbol in enumerate(pattern):
        if symbol not in ".-":
            tail = pattern[step + 1 :]
            notes.append((step, 1 + len(tail) - len(tail.lstrip("-")), symbol))
    return notes
