"""A composed piece: its notes, its sound, and its MIDI file."""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import signal

from pace.clip import SAMPLE_RATE
from pace.synthetic import midi, soundfont
from pace.synthetic.clock import Clock
from pace.synthetic.soundfont import Note

PEAK = 0.9
LEAD_IN_S = 3.0  # notes that began before t = 0 may still ring
ROOM = 0.15  # level of the reverberation
BRIGHT = 1.2  # of sound above 3 kHz, added: the soundfont is duller than recorded music


@dataclass(frozen=True)
class Piece:
    """Music from 0 to `seconds`, with the notes of the LEAD_IN_S before that, which may ring into it.

    programs: (channel, General MIDI program or drum kit) of each part. breaks: times in seconds at which everything
    that rings is damped.
    """

    clock: Clock
    seconds: float
    notes: tuple[Note, ...]
    programs: tuple[tuple[int, int], ...]
    breaks: tuple[float, ...]

    def sound(self, sample_rate: int = SAMPLE_RATE) -> npt.NDArray[np.float32]:
        """Play the piece in a small room: mono float32 (round(seconds * sample_rate),), peak 0.9."""
        dry = soundfont.play(self.notes, dict(self.programs), self.breaks, -LEAD_IN_S, self.seconds, sample_rate)
        mixed = dry + ROOM * signal.fftconvolve(dry, _room(sample_rate))[: len(dry)]
        mixed = mixed + BRIGHT * signal.sosfilt(_high_pass(1, 3000, sample_rate), mixed)
        mixed = signal.sosfilt(_high_pass(2, 30, sample_rate), mixed)
        mixed = mixed[len(mixed) - round(self.seconds * sample_rate) :]
        # As in mastered music, the highest peaks are lowered, by up to 7 dB, and quiet sound keeps its level.
        limited = np.tanh(mixed / (0.45 * np.abs(mixed).max()))
        return np.asarray(limited * (PEAK / np.abs(limited).max()), np.float32)

    def write_midi(self, path: Path) -> None:
        """Write the piece as a MIDI file; see `pace.synthetic.midi`."""
        midi.write_midi(path, self.clock, self.seconds, self.notes, dict(self.programs), self.breaks)


def _high_pass(order: int, hertz: float, sample_rate: int) -> npt.NDArray[np.float64]:
    return np.asarray(signal.butter(order, hertz, "high", fs=sample_rate, output="sos"))


@functools.cache
def _room(sample_rate: int) -> npt.NDArray[np.float64]:
    """The impulse response of a small room, of unit energy: noise that decays by 60 dB in 0.8 s."""
    time = np.arange(round(0.6 * sample_rate)) / sample_rate
    response = np.random.default_rng(0).standard_normal(len(time)) * np.exp(-time / 0.12)
    response[: round(0.01 * sample_rate)] = 0  # the first reflection
    return np.asarray(response / np.linalg.norm(response))
