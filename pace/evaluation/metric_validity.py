"""Which metrics are informative: those on which the true music beats every row that fits a dance by chance alone.

The chance rows are music of other dances, random training music, click tracks, and the true music 250 ms late. A metric
is uninformative where one of them is not separated from the true music: the 95 % interval of their paired difference,
resampled by source, holds 0, or the chance row is better. A high score on such a metric does not show that music fits
the dance.

Two rows stand for the true music, `truth` and `ceiling`, and both must beat the chance row. The truth alone would be
too lenient. Scored against itself it has 100 % of every bin and an onset F of 1 by identity. No other music can reach
that, so a row that differs in a few bins would be "separated" although no system can do better. The ceiling, the truth
through VAE and vocoder, is the same music but not the same samples. Without a ceiling (`python -m pace score` without
an autoencoder) a metric can pass by identity, so fewer metrics are marked.

A deviation over clips (CSD, HSD) is 0 for the truth, and for anything else that scores the same everywhere. It counts
only where the score that it belongs to does.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from pace.evaluation.clips import CEILING, TRUTH
from pace.evaluation.controls import CLOCK, SHUFFLED
from pace.evaluation.distances import Distances
from pace.evaluation.intervals import PAIR_RESAMPLES
from pace.evaluation.metrics import bootstrap
from pace.evaluation.metrics.blocks import Block, blocks
from pace.evaluation.metrics.jackknife import MIN_SOURCES
from pace.evaluation.scores import Scores
from pace.evaluation.table import Rows

CHANCE = (SHUFFLED, "random", "clicks", "clicks120", "delayed")
TRUE = (TRUTH, CEILING)
YARDSTICKS = (CEILING, "random")  # rows whose music is known to be good, in order of preference
LOWER = frozenset({"csd", "hsd", "tempo_error_bpm", "tempo_error_octave_bpm"})  # better when lower; others when higher
DEVIATION_OF = {"csd": "bcs", "hsd": "bhs"}
ROUNDING = 1e-9  # rounding error of resampled sums; smaller differences count as 0

Differences = dict[str, dict[str, dict[str, float | list[float]]]]  # protocol -> metric -> difference, interval
NotAbove = dict[str, list[str]]  # protocol or extractor -> metrics; an empty list: above on all of them
Marks = dict[str, dict[str, list[str]]]  # protocol or extractor -> metric -> chance rows not separated, if any


@dataclasses.dataclass(frozen=True)
class Pair:
    """Chance music and the true music (`truth`, and `ceiling` where there is one), scored against one reference.

    sources: the source or sources that the scores depend on, equally many in all pairs of a row.
    """

    true: tuple[Scores, ...]
    chance: Scores
    sources: tuple[str, ...]


def marks(chance_rows: Rows, distances: Distances) -> Marks:
    """The chance rows that rhythm metrics and Frechet distances do not separate from the true music."""
    return uninformative(pairs(chance_rows)) | distance_marks(distances)


def pairs(chance_rows: Rows) -> dict[str, list[Pair]]:
    """The pairs of each chance row. Shuffled music meets the true music of the reference that it was scored against."""
    return {
        row: [
            Pair(
                tuple(entry.reference.scores[true] for true in TRUE if true in entry.reference.scores),
                entry.scores,
                entry.sources,
            )
            for entry in entries
        ]
        for row, entries in chance_rows.items()
    }


def uninformative(chance: Mapping[str, Sequence[Pair]]) -> Marks:
    """Protocol -> metric -> the chance rows that are not separated from the true music; an empty list: informative.

    chance: row -> its pairs. A row does not test a protocol that its pairs lack or have of fewer than four
    sources. Metrics that no row tests are left out.
    """
    unseparated: Marks = {}
    for row, row_pairs in chance.items():
        for protocol in dict.fromkeys(name for pair in row_pairs for name in pair.chance):
            scored = [pair for pair in row_pairs if all(protocol in scores for scores in (*pair.true, pair.chance))]
            for metric, apart in separated(scored, protocol).items():
                names = unseparated.setdefault(protocol, {}).setdefault(metric, [])
                if not apart:
                    names.append(row)
    return unseparated


def separated(pairs: Sequence[Pair], protocol: str) -> dict[str, bool]:
    """Metric, as `rhythm.summarise` names it -> whether all true music is better than the chance row.

    Better: the interval of the difference of what is computed of both (mean, F1 of means, deviation) over the same
    resampled sources is wholly on the good side of 0. Each metric is compared on the pairs that have it; one that pairs
    of fewer than four sources have is left out.
    """
    apart: dict[str, bool] = {}
    for block in blocks([tuple(scores[protocol] for scores in (*pair.true, pair.chance)) for pair in pairs]):
        sources = np.array([pairs[i].sources for i in block.clips])
        if len(np.unique(sources)) < MIN_SOURCES:
            continue  # no p-value could fall below 0.05, whatever the scores
        sides = len(block.sides) - 1

        def differences(
            values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64], block: Block = block
        ) -> npt.NDArray[np.float64]:
            *true, chance = (block.statistic(part, weights) for part in np.split(values, len(block.sides), axis=1))
            return np.concatenate([side - chance for side in true], axis=1)

        resamples = PAIR_RESAMPLES if sources.shape[1] > 1 else bootstrap.RESAMPLES
        limits = bootstrap.interval(np.concatenate(block.sides, axis=1), sources, differences, resamples=resamples)
        lower, upper = limits.reshape(sides, len(block.figures), 2).transpose(2, 1, 0)  # (metrics, sides)
        for i, name in enumerate(block.figures):
            apart[name] = bool((upper[i] < -ROUNDING).all() if name in LOWER else (lower[i] > ROUNDING).all())
    return {name: value and apart[DEVIATION_OF.get(name, name)] for name, value in apart.items()}


def not_above(rows: Rows, row: str, distances: Distances, control: str = CLOCK) -> NotAbove | None:
    """The metrics on which a row is not above a control: that which knows the dance, or its own music shuffled.

    Above: the 95 % interval of the paired difference, over the clips that have both, is wholly on the good side of 0.
    None where there is no such control. Metrics of fewer than four sources are left out.
    """
    if control not in rows or row not in rows:
        return None
    pairs = _paired(rows, row, control)
    found: NotAbove = {}
    for protocol in dict.fromkeys(name for pair in pairs for name in pair.chance):
        scored = [pair for pair in pairs if all(protocol in scores for scores in (*pair.true, pair.chance))]
        if apart := separated(scored, protocol):
            found[protocol] = [metric for metric, above in apart.items() if not above]
    if {row, control} <= {*distances.rows}:
        for extractor in distances.extractors:
            _, differences = distances.difference(extractor, control, row)
            if differences:
                found[extractor] = [figure for figure, difference in differences.items() if difference.low <= 0]
    return found


def own_minus_shuffled(rows: Rows, row: str, shuffled: str = SHUFFLED) -> Differences:
    """How much better music scores with its own reference than with others: `difference` and its 95 % `interval`.

    rows: among them `shuffled`, the music of `row` against the references of unrelated clips. Each pair is compared
    with the same music's own score. Resampled by source, of both clips. Metrics of fewer than four sources are left
    out.
    """
    differences: Differences = {}
    pairs = _paired(rows, row, shuffled) if {row, shuffled} <= {*rows} else []
    for protocol in dict.fromkeys(name for pair in pairs for name in pair.chance):
        scored = [pair for pair in pairs if all(protocol in scores for scores in (*pair.true, pair.chance))]
        for block in blocks([(pair.true[0][protocol], pair.chance[protocol]) for pair in scored]):
            sources = np.array([scored[i].sources for i in block.clips])
            if len(np.unique(sources)) < MIN_SOURCES:
                continue
            own, chance = block.sides
            result = bootstrap.difference(own, chance, sources, block.statistic, resamples=PAIR_RESAMPLES)
            for name, value, limits in zip(block.figures, result.value, result.interval, strict=True):
                figures = {"difference": float(value), "interval": limits.tolist()}
                differences.setdefault(protocol, {})[name] = figures
    return differences


def _paired(rows: Rows, row: str, control: str) -> list[Pair]:
    """The entries of a control, each with the own score of the row's music of the same clip."""
    own = {entry.clip.name: entry for entry in rows[row]}
    return [
        Pair((own[entry.clip.name].scores,), entry.scores, entry.sources)
        for entry in rows[control]
        if entry.clip.name in own
    ]


def distance_marks(distances: Distances) -> Marks:
    """Extractor -> figure of the Frechet distance -> the chance rows that are not farther from the true music than the
    yardstick: the ceiling or, where there is none, random training music.

    A row is farther where the 95 % interval of the paired difference, by jackknife over the sources, is above 0.
    Where late music or clicks are not farther, the distance does not show whether music fits the dance. Without a
    yardstick, or with fewer than four sources, nothing is tested and the extractor is left out.
    """
    yardstick = next((row for row in YARDSTICKS if row in distances.rows), None)
    unseparated: Marks = {}
    if yardstick is None:
        return unseparated
    for extractor in distances.extractors:
        for row in (row for row in CHANCE if row != yardstick):
            _, differences = distances.difference(extractor, row, yardstick)
            for figure, difference in differences.items():
                names = unseparated.setdefault(extractor, {}).setdefault(figure, [])
                if difference.low <= 0:
                    names.append(row)
    return unseparated
