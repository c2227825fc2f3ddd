"""Rhythm scores of generated music against a reference: the protocols of published systems and strict ones (FACTS 7).

`score` compares one pair of waves, and `summarise` sums up a list of such scores. To compare one reference with many
waves, call `onsets.events` once for each wave and `compare` the results.

- d2mgan, loris, 5hz: onsets counted in bins of one second (5hz: a fifth of a second). A bin is a hit when both waves
  have an onset in it.
- strict: onset F-measure within 70 and 50 ms; beat F-measure within 70 ms; continuity (CMLt, AMLt) and information gain
  of the beats (mir_eval, without trimming the first 5 s); and the difference in tempo in BPM, with and without
  forgiving octaves.

Blind spots of the strict metrics:
- `amlt` forgives half and double tempo and the off-beat.
- `information_gain` forgives any constant delay. A few beats cannot fill its histogram: ten beats spread evenly over
  its 41 bins still score 0.38.
- The tempo errors forgive any delay.

docs/sensitivity.md shows how each responds to delay, tempo and missing beats.
"""

import dataclasses
from typing import Any

import mir_eval
import numpy as np

from pace.evaluation.metrics.onsets import Events, events


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
    if _is_binned(protocol) and BINNED[protocol].cut:
        reference = reference[: len(generated)]
    reference_events, generated_events = events(reference, sample_rate), events(generated, sample_rate)
    return compare(reference_events, generated_events, protocol, reference_beats, reference_bpm)


def compare(
    reference: Events,
    generated: Events,
    protocol: str,
    reference_beats: np.ndarray | None = None,
    reference_bpm: float | None = None,
) -> dict[str, float]:
    """Score the events of one pair: `bcs` and `bhs` in percent, or the metrics of `strict`.

    A score with an empty denominator is 0, so that the pair stays in the mean. This happens without reference or
    generated onsets, and for continuity and information gain with fewer than two beats.

    The reference's tempo is `reference_bpm` if given, else that of `reference_beats` if given, else the tracked one.
    `tempo_error_bpm` is |generated - reference|. A wave without a tempo counts as 0 BPM, so music without a tempo is
    off by the whole tempo. `tempo_error_octave_bpm` is the smallest such error with the generated tempo halved, kept
    or doubled.
    Raises ValueError for an unknown protocol.
    """
    if _is_binned(protocol):
        return _compare_bins(reference, generated, BINNED[protocol])
    onsets = _times(reference.onsets[STRICT]), _times(generated.onsets[STRICT])
    beats = _times(reference.beats if reference_beats is None else reference_beats), _times(generated.beats)
    tempo = reference.tempo if reference_beats is None else tempo_of(reference_beats)
    if reference_bpm is not None:
        tempo = reference_bpm
    cmlt, amlt, gain = _continuity_and_gain(*beats)
    return {
        "onset_f70": _f_measure(*onsets, window=0.07),
        "onset_f50": _f_measure(*onsets, window=0.05),
        "beat_f70": _f_measure(*beats, window=0.07),
        "cmlt": cmlt,
        "amlt": amlt,
        "information_gain": gain,
        "tempo_error_bpm": abs(generated.tempo - tempo),
        "tempo_error_octave_bpm": _octave_error(tempo, generated.tempo),
    }


def summarise(scores: list[dict[str, float]]) -> dict[str, float]:
    """Sum up the scores of one protocol over clips.

    Binned protocols, all in percent: `bcs` and `bhs` are means, `csd` and `hsd` the standard deviations over clips
    (ddof 1; 0 for a single clip), and `f1` is the F-measure of the two means. Strict: the mean of each metric.
    Raises ValueError for an empty list.
    """
    if not scores:
        raise ValueError("no scores to summarise: the list is empty")
    columns = {key: np.array([values[key] for values in scores]) for key in scores[0]}
    means = {key: float(column.mean()) for key, column in columns.items()}
    if "bcs" not in columns:
        return means
    deviations = {key: float(column.std(ddof=1)) if len(scores) > 1 else 0.0 for key, column in columns.items()}
    both = means["bcs"] + means["bhs"]
    return {
        "bcs": means["bcs"],
        "csd": deviations["bcs"],
        "bhs": means["bhs"],
        "hsd": deviations["bhs"],
        "f1": 2 * means["bcs"] * means["bhs"] / both if both else 0.0,
    }


def tempo_of(beats: np.ndarray) -> float:
    """Tempo in BPM from the median interval of beat times (B,) in seconds; 0 for fewer than two beats."""
    return float(60 / np.median(np.diff(beats))) if len(beats) > 1 else 0.0


def _is_binned(protocol: str) -> bool:
    """Whether a protocol counts onsets in bins. Raises ValueError for an unknown one."""
    if protocol not in PROTOCOLS:
        raise ValueError(f"rhythm protocol {protocol!r} is unknown; use one of {', '.join(PROTOCOLS)}")
    return protocol in BINNED


def _compare_bins(reference: Events, generated: Events, protocol: Binned) -> dict[str, float]:
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
    """F-measure of mir_eval's optimal one-to-one matching; 0 when either side has no events."""
    if not reference.size or not generated.size:
        return 0.0
    return float(mir_eval.onset.f_measure(reference, generated, window=window)[0])


def _continuity_and_gain(reference: np.ndarray, generated: np.ndarray) -> tuple[float, float, float]:
    """CMLt, AMLt and information gain of beat times, each in [0,1]; 0 when either side has fewer than two beats."""
    if len(reference) < 2 or len(generated) < 2:
        return 0.0, 0.0, 0.0
    _, cmlt, _, amlt = mir_eval.beat.continuity(reference, generated)
    return float(cmlt), float(amlt), float(mir_eval.beat.information_gain(reference, generated))


def _octave_error(reference: float, generated: float) -> float:
    """Difference of two tempi in BPM, forgiving octaves; without a reference tempo, the whole generated tempo."""
    if not reference:
        return generated
    return min(abs(factor * generated - reference) for factor in OCTAVES)
