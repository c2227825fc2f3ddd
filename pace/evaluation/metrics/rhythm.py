"""Rhythm scores of generated music against a reference: the protocols of published systems and strict ones (FACTS 7).

`score` compares one pair of waves, and `summarise` sums up a list of such scores. To compare one reference with many
waves, call `onsets.events` once for each wave and `compare` the results.

- d2mgan, loris, 5hz: onsets counted in bins of one second (5hz: a fifth of a second). A bin is a hit when both waves
  have an onset in it.
- strict: onset F-measure within 70 and 50 ms; beat F-measure within 70 and 35 ms; continuity (CMLt, AMLt) and
  information gain of the beats (mir_eval, without trimming the first 5 s); and the difference in tempo in BPM, with and
  without forgiving octaves.

Blind spots of the strict metrics:
- `amlt` forgives half and double tempo and the off-beat.
- `information_gain` forgives any constant delay. A few beats cannot fill its histogram: ten beats spread evenly over
  its 41 bins still score 0.38.
- The tempo errors forgive any delay.

docs/sensitivity.md shows how each responds to delay, tempo and missing beats.

A score is missing (NaN) where the reference has nothing to compare with, whatever the generated music is. So it is
missing for all music of a clip alike. Where the reference has it and the generated music lacks it, the music fails: it
scores 0, and its tempo is off by the whole tempo.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import mir_eval
import numpy as np

from pace.evaluation.metrics.onsets import Events, events, tempo_of


@dataclasses.dataclass(frozen=True)
class Binned:
    """A protocol of a published system that counts onsets in bins."""

    picking: str  # key of onsets.PICKING
    bins_per_second: int
    coverage: str  # BCS divides by the `reference` bins (and may exceed 100) or the `generated` ones (precision)
    cut: bool  # whether the reference is cut to the length of the generated wave


BINNED = {
    "d2mgan": Binned("d2mgan", 1, "reference", cut=False),
    "loris": Binned("loris", 1, "generated", cut=True),
    "5hz": Binned("loris", 5, "generated", cut=True),
}
STRICT = "strict"
# Dance music is counted in twos. MIREX's second tempo accuracy also allows thirds and triples, for music in three. Here
# they would only make a wrong tempo look closer: 80 BPM is 3 BPM from a third of 250.
OCTAVES = (0.5, 1.0, 2.0)
PROTOCOLS = (*BINNED, STRICT)


def score(
    reference: np.ndarray,
    generated: np.ndarray,
    sample_rate: int,
    protocol: str,
    reference_beats: np.ndarray | None = None,
    reference_bpm: float | None = None,
) -> dict[str, float]:
    """Score one generated wave (S,) against its reference (R,), both mono at `sample_rate`.

    reference_beats (B,): the true beats, in seconds from the start of the reference. `strict` uses them in place of
    beats tracked in the reference. reference_bpm: the true tempo, if the dataset has it.
    Returns the scores of `compare`. Raises ValueError for an unknown protocol and for the waves that `events` refuses.
    """
    whole = part = events(reference, sample_rate)
    if _is_binned(protocol) and BINNED[protocol].cut and len(generated) < len(reference):
        part = events(reference[: len(generated)], sample_rate)
    return compare(part, events(generated, sample_rate), protocol, reference_beats, reference_bpm, whole)


def compare(
    reference: Events,
    generated: Events,
    protocol: str,
    reference_beats: np.ndarray | None = None,
    reference_bpm: float | None = None,
    whole: Events | None = None,
) -> dict[str, float]:
    """Score the events of one pair: `bcs` and `bhs` in percent, or the metrics of `strict`.

    whole: the events of the whole reference, where `reference` is only its part up to the generated music's end.
    A score is NaN where it is missing:

    - bins and onset F without onsets in the whole reference;
    - beat F without beats in the reference, continuity and information gain with fewer than two;
    - tempo errors where the reference has no beats or no tempo.

    These beats are those tracked in the reference and, where given, also its true ones. In music in which the tracker
    hears no beats it cannot hear that other music follows them: the reference itself would score 0.

    Otherwise a score with an empty denominator is 0: BCS, BHS and F of music without onsets or beats, continuity and
    information gain of music with fewer than two beats, and LORIS's scores where the part compared has no onset.

    The reference's tempo is `reference_bpm` if given, else that of `reference_beats` if given, else the tracked one.
    `tempo_error_bpm` is |generated - reference|. Music without a tempo is off by the whole tempo of the reference: to
    leave it out would favour systems whose music often has no beats. `tempo_error_octave_bpm` is the smallest such
    error with the generated tempo halved, kept or doubled.
    Raises ValueError for an unknown protocol, and for beats or a tempo that are not finite.
    """
    _check_annotations(reference_beats, reference_bpm)
    if _is_binned(protocol):
        return _compare_bins(reference, generated, BINNED[protocol], whole or reference)
    onsets = _times(reference.onsets[STRICT]), _times(generated.onsets[STRICT])
    beats = _times(reference.beats if reference_beats is None else reference_beats), _times(generated.beats)
    known = min(len(beats[0]), len(reference.beats))
    tempo = reference.tempo if reference_beats is None else tempo_of(reference_beats)
    if reference_bpm is not None:
        tempo = reference_bpm
    cmlt, amlt, gain = _continuity_and_gain(*beats) if known > 1 else (math.nan,) * 3
    return {
        "onset_f70": _f_measure(*onsets, window=0.07),
        "onset_f50": _f_measure(*onsets, window=0.05),
        "beat_f70": _f_measure(*beats, window=0.07) if known else math.nan,
        "beat_f35": _f_measure(*beats, window=0.035) if known else math.nan,
        "cmlt": cmlt,
        "amlt": amlt,
        "information_gain": gain,
        "tempo_error_bpm": _tempo_error(tempo, generated.tempo, (1.0,)) if known else math.nan,
        "tempo_error_octave_bpm": _tempo_error(tempo, generated.tempo, OCTAVES) if known else math.nan,
    }


def summarise(scores: Sequence[dict[str, float]]) -> dict[str, float]:
    """Sum up the scores of one protocol over the clips that have them; NaN where no clip does.

    Binned protocols, all in percent: `bcs` and `bhs` are means, `csd` and `hsd` the standard deviations over clips
    (ddof 1; NaN for a single clip), and `f1` is the F-measure of the two means, 0 where both are 0. Strict: the mean
    of each metric.
    Raises ValueError for an empty list.
    """
    if not scores:
        raise ValueError("no scores to summarise: the list is empty")
    columns = {key: np.array([values[key] for values in scores]) for key in scores[0]}
    columns = {key: column[~np.isnan(column)] for key, column in columns.items()}
    means = {key: float(column.mean()) if len(column) else math.nan for key, column in columns.items()}
    if "bcs" not in columns:
        return means
    deviations = {key: float(column.std(ddof=1)) if len(column) > 1 else math.nan for key, column in columns.items()}
    both = means["bcs"] + means["bhs"]
    return {
        "bcs": means["bcs"],
        "csd": deviations["bcs"],
        "bhs": means["bhs"],
        "hsd": deviations["bhs"],
        "f1": 2 * means["bcs"] * means["bhs"] / both if both else 0.0,
    }


def _check_annotations(beats: np.ndarray | None, bpm: float | None) -> None:
    if beats is not None and not np.isfinite(beats).all():
        raise ValueError(f"{np.count_nonzero(~np.isfinite(beats))} of {len(beats)} reference beats are NaN or infinite")
    if bpm is not None and not (math.isfinite(bpm) and bpm > 0):
        raise ValueError(f"the reference tempo is {bpm:g} BPM; give a number above 0, or none where it is not known")


def _is_binned(protocol: str) -> bool:
    """Whether a protocol counts onsets in bins. Raises ValueError for an unknown one."""
    if protocol not in PROTOCOLS:
        raise ValueError(f"rhythm protocol {protocol!r} is unknown; use one of {', '.join(PROTOCOLS)}")
    return protocol in BINNED


def _compare_bins(reference: Events, generated: Events, protocol: Binned, whole: Events) -> dict[str, float]:
    if not _bins_with_onsets(whole, protocol).any():
        return {"bcs": math.nan, "bhs": math.nan}
    of_reference = _bins_with_onsets(reference, protocol)
    of_generated = _bins_with_onsets(generated, protocol)
    if protocol.cut:
        of_reference = of_reference[: of_generated.size]
    common = min(of_reference.size, of_generated.size)
    hits = np.count_nonzero(of_reference[:common] & of_generated[:common])
    generated_count, reference_count = np.count_nonzero(of_generated), np.count_nonzero(of_reference)
    if protocol.coverage == "reference":
        coverage = _percent(generated_count, reference_count)
    else:
        coverage = _percent(hits, generated_count)
    return {"bcs": coverage, "bhs": _percent(hits, reference_count)}


def _bins_with_onsets(wave: Events, protocol: Binned) -> np.ndarray:
    """Whether each bin contains an onset: boolean (ceil(bins per second * duration),)."""
    bins = np.zeros(int(np.ceil(protocol.bins_per_second * wave.duration)), dtype=bool)
    index = (protocol.bins_per_second * wave.onsets[protocol.picking]).astype(int)
    bins[index[index < bins.size]] = True  # the last frame may be centred on the very end, past the last bin
    return bins


def _percent(part: np.integer[Any], whole: np.integer[Any]) -> float:
    return 100 * part / whole if whole else 0.0


def _times(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, dtype=np.float64)


def _f_measure(reference: np.ndarray, generated: np.ndarray, window: float) -> float:
    """F-measure of mir_eval's optimal one-to-one matching; NaN without reference events, 0 without generated ones."""
    if not reference.size:
        return math.nan
    if not generated.size:
        return 0.0
    return float(mir_eval.onset.f_measure(reference, generated, window=window)[0])


def _continuity_and_gain(reference: np.ndarray, generated: np.ndarray) -> tuple[float, float, float]:
    """CMLt, AMLt and information gain of beat times, each in [0,1]; 0 with fewer than two generated beats."""
    if len(generated) < 2:
        return 0.0, 0.0, 0.0
    _, cmlt, _, amlt = mir_eval.beat.continuity(reference, generated)
    return float(cmlt), float(amlt), float(mir_eval.beat.information_gain(reference, generated))


def _tempo_error(reference: float, generated: float, factors: Sequence[float]) -> float:
    """Smallest difference in BPM between the reference tempo, if it has one, and a multiple of the generated tempo."""
    if math.isnan(reference):
        return math.nan
    return min(abs(factor * generated - reference) for factor in factors) if generated > 0 else reference
