"""The clock of a dance: one tempo and one phase, searched on its fast energies alone, without learning.

A dancer moves on the beat: the body is fast around it and still afterwards. The clock is the tempo and phase at which
the fast energy falls most. Music that is no better than a click at each of them (the row `clock`) shows nothing
that the energies do not give away.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from pace.evaluation.metrics.beat_alignment import read_pose
from pace.motion.energy import EnergyParams, energies
from pace.pose.skeleton import H36M

SLOWEST, FASTEST = 60.0, 200.0  # BPM
COMMON_BPM, SPREAD = 120.0, 0.8  # the tempo that is likeliest a priori, and the standard deviation of it in octaves
FALL = 0.1  # seconds before and after a beat between which the energy falls
# Seconds from the steepest fall to the beat: the best on the training dances of the synthetic dataset.
ARRIVAL = -0.18
FINENESS = 16  # tempi per cycle over the whole track
PHASES = np.arange(64) / 64  # of a beat


@dataclasses.dataclass(frozen=True)
class Clock:
    """Beats at `first`, in seconds from the start of a clip, and at each multiple of 60 / `bpm` before and after."""

    bpm: float
    first: float

    @property
    def period(self) -> float:
        """Seconds from beat to beat."""
        return 60 / self.bpm

    def beats(self, seconds: float) -> npt.NDArray[np.float64]:
        """The beats (B,) in [0, seconds)."""
        times = np.arange(self.first % self.period, seconds, self.period)
        return times[times < seconds]

    def nearest_beat(self, time: float) -> float:
        """The beat that is nearest to a time, both in seconds."""
        return self.first + self.period * round((time - self.first) / self.period)


def find_clock(fast: npt.NDArray[np.floating], fps: float, arrival: float = ARRIVAL) -> Clock | None:
    """The clock of a clip's fast energies (N,K), K of any parts; None for a body that stands still.

    arrival: seconds from the steepest fall to the beat.

    Each part's speed (the root of its energy) counts relative to its mean. The fall of their sum over 0.2 s is compared
    with a pulse of two harmonics at all tempi and phases, times a log-normal prior of the tempo.
    """
    speed = np.sqrt(np.asarray(fast, dtype=np.float64))
    moving = speed[:, speed.mean(axis=0) > 0] if len(speed) else speed
    if not moving.size:
        return None
    whole = (moving / moving.mean(axis=0)).mean(axis=1)
    times = np.arange(len(whole)) / fps
    fall = np.interp(times - FALL, times, whole) - np.interp(times + FALL, times, whole)
    if not fall.any():
        return None
    padded = FINENESS * len(fall)
    spectrum = np.fft.rfft(fall, padded)
    step = fps / padded  # Hz
    tempi = np.arange(int(np.ceil(SLOWEST / 60 / step)), min(int(FASTEST / 60 / step), (len(spectrum) - 1) // 2) + 1)
    turn = np.exp(2j * np.pi * PHASES)
    pulse = np.outer(spectrum[tempi], turn).real + np.outer(spectrum[2 * tempi], turn**2).real
    prior = np.exp(-0.5 * (np.log2(60 * step * tempi / COMMON_BPM) / SPREAD) ** 2)
    best, phase = np.unravel_index(np.argmax(pulse * prior[:, None]), pulse.shape)
    bpm = 60 * step * float(tempi[best])
    return Clock(bpm, (float(PHASES[phase]) * 60 / bpm + arrival) % (60 / bpm))


def read_clocks(path: Path, spans: Sequence[tuple[float, float]], params: EnergyParams) -> list[Clock | None]:
    """The clocks of the spans (start, end), in seconds, of a pose file, each from the span's start.

    The energies are those of the pipeline, and so of the whole track. None where the file does not exist or has not the
    17 joints of data/pose3d, where a span has NaN or infinity over more than 0.25 s, and for a body that stands still.
    Raises ValueError, naming the file, for one that is not a pose.
    """
    if not path.is_file():
        return [None] * len(spans)
    pose, fps, seen, _, long_gaps = read_pose(path)
    if pose.shape[1:] != (len(H36M), 3):
        return [None] * len(spans)
    try:
        _, fast = energies(pose, fps, params, seen)
    except ValueError:  # too short, or a frame rate that is too low: as for motion beats, which say so
        return [None] * len(spans)
    times = np.arange(len(pose)) / fps
    pieces = [(times >= start) & (times < end) for start, end in spans]
    return [None if long_gaps[piece].any() else find_clock(fast[piece], fps) for piece in pieces]


Piece = TypeVar("Piece")


@dataclasses.dataclass(frozen=True)
class Timed(Generic[Piece]):
    """A piece of music, and the clock of the dance to it, from the piece's start."""

    clock: Clock
    piece: Piece


def nearest(clock: Clock, music: Sequence[Timed[Piece]]) -> Timed[Piece] | None:
    """The music whose clock has the nearest tempo, in octaves; None where there is no music."""
    return min(music, key=lambda timed: abs(np.log2(timed.clock.bpm / clock.bpm)), default=None)


def start_in_phase(clock: Clock, other: Clock, seconds: float, earliest: float, latest: float) -> float:
    """Where music of the clock `other` starts, in seconds from its piece's start, to be in phase with a clip.

    Both beat together in the middle of the clip's `seconds`, so that different tempi part least. Of the starts that
    are, the one nearest to 0 of those from `earliest` to `latest`, if there is one.
    """
    middle = seconds / 2
    start = other.nearest_beat(middle) - clock.nearest_beat(middle)
    starts = start + other.period * np.arange(-4, 5)
    inside = starts[(starts >= earliest) & (starts <= latest)]
    return float(min(inside if len(inside) else starts, key=abs))
