"""How strongly a dance moves from beat to beat, which its music answers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pace.motion.energy import EnergyParams, energies
from pace.synthetic.body import Motion
from pace.synthetic.clock import Clock
from pace.synthetic.phrases import Phrase

ENERGY = EnergyParams(smooth_hz=6.0, split_hz=1.2, order=2, masses="winter", root="keep")


@dataclass(frozen=True)
class Intensity:
    """The strength of a dance in each of B beats, the first of which has the number `first`.

    slow, fast (B,): of the slow and the fast motion from this beat to the next, 0 (the least of the dance) to 1 (the
    most). hold (B,) bool: the dancer stands still from this beat to the next.
    """

    first: int
    slow: npt.NDArray[np.float64]
    fast: npt.NDArray[np.float64]
    hold: npt.NDArray[np.bool_]

    def at(self, beat: int) -> tuple[float, float, bool]:
        """Slow, fast and hold in a beat; before the first and after the last those of that one."""
        index = min(max(beat - self.first, 0), len(self.slow) - 1)
        return float(self.slow[index]), float(self.fast[index]), bool(self.hold[index])


def measure(motion: Motion, clock: Clock, phrases: Sequence[Phrase]) -> Intensity:
    """Measure a motion: the speeds (roots of the energies) of the parts, each relative to its mean, in each beat."""
    frames = len(motion.joints)
    beats = np.arange(int(clock.position(0.0)), int(clock.position((frames - 1) / motion.fps)) + 1)
    inside = np.floor(clock.position(np.arange(frames) / motion.fps)).astype(int)
    held = {beat for phrase in phrases for beat in range(phrase.end - phrase.hold, phrase.end)}
    hold = np.array([beat in held for beat in beats])
    levels = []
    for energy in energies(motion.joints, motion.fps, ENERGY):
        speed = np.sqrt(energy)
        whole = (speed / speed.mean(axis=0)).mean(axis=1)
        level = np.array([whole[inside == beat].mean() if (inside == beat).any() else np.nan for beat in beats])
        level = np.where(np.isnan(level), np.nanmean(level), level)
        low, high = np.percentile(level, [5, 95])
        levels.append(np.clip((level - low) / max(high - low, 1e-9), 0, 1))
    return Intensity(int(beats[0]), levels[0], levels[1], hold)
