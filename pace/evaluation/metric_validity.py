"""Which metrics say anything: those on which the true music beats every row that meets a dance by chance alone.

A metric is uninformative where one of the chance rows (music of other dances, random training music, click tracks, the
true music 250 ms late) is not separated from the true music: the 95 % interval of their paired difference, resampled
by dance, holds 0, or the chance row is better. On such a metric a high score does not show that music fits the dance.

What stands for the true music: `truth` and, where there is one, `ceiling`, and both must beat the row. The truth alone
would be too kind a judge. Scored against itself it has 100 % of every bin and an onset F of 1 by identity, which no
other music can reach, so that a row differing from it in some bins is "separated" although it is as good as any system
can be. The ceiling, the truth through VAE and vocoder, holds the same music without being the same samples. Where there
is no ceiling (`python -m pace score` without an autoencoder) a metric can pass by identity, so that fewer are marked. A
deviation over clips (CSD, HSD), which is 0 for the truth and for anything else that scores the same everywhere, counts
only where the score that it belongs to does.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from pace.evaluation.distances import Distances
from pace.evaluation.intervals import PAIR_RESAMPLES, statistic_of
from pace.evaluation.metrics import bootstrap
from pace.evaluation.metrics.rhythm import summarise
from pace.evaluation.table import ClipScores, Scores, unrelated

CHANCE = ("shuffled", "random", "clicks", "clicks120", "delayed")
TRUE = ("truth", "ceiling")
YARDSTICKS = ("ceiling", "random")  # of distances, the first that is there; no other row is known to be good
LOWER = frozenset({"csd", "hsd", "tempo_error_bpm", "tempo_error_octave_bpm"})  # better when lower; others when higher
DEVIATION_OF = {"csd": "bcs", "hsd": "bhs"}
FEWEST = 4  # groups: with fewer no p-value falls below 0.05, whatever the scores
ROUNDING = 1e-9  # no difference: what the sums of a resample lose

Marks = dict[str, dict[str, list[str]]]  # protocol or extractor -> metric -> controls not separated; none: informative


@dataclasses.dataclass(frozen=True)
class Pair:
    """A chance row and the true music (`truth`, and `ceiling` where there is one), scored against one reference.

    groups: the dance or dances that the scores depend on, equally many in all pairs of a row.
    """

    true: tuple[Scores, ...]
    chance: Scores
    groups: tuple[str, ...]


def uninformative(controls: Mapping[str, Sequence[Pair]]) -> Marks:
    """Protocol -> metric -> the controls that are not separated from the true music; an empty list: informative.

    controls: chance row -> its pairs. Of a protocol that the pairs of a row lack, or have of fewer than four dances,
    that row says nothing; metrics of which no row says anything are left out.
    """
    found: Marks = {}
    for control, pairs in controls.items():
        for protocol in dict.fromkeys(name for pair in pairs for name in pair.chance):
            known = [pair for pair in pairs if all(protocol in scores for scores in (*pair.true, pair.chance))]
            if len({group for pair in known for group in pair.groups}) < FEWEST:
                continue
            for metric, apart in separated(known, protocol).items():
                names = found.setdefault(protocol, {}).setdefault(metric, [])
                if not apart:
                    names.append(control)
    return found


def separated(pairs: Sequence[Pair], protocol: str) -> dict[str, bool]:
    """Metric, as `rhythm.summarise` names them -> whether all true music is better than the chance row.

    Better: the interval of the difference of what is computed of both (mean, F1 of means, deviation) over the same
    resampled dances leaves 0 out on the good side.
    """
    metrics = list(pairs[0].chance[protocol])
    statistic = statistic_of(metrics)
    sides = len(pairs[0].true)
    rows = [[one[protocol][metric] for one in (*pair.true, pair.chance) for metric in metrics] for pair in pairs]

    def differences(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        *true, chance = (statistic(part, weights) for part in np.split(values, sides + 1, axis=1))
        return np.concatenate([one - chance for one in true], axis=1)

    groups = np.array([pair.groups for pair in pairs])
    resamples = PAIR_RESAMPLES if groups.shape[1] > 1 else bootstrap.RESAMPLES
    limits = bootstrap.interval(np.array(rows), groups, differences, resamples=resamples)
    names = list(summarise([pair.chance[protocol] for pair in pairs]))
    lower, upper = limits.reshape(sides, len(names), 2).transpose(2, 1, 0)  # (metrics, sides)
    apart = {
        name: bool((upper[i] < -ROUNDING).all() if name in LOWER else (lower[i] > ROUNDING).all())
        for i, name in enumerate(names)
    }
    return {name: value and apart[DEVIATION_OF.get(name, name)] for name, value in apart.items()}


def of_clips(scores: list[ClipScores], groups: Mapping[str, str]) -> dict[str, list[Pair]]:
    """The pairs of each chance row of the pipeline's table. groups: clip id -> dance.

    A pair of row shuffled is set against the true music of the reference that the generated music was scored with.
    """
    true = {one.clip.clip_id: tuple(one.rows[row] for row in TRUE if row in one.rows) for one in scores}
    pairs: dict[str, list[Pair]] = {row: [] for row in CHANCE}
    for one in scores:
        own = one.clip.clip_id
        for row in CHANCE:
            if row in one.rows:
                pairs[row].append(Pair(true[own], one.rows[row], (groups[own],)))
        others = [other.clip.clip_id for other in scores if unrelated(one.clip, other.clip)]
        for other, shuffled in zip(others, one.shuffled, strict=True):
            pairs["shuffled"].append(Pair(true[other], shuffled, (groups[own], groups[other])))
    return pairs


def near(found: Distances) -> Marks:
    """Extractor -> figure of the Frechet distance -> the controls that are not farther from the true music than the
    ceiling or, where there is none, than the random training music.

    A control is farther where the 95 % interval of the paired difference, by jackknife over the dances, lies above 0.
    Where music that is late or made of clicks is not, the distance does not show whether music fits the dance. Nothing
    is tested, and the extractor left out, without either row or with fewer than four dances.
    """
    best = next((row for row in YARDSTICKS if row in found.rows), None)
    marks: Marks = {}
    for extractor in found.extractors if best else ():
        for control in (row for row in CHANCE if row != best):
            _, differences = found.difference(extractor, control, best)
            for figure, difference in differences.items():
                names = marks.setdefault(extractor, {}).setdefault(figure, [])
                if difference.low <= 0:
                    names.append(control)
    return marks
