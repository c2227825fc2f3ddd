"""The differences between systems in rhythm and in Frechet distance, and the sources that they are resampled by."""

import itertools
import re
from collections.abc import Mapping, Sequence

from pace.evaluation.distances import Distances, digits
from pace.evaluation.intervals import of_protocol
from pace.evaluation.metrics import bootstrap
from pace.scoring.listen import Heard


def group_names(names: Sequence[str], pattern: str | None) -> dict[str, str]:
    """Clip -> its source: what the pattern's first group, or else the whole pattern, matches at the name's start.

    Clips whose name does not match, and all without a pattern, are sources of their own. Raises ValueError for a
    pattern that is none or that no name matches.
    """
    if pattern is None:
        return {name: name for name in names}
    try:
        found = {name: re.match(pattern, name) for name in names}
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression ({error}); give one such as '(.*)_[0-9]+'") from None
    if not any(found.values()):
        remedy = "the pattern must match from a name's first character on, as '(.*)_[0-9]+' does"
        raise ValueError(f"no clip has a name that {pattern!r} matches, for instance {names[0]!r}; {remedy}")
    return {name: (match[min(1, len(match.groups()))] or name) if match else name for name, match in found.items()}


def sources(names: Sequence[str], pattern: str | None) -> dict[str, object]:
    """What the intervals resample: `pattern`, the number of `clips` and of their `sources`, `unmatched` names."""
    found = group_names(names, pattern)
    unmatched = [name for name in names if pattern is not None and not re.match(pattern, name)]
    return {"pattern": pattern, "clips": len(names), "sources": len({*found.values()}), "unmatched": unmatched}


def differences(heard: Sequence[Heard], systems: Sequence[str], groups: Mapping[str, str]) -> list[dict[str, object]]:
    """Every pair of systems on the clips that both have: `first`, `second`, `clips`, `protocol`, `metric`, and the
    `difference` first minus second with its interval `low`, `high` and the p-value `p` of no difference, which is
    that or less where `p_at_most`.

    Not corrected for the number of comparisons. Pairs whose common clips are of one source are left out.
    """
    found = []
    for first, second in itertools.combinations(systems, 2):
        common = [one for one in heard if first in one.scores and second in one.scores]
        for protocol in dict.fromkeys(name for one in common for name in one.scores[first]):
            known = [one for one in common if protocol in one.scores[first]]  # alignment: the clips that have a pose
            own = [groups[one.clip.name] for one in known]
            if len({*own}) < 2:
                continue
            ours, names, statistic = of_protocol([one.scores[first][protocol] for one in known])
            theirs, _, _ = of_protocol([one.scores[second][protocol] for one in known])
            result = bootstrap.difference(ours, theirs, own, statistic)
            keys = {"first": first, "second": second, "clips": len(known), "protocol": protocol}
            limits = zip(names, result.value, result.interval, result.p, result.at_most, strict=True)
            for name, value, (low, high), p, at_most in limits:
                figures = {"difference": value, "low": low, "high": high, "p": p}
                figures = {key: float(figure) for key, figure in figures.items()} | {"p_at_most": bool(at_most)}
                found.append(keys | {"metric": name} | figures)
    return found


def distance_differences(found: Distances, systems: Sequence[str]) -> list[dict[str, object]]:
    """The same of the Frechet distances, by jackknife over the sources: `protocol` is the extractor, and lower is
    better. Pairs whose common clips are of fewer than four sources are left out.
    """
    result = []
    for (first, second), name in itertools.product(itertools.combinations(systems, 2), found.extractors):
        clips, figures = found.difference(name, first, second)
        for metric, one in figures.items():
            keys = {"first": first, "second": second, "clips": clips, "protocol": name, "metric": metric}
            values = {"difference": one.value, "low": one.low, "high": one.high, "p": one.p}
            result.append(keys | {key: digits(value) for key, value in values.items()} | {"p_at_most": False})
    return result
