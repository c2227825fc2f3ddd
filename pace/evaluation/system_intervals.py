"""95 % intervals of systems' rhythm scores and the differences between systems, resampled by source."""

import itertools
import re
from collections.abc import Mapping, Sequence

import numpy as np

from pace.evaluation import confidence
from pace.evaluation.file_hearing import Heard, Scores
from pace.evaluation.intervals import statistic_of
from pace.evaluation.rhythm import summarise


def group_names(names: Sequence[str], pattern: str | None) -> dict[str, str]:
    """Clip -> its source: what the pattern's first group, or else the whole pattern, matches at the name's start.

    Clips whose name does not match, and all without a pattern, are sources of their own. Raises ValueError for a
    pattern that is none.
    """
    if pattern is None:
        return {name: name for name in names}
    try:
        found = {name: re.match(pattern, name) for name in names}
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression ({error}); give one such as '(.*)_[0-9]+'") from None
    return {name: (match[min(1, len(match.groups()))] or name) if match else name for name, match in found.items()}


def of_scores(scores: Sequence[Scores], groups: Sequence) -> dict[str, dict[str, list[float]]]:
    """Protocol -> metric -> [low, high] of what `rhythm.summarise` gives of the scores.

    groups: of each score, the source, or the two of a pair. Nothing where all are of one source.
    """
    found = {}
    for protocol in scores[0]:
        values, names, statistic = _of_protocol(scores, protocol)
        limits = confidence.interval(values, groups, statistic)
        if np.isfinite(limits).all():
            found[protocol] = {name: [float(a), float(b)] for name, (a, b) in zip(names, limits, strict=True)}
    return found


def differences(heard: Sequence[Heard], systems: Sequence[str], groups: Mapping[str, str]) -> list[dict[str, object]]:
    """Every pair of systems on the clips that both have: `first`, `second`, `clips`, `protocol`, `metric`, and the
    `difference` first minus second with its interval `low`, `high` and the p-value `p` of no difference.

    Not corrected for the number of comparisons. Pairs whose common clips are of one source are left out.
    """
    found = []
    for first, second in itertools.combinations(systems, 2):
        common = [one for one in heard if first in one.scores and second in one.scores]
        if len({groups[one.clip.name] for one in common}) < 2:
            continue
        own = [groups[one.clip.name] for one in common]
        for protocol in common[0].scores[first]:
            ours, names, statistic = _of_protocol([one.scores[first] for one in common], protocol)
            theirs, _, _ = _of_protocol([one.scores[second] for one in common], protocol)
            result = confidence.difference(ours, theirs, own, statistic)
            keys = {"first": first, "second": second, "clips": len(common), "protocol": protocol}
            for name, value, (low, high), p in zip(names, result.value, result.interval, result.p, strict=True):
                figures = {"difference": value, "low": low, "high": high, "p": p}
                found.append(keys | {"metric": name} | {key: float(figure) for key, figure in figures.items()})
    return found


def _of_protocol(scores: Sequence[Scores], protocol: str) -> tuple[np.ndarray, list[str], confidence.Statistic]:
    """Values (n,K) of a protocol, the names of what is computed of them, and how."""
    metrics = list(scores[0][protocol])
    values = np.array([[one[protocol][metric] for metric in metrics] for one in scores])
    return values, list(summarise([one[protocol] for one in scores])), statistic_of(metrics)
