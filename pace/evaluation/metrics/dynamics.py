"""How far the loudness and the density of music follow those of the true music over time.

The curves are those of the paper's figure 3 (RMS and onsets over time), smoothed over about a second, so that neither
follows single beats:

- loudness: the mean square under a Gaussian window of 1 s (width at half height), in dB. Loudness meters measure so
  over 0.4 and 3 s (EBU Tech 3341, without its frequency weighting). Below -40 dB of the loudest block it is -40 dB.
- density: onsets per second under the same window.

Each score is the Pearson correlation of the two curves: 1 for curves of the same shape, 0 by chance. Neither the level
of the music nor the number of its onsets counts.

They are compared between the first and the last sound of the true music, without 0.75 s at either end. Silence before
the first note would otherwise correlate with that of any other piece. Near the ends, where part of the window has
nothing to cover, a curve is the mean over the rest and would follow the beat again. docs/evaluation.md has the
measurements.
"""

import functools
import math

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from pace.clip import SAMPLE_RATE
from pace.evaluation.metrics.onsets import BLOCK, Events
from pace.evaluation.metrics.rhythm import STRICT

DYNAMICS = "dynamics"  # the key of these scores, next to the protocols of `rhythm`
LOUDNESS, DENSITY = "loudness", "density"
WINDOW = 1.0  # seconds: width at half height
FLOOR = 1e-4  # of the loudest block's power: -40 dB
MARGIN = 0.75  # seconds at either end that are not compared
SHORTEST_SOUND = 3.5  # seconds of sound that the true music has at least
# Smaller changes are none: differences in level of 0.5 dB are hardly audible, and the curves of regular clicks vary by
# less than this. What is left of them depends on where the beat meets the clip's ends.
SMALLEST_CHANGE = {LOUDNESS: 0.5, DENSITY: 0.25}  # dB, onsets per second

BLOCK_SECONDS = BLOCK / SAMPLE_RATE
MARGIN_BLOCKS = round(MARGIN / BLOCK_SECONDS)
ONSET_BLOCKS = 3  # an onset is heard up to so many blocks beside the sound that makes it
SIGMA = WINDOW / math.sqrt(8 * math.log(2)) / BLOCK_SECONDS  # blocks

Curve = npt.NDArray[np.float64]


def compare(reference: Events, generated: Events) -> dict[str, float]:
    """Correlations `loudness` and `density` of music with its reference, in [-1,1].

    The music is compared over the reference's length; where it is shorter, it is silent. A score is missing (NaN) where
    either curve does not change (as of silence), and both are where the reference sounds for less than 3.5 s.
    """
    first, end = sounding(reference.power)
    if (end - first) * BLOCK_SECONDS < SHORTEST_SOUND:
        return {LOUDNESS: math.nan, DENSITY: math.nan}
    true, made = (curves_of(events, first, end) for events in (reference, generated))
    inner = slice(MARGIN_BLOCKS, -MARGIN_BLOCKS)
    return {name: correlation(true[name][inner], made[name][inner], least) for name, least in SMALLEST_CHANGE.items()}


def sounding(power: Curve) -> tuple[int, int]:
    """The first block of a power curve (n,) that is not below -40 dB of the loudest, and the one after the last."""
    blocks = np.flatnonzero(power > FLOOR * power.max()) if power.size else np.zeros(0, int)
    return (int(blocks[0]), int(blocks[-1]) + 1) if blocks.size else (0, 0)


def curves_of(events: Events, first: int, end: int) -> dict[str, Curve]:
    """The curves `loudness` in dB and `density` in onsets per second (end - first,), of blocks `first` to `end`."""
    power = events.power[first:end]
    power = np.pad(power, (0, end - first - len(power)))
    decibels = 10 * np.log10(np.maximum(smooth(power), max(FLOOR * power.max(), np.finfo(float).tiny)))
    index = np.floor(events.onsets[STRICT] / BLOCK_SECONDS).astype(int) - first
    index = index[(index >= -ONSET_BLOCKS) & (index < end - first + ONSET_BLOCKS)]
    counts = np.bincount(np.clip(index, 0, end - first - 1), minlength=end - first)
    return {LOUDNESS: decibels, DENSITY: smooth(counts / BLOCK_SECONDS)}


def smooth(values: Curve) -> Curve:
    """A curve (n,) of blocks under the Gaussian window, which is cut at both ends."""
    curve: Curve = ndimage.gaussian_filter1d(values, SIGMA, mode="constant") / _mass(len(values))
    return curve


@functools.lru_cache(maxsize=8)
def _mass(blocks: int) -> Curve:
    """The part of the window that is inside a curve, at each of its blocks."""
    mass: Curve = ndimage.gaussian_filter1d(np.ones(blocks), SIGMA, mode="constant")
    return mass


def correlation(first: Curve, second: Curve, smallest: float) -> float:
    """Pearson correlation of two curves (n,); NaN where either changes by less than `smallest`."""
    if min(np.ptp(first), np.ptp(second)) < smallest:
        return math.nan
    first, second = first - first.mean(), second - second.mean()
    return float(np.clip(first @ second / np.sqrt(first @ first * (second @ second)), -1, 1))
