"""The beat clock that a dance and its music share; its tempo may drift."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

CYCLE = 16  # beats after which a drift repeats


@dataclass(frozen=True)
class Clock:
    """Beats are numbered; bars begin where the number is a multiple of 4. Beat numbers may be fractions.

    bpm: the mean tempo. first_beat: seconds, of beat 0 where the tempo does not drift. drift: the largest deviation of
    the tempo from its mean, as a share of it; it rises and falls once in 16 beats. turn: where in that cycle beat 0 is,
    0 to 1.
    """

    bpm: float
    first_beat: float
    drift: float = 0.0
    turn: float = 0.0

    @property
    def period(self) -> float:
        """Mean seconds from beat to beat."""
        return 60 / self.bpm

    def time(self, beat: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Compute the times in seconds of beat numbers (M,), whole or not."""
        numbers = np.asarray(beat, dtype=np.float64)
        late = self.drift * CYCLE / (2 * np.pi) * np.sin(2 * np.pi * (numbers / CYCLE + self.turn))
        return np.asarray(self.first_beat + self.period * (numbers + late))

    def position(self, time: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Compute the beat numbers (M,), fractions of beats included, at times in seconds: the inverse of `time`."""
        times = np.asarray(time, dtype=np.float64)
        if not times.size:
            return times
        first, last = ((edge - self.first_beat) / self.period for edge in (times.min(), times.max()))
        margin = 2 + self.drift * CYCLE
        beats = np.arange(first - margin, last + margin, 1 / 64)
        return np.asarray(np.interp(times, self.time(beats), beats))

    def beats(self, seconds: float) -> npt.NDArray[np.float64]:
        """Return the numbers of the beats with 0 <= time < seconds."""
        margin = 2 + self.drift * CYCLE
        first, last = -self.first_beat / self.period, (seconds - self.first_beat) / self.period
        numbers = np.arange(np.floor(first - margin), np.ceil(last + margin) + 1)
        times = self.time(numbers)
        return np.asarray(numbers[(times >= 0) & (times < seconds)])
