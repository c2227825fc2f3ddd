"""Figures of one variant over its seeds: values, intervals, spread, and the difference from the reference."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pace.ablation.results import Result
from pace.evaluation.metrics import bootstrap
from pace.evaluation.metrics.blocks import Block, blocks
from pace.evaluation.metrics.bootstrap import Statistic

KEYS = ("dance", "beats", "strength", "video_id", "row")  # columns of per_clip.csv that are not metrics
TESTED = {  # the metrics whose changes are tested, with their names in the table
    "strict_beat_f70": "beat F 70",
    "dynamics_loudness": "loudness",
    "dynamics_density": "density",
}
# The smallest p is that of one resample: 0.0018 for 10,000 of 20 dances. After Holm's correction for more than 27
# comparisons it is above 0.05. With these it is 0.0004, enough for 130.
TEST_RESAMPLES = 200_000


@dataclasses.dataclass(frozen=True)
class Figure:
    """A metric of a variant, averaged over its seeds.

    low, high: 95 % interval over dances. spread: standard deviation over seeds, NaN for a single seed. missing: the
    number of clips that lack the metric for a seed and are left out, NaN if none does.
    change, change_low, change_high, p: difference from the reference on the same clips and seeds, its interval and its
    p-value; NaN for the reference itself. p_holm: p corrected for the number of comparisons in the tables, of TESTED.
    """

    value: float
    low: float
    high: float
    spread: float
    missing: float = math.nan
    change: float = math.nan
    change_low: float = math.nan
    change_high: float = math.nan
    p: float = math.nan
    p_holm: float = math.nan


def figures(own: Mapping[int, Result], reference: Mapping[int, Result] | None) -> dict[str, Figure]:
    """Figures of a variant, by `{protocol}_{metric}`.

    own, reference: seed -> result, of the variant and of the reference; None for no comparison.
    Uses only clips that are present for all seeds, and for each metric only clips that have it for all seeds.
    """
    reference = reference or {}
    by_name: dict[str, Figure] = {}
    clips = len(_common(list(own.values())))
    for protocol, metrics in _protocols(own).items():
        for block, dances in _blocks(list(own.values()), protocol, metrics):
            each = np.array([block.statistic(side, np.ones((1, len(side))))[0] for side in block.sides])
            limits = bootstrap.interval(_side_by_side(block.sides), dances, _over_seeds(block.statistic, len(own)))
            spread = each.std(axis=0, ddof=1) if len(each) > 1 else np.full(len(block.figures), math.nan)
            missing = float(clips - len(dances)) or math.nan
            for column, name in enumerate(block.figures):
                low, high = limits[column]
                by_name[f"{protocol}_{name}"] = Figure(
                    float(each[:, column].mean()), float(low), float(high), float(spread[column]), missing
                )
        seeds = [seed for seed in own if seed in reference]
        columns = _columns(protocol, metrics)
        if not seeds or not all(name in result.clips for result in reference.values() for name in columns):
            continue
        for block, dances in _blocks([side[seed] for side in (own, reference) for seed in seeds], protocol, metrics):
            first, second = (_side_by_side(half) for half in (block.sides[: len(seeds)], block.sides[len(seeds) :]))
            tested = any(f"{protocol}_{name}" in TESTED for name in block.figures)
            resamples = TEST_RESAMPLES if tested else bootstrap.RESAMPLES
            statistic = _over_seeds(block.statistic, len(seeds))
            changed = bootstrap.difference(first, second, dances, statistic, resamples=resamples)
            for column, name in enumerate(block.figures):
                by_name[f"{protocol}_{name}"] = dataclasses.replace(
                    by_name[f"{protocol}_{name}"],
                    change=float(changed.value[column]),
                    change_low=float(changed.interval[column, 0]),
                    change_high=float(changed.interval[column, 1]),
                    p=float(changed.p[column]),
                )
    return by_name


def clip_count(own: Mapping[int, Result]) -> tuple[int, int]:
    """The number of clips that all seeds have, and of their dances."""
    common = _common(list(own.values()))
    return len(common), int(next(iter(own.values())).clips.loc[common, "dance"].nunique())


def _protocols(own: Mapping[int, Result]) -> dict[str, list[str]]:
    """The protocols that all results have in per_clip.csv, and their metrics."""
    protocols: dict[str, list[str]] = {}
    for name in next(iter(own.values())).clips.columns:
        if name not in KEYS and all(name in result.clips for result in own.values()):
            protocol, _, metric = name.partition("_")
            protocols.setdefault(protocol, []).append(metric)
    return protocols


def _columns(protocol: str, metrics: list[str]) -> list[str]:
    return [f"{protocol}_{metric}" for metric in metrics]


def _common(results: list[Result]) -> list[str]:
    """The ids of the clips that all results have, sorted."""
    ids = set.intersection(*(set(result.clips.index) for result in results))
    return sorted(ids)


def _blocks(results: list[Result], protocol: str, metrics: list[str]) -> list[tuple[Block, list[str]]]:
    """The metrics of a protocol by the clips for which all results have a value, and those clips' dances."""
    common = _common(results)
    tables = [result.clips.loc[common, _columns(protocol, metrics)].to_numpy(np.float64) for result in results]
    scores = [tuple(dict(zip(metrics, table[i], strict=True)) for table in tables) for i in range(len(common))]
    dances = results[0].clips.loc[common, "dance"].to_numpy(str)
    return [(block, dances[block.clips].tolist()) for block in blocks(scores)]


def _side_by_side(sides: tuple[npt.NDArray[np.float64], ...]) -> npt.NDArray[np.float64]:
    """Scores (n,K) of S results as (n, S * K)."""
    return np.concatenate(sides, axis=1)


def _over_seeds(statistic: Statistic, seeds: int) -> Statistic:
    """A statistic averaged over seeds, for values (n, seeds * K) that hold each seed's scores of a clip."""

    def mean(values: npt.NDArray[Any], weights: npt.NDArray[Any]) -> npt.NDArray[Any]:
        parts = np.split(values, seeds, axis=1)
        averaged: npt.NDArray[Any] = np.mean([statistic(part, weights) for part in parts], axis=0)
        return averaged

    return mean
