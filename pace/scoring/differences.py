"""The differences between systems in rhythm and in Frechet distance, on the clips that both have."""

import itertools
from collections.abc import Sequence
from typing import Any

from pace.evaluation.distances import Distances, digits
from pace.evaluation.metrics import bootstrap
from pace.evaluation.metrics.blocks import blocks
from pace.evaluation.score_clips import ScoredClip


def rhythm_differences(scored: Sequence[ScoredClip], systems: Sequence[str]) -> list[dict[str, Any]]:
    """Every pair of systems: `first`, `second`, `clips`, `protocol`, `metric`, and the `difference` first minus second
    with its interval `low`, `high` and the p-value `p` of no difference, an upper bound where `p_at_most`.

    Resampled by source. Not corrected for the number of comparisons. Pairs whose common clips are of one source are
    left out.
    """
    differences = []
    for first, second in itertools.combinations(systems, 2):
        common = [clip for clip in scored if first in clip.scores and second in clip.scores]
        for protocol in dict.fromkeys(name for clip in common for name in clip.scores[first]):
            members = [clip for clip in common if protocol in clip.scores[first]]  # alignment: the clips with a pose
            for block in blocks([(clip.scores[first][protocol], clip.scores[second][protocol]) for clip in members]):
                sources = [members[i].source for i in block.clips]
                if len({*sources}) < 2:
                    continue
                result = bootstrap.difference(block.sides[0], block.sides[1], sources, block.statistic)
                keys = {"first": first, "second": second, "clips": len(sources), "protocol": protocol}
                for name, value, (low, high), p, at_most in zip(
                    block.figures, result.value, result.interval, result.p, result.at_most, strict=True
                ):
                    figures = {"difference": float(value), "low": float(low), "high": float(high), "p": float(p)}
                    differences.append(keys | {"metric": name} | figures | {"p_at_most": bool(at_most)})
    return differences


def distance_differences(distances: Distances, systems: Sequence[str]) -> list[dict[str, Any]]:
    """The same of the Frechet distances, by jackknife over the sources: `protocol` is the extractor, and lower is
    better. Pairs whose common clips are of fewer than four sources are left out.
    """
    result = []
    for (first, second), name in itertools.product(itertools.combinations(systems, 2), distances.extractors):
        clips, figures = distances.difference(name, first, second)
        for metric, figure in figures.items():
            keys = {"first": first, "second": second, "clips": clips, "protocol": name, "metric": metric}
            values = {"difference": figure.value, "low": figure.low, "high": figure.high, "p": figure.p}
            result.append(keys | {key: digits(value) for key, value in values.items()} | {"p_at_most": False})
    return result
