"""How late a system's music is by a constant: the delay of an encoder, a decoder or a recording chain.

An encoder delays music by 10 to 50 ms, and a file without an edit list does not say so. Every clip of the system is
then late by the same time, and strict metrics fall although the music fits. This is measured from onsets, found alike
in both kinds of music, so that the detector's own delay cancels.

1. The agreement curve of a clip: how many pairs of a reference onset and a generated one are `lag` apart, for each lag
   from -0.3 to 0.3 s. The peak of the mean curve over all clips is the lag. A regular rhythm agrees with itself at
   many lags, so small ones are preferred.
2. Onsets are matched one-to-one at that lag, and their mean difference makes it finer than a frame of the detector
   (23 ms).
3. It is a lateness of the system only where the music corresponds and the clips agree; else there is none. The
   thresholds were chosen on composed music (docs/development.md).
"""

import dataclasses
from collections.abc import Sequence

import mir_eval
import numpy as np
import numpy.typing as npt

from pace.evaluation.metrics import bootstrap
from pace.evaluation.metrics.jackknife import MIN_SOURCES

Times = npt.NDArray[np.float64]

LAGS = np.arange(-60, 61) * 0.005  # seconds
WIDTH = 0.035  # seconds: pairs this far from a lag do not count for it; above a frame of the onset detector
PREFERENCE = 1 - 0.2 * np.abs(LAGS) / LAGS[-1]  # for small lags
WINDOW = 0.05  # seconds, of the one-to-one matching
SMALLEST = 0.018  # seconds: noise and reverberation make onsets be heard up to 15 ms late; encoders delay by 21 or more
FEWEST = 4  # onsets that a clip needs on either side to have a lag
PEAK = 3.5  # the mean curve at its peak, in medians of the curve: random music has up to 2.5
AGREEING = 0.8  # share of the clips whose own lag is that of all
NEAR = 0.025  # seconds between a clip's own lag and that of all
SPREAD = 0.01  # seconds: standard deviation over the agreeing clips
MATCHED = {True: 0.6, False: 0.8}  # least F-measure of the onsets at the lag: of four sources or more, of fewer


@dataclasses.dataclass(frozen=True)
class Lateness:
    """A constant lateness in seconds, negative for early music.

    low, high: 95 % interval over the sources, None with fewer than four. clips: how many are late by it, of `measured`.
    """

    seconds: float
    low: float | None
    high: float | None
    clips: int
    measured: int


def measure(onsets: Sequence[tuple[Times, Times]], sources: Sequence[str]) -> Lateness | None:
    """The constant lateness of one system's music, or None where there is none of 18 ms or more.

    onsets: of each clip the onset times (R,) of the reference and (G,) of the generated music, in seconds from the
    start, in ascending order. sources: what each clip comes from. Clips with fewer than four onsets are not measured.
    """
    kept = [i for i, (true, made) in enumerate(onsets) if min(len(true), len(made)) >= FEWEST]
    if not kept:
        return None
    clips = [onsets[i] for i in kept]
    curves = np.array([agreement(*clip) for clip in clips])
    mean = curves.mean(axis=0)
    if mean.max() < PEAK * np.median(mean):
        return None
    lag = float(LAGS[(PREFERENCE * mean).argmax()])
    near = np.abs(LAGS[(PREFERENCE * curves).argmax(axis=1)] - lag) <= NEAR
    if near.mean() < AGREEING:
        return None
    agreeing = [clip for clip, is_near in zip(clips, near, strict=True) if is_near]
    agreeing_sources = [sources[i] for i, is_near in zip(kept, near, strict=True) if is_near]
    differences = [matched_differences(*clip, lag) for clip in agreeing]
    lag = float(np.concatenate(differences).mean())
    differences = [matched_differences(*clip, lag) for clip in agreeing]  # again, with the window on the mean
    sums = np.array([(times.sum(), len(times)) for times in differences])
    lag = float(sums[:, 0].sum() / sums[:, 1].sum())
    count = len({*agreeing_sources})
    f_measure = np.mean([2 * n / (len(true) + len(made)) for n, (true, made) in zip(sums[:, 1], agreeing, strict=True)])
    spread = np.std([times.mean() for times in differences if len(times)])
    if f_measure < MATCHED[count >= MIN_SOURCES] or spread > SPREAD or abs(lag) < SMALLEST:
        return None
    low, high = _interval(sums, agreeing_sources) if count >= MIN_SOURCES else (None, None)
    return Lateness(lag, low, high, len(agreeing), len(clips))


def agreement(true: Times, made: Times) -> Times:
    """How well onsets (R,) and (G,) agree at each of LAGS: weighted pairs over the mean number of onsets.

    A pair counts 1 where the generated onset is exactly the lag later, falling to 0 at 35 ms beside.
    """
    first, last = (np.searchsorted(made, true + side * (LAGS[-1] + WIDTH)) for side in (-1, 1))
    later = np.concatenate([made[a:b] - time for a, b, time in zip(first, last, true, strict=True)])
    weights = np.clip(1 - np.abs(later[:, None] - LAGS) / WIDTH, 0, None)
    curve: Times = weights.sum(axis=0) / ((len(true) + len(made)) / 2)
    return curve


def matched_differences(true: Times, made: Times, lag: float) -> Times:
    """How much later (n,) than its reference each generated onset is, of those within 50 ms of the lag, one-to-one."""
    pairs = np.array(mir_eval.util.match_events(true, made - lag, WINDOW), dtype=int).reshape(-1, 2)
    differences: Times = made[pairs[:, 1]] - true[pairs[:, 0]]
    return differences


def _interval(sums: Times, sources: Sequence[str]) -> tuple[float, float]:
    """95 % interval of the mean difference, from each clip's sum of differences and number of them (n,2)."""

    def ratio(values: Times, weights: Times) -> Times:
        total, count = np.split(weights @ values, 2, axis=1)
        mean: Times = total / count
        return mean

    ((low, high),) = bootstrap.interval(sums, sources, ratio)
    return float(low), float(high)
