"""Rhythm of generated music against a reference: the peers' beat scores and strict ones (FACTS 7).

`score` compares one pair of waves, `summarise` a list of such scores. Where one reference meets many waves,
find the `events` of each wave once and `compare` those.

- d2mgan, loris, 5hz: onsets in bins of a second (5hz: a fifth), hit when both waves have an onset in the bin.
- strict: onset F-measure within 70 and 50 ms, beat F-measure within 70 ms, continuity (CMLt, AMLt) and information
  gain of the beats (mir_eval, nothing trimmed), and the distance of the tempi in BPM, with octaves forgiven or not.

What the strict metrics are blind to: `amlt` forgives half and double tempo and the off-beat, `information_gain` any
constant delay (and a few beats cannot fill its histogram: ten beats spread evenly over its 41 bins still score 0.38),
the tempo errors any delay. docs/sensitivity.md shows each against delay, tempo and missing beats.
"""

import dataclasses

import mir_eval
import numpy as np

from pace.evaluation.metrics.onsets import Events, events


@dataclasses.dataclass(frozen=True)
class Binned:
    """One of the peers' protocols: onsets counted in bins."""

    picking: str
    bins_per_second: int
    coverage: str  # what BCS divides by: `reference` (it may pass 100) or `generated` (precision of the hits)
    cut: bool  # the reference is cut to the length of the generated wave


BINNED = {
    "d2mgan": Binned("d2mgan", 1, "reference", cut=False),
    "loris": Binned("loris", 1, "generated", cut=True),
    "5hz": Binned("loris", 5, "generated", cut=True),
}
STRICT = "strict"
# Dance music is counted in twos. MIREX's second tempo accuracy allows thirds and triples as well, for music in three;
# here they would only bring a wrong tempo closer: 80 BPM is 3 BPM from a third of 250.
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

    `reference_beats` (B,): the true beats in seconds on the reference's clock, used by `strict` in place of
    beats tracked in the reference; `reference_bpm`: the true tempo, where the data set knows it. Returns what `compare`
    returns.
    """
    if _binned(protocol) and BINNED[protocol].cut:
        reference = reference[: len(generated)]
    heard = events(reference, sample_rate), events(generated, sample_rate)
    return compare(*heard, protocol, reference_beats, reference_bpm)


def compare(
    reference: Events,
    generated: Events,
    protocol: str,
    reference_beats: np.ndarray | None = None,
    reference_bpm: float | None = None,
) -> dict[str, float]:
    """Score the events of one pair: `bcs` and `bhs` in percent, or the metrics of `strict`.

    A score whose denominator is empty (no reference onset, no generated onset; fewer than two beats for continuity
    and information gain) is 0, so that the pair stays in the mean. The tempo of the reference is `reference_bpm`, else
    that of `reference_beats`, else the tracked one. `tempo_error_bpm` is |generated - reference|, with 0 for a wave
    without a tempo: music that has none misses by the whole tempo. `tempo_error_octave_bpm` is the smallest such
    error with the generated tempo halved, kept or doubled.
    """
    if _binned(protocol):
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

    Binned protocols: `bcs` and `bhs` are means, `csd` and `hsd` their standard deviations over clips (ddof 1;
    0 for a single clip), `f1` the F-measure of the two means, all in percent. Strict: the mean of each metric.
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
    """Tempo in BPM of beat times (B,) in seconds, by their median distance; 0 for fewer than two beats."""
    return float(60 / np.median(np.diff(beats))) if len(beats) > 1 else 0.0


def _binned(protocol: str) -> bool:
    if protocol not in PROTOCOLS:
        raise ValueError(f"rhythm protocol {protocol!r} is unknown; use one of {', '.join(PROTOCOLS)}")
    return protocol in BINNED


def _compare_bins(reference: Events, generated: Events, protocol: Binned) -> dict[str, float]:
    ref = _bins(reference, protocol)
    gen = _bins(generated, protocol)
    if protocol.cut:
        ref = ref[: gen.size]
    common = min(ref.size, gen.size)
    hits = np.count_nonzero(ref[:common] & gen[:common])
    found, due = np.count_nonzero(gen), np.count_nonzero(ref)
    coverage = _percent(found, due) if protocol.coverage == "reference" else _percent(hits, found)
    return {"bcs": coverage, "bhs": _percent(hits, due)}


def _bins(heard: Events, protocol: Binned) -> np.ndarray:
    """Which bins hold an onset: boolean (ceil(bins per second * duration),)."""
    marks = np.zeros(int(np.ceil(protocol.bins_per_second * heard.duration)), dtype=bool)
    index = (protocol.bins_per_second * heard.onsets[protocol.picking]).astype(int)
    marks[index[index < marks.size]] = True  # a last frame centred on the very end has no bin
    return marks


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0


def _times(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, dtype=np.float64)


def _f_measure(reference: np.ndarray, generated: np.ndarray, window: float) -> float:
    """F-measure of mir_eval's optimal one-to-one matching; 0 where either side has no event."""
    if not reference.size or not generated.size:
        return 0.0
    return float(mir_eval.onset.f_measure(reference, generated, window=window)[0])


def _continuity_and_gain(reference: np.ndarray, generated: np.ndarray) -> tuple[float, float, float]:
    """CMLt, AMLt and information gain in [0,1] of beat times; 0 where either side has no two beats."""
    if len(reference) < 2 or len(generated) < 2:
        return 0.0, 0.0, 0.0
    _, cmlt, _, amlt = mir_eval.beat.continuity(reference, generated)
    return float(cmlt), float(amlt), float(mir_eval.beat.information_gain(reference, generated))


def _octave_error(reference: float, generated: float) -> float:
    """Distance of two tempi in BPM, up to an octave; without a reference the whole generated tempo."""
    if not reference:
        return generated
    return min(abs(factor * generated - reference) for factor in OCTAVES)
