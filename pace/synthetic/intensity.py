"""How strongly a dance moves from beat to beat, which its music answers."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


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
