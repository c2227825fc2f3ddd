"""The ten dance styles of the synthetic dataset, and the tempo range of each.

The names are those of AIST++'s ten genres. The tempo ranges are wide and overlap, so that a style does not give away
its tempo. All are within AIST++'s range, 80-135 beats per minute.
"""

import numpy as np

from pace.synthetic.clock import Clock

MAX_DRIFT = 0.06  # of the tempo within a dance

_BPM_RANGES: dict[str, tuple[float, float]] = {
    "break": (90.0, 135.0),
    "pop": (85.0, 120.0),
    "lock": (90.0, 125.0),
    "middle_hip_hop": (80.0, 115.0),
    "la_hip_hop": (85.0, 120.0),
    "house": (100.0, 135.0),
    "waack": (95.0, 135.0),
    "krump": (80.0, 115.0),
    "street_jazz": (85.0, 125.0),
    "ballet_jazz": (80.0, 120.0),
}

STYLES: tuple[str, ...] = tuple(_BPM_RANGES)


def bpm_range(style: str) -> tuple[float, float]:
    """Return the lowest and highest tempo of a style in beats per minute.

    Raises ValueError for an unknown style.
    """
    if style not in _BPM_RANGES:
        raise ValueError(f"unknown dance style {style!r}: choose one of {', '.join(STYLES)}")
    return _BPM_RANGES[style]


def draw_clock(style: str, rng: np.random.Generator) -> Clock:
    """Draw a tempo from the style's range, how far it drifts, and a first beat.

    Time 0 is equally likely anywhere in a bar.
    """
    bpm = rng.uniform(*bpm_range(style))
    return Clock(bpm, rng.uniform(0, 4 * 60 / bpm), rng.uniform(0, MAX_DRIFT), rng.uniform())
