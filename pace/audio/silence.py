"""The one definition of silence: what flags, onsets, scores and embeddings call silent."""

from typing import Any

import numpy as np
import numpy.typing as npt

THRESHOLD = 1e-4  # of full scale, -80 dB: three steps of a 16-bit file; dither alone is one


def is_silent(wave: npt.NDArray[Any]) -> bool:
    """Whether no sample of a wave (S,) lies further than -80 dB of full scale from the wave's median.

    A constant wave is silent at any level, and so is an empty one. NaN and infinity do not count.
    """
    finite = np.asarray(wave)[np.isfinite(wave)]
    return not finite.size or float(np.abs(finite - np.median(finite)).max()) < THRESHOLD
