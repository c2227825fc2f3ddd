"""Figures of one variant over its seeds: values, intervals, spread, and the difference from the reference."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pace.ablation.results import Result
from pace.evaluation.metrics import bootstrap
from pace.evaluation.metrics.bootstrap import Statistic

SUMMARY = ("bcs", "csd", "bhs", "hsd", "f1")  # of confidence.beat_summary
KEYS = ("dance", "video_id", "row")  # columns of per_clip.csv that are not metrics


@dataclasses.dataclass(frozen=True)
class Figure:
    """A metric of a variant, averaged over its seeds.

    low, high: 95 % interval over dances. spread: standard deviation over seeds, NaN for a single seed.
    change, change_low, change_high, p: difference from the reference on the same clips and seeds, its interval and its
    p-value; NaN for the reference itself.
    """

    value: float
    low: float
    high: float
    spread: float
    change: float = math.nan
    change_low: float = math.nan
    change_high: float = math.nan
    p: float = math.nan


def figures(own: Mapping[int, Result], reference: Mapping[int, Result] | None) -> dict[str, Figure]:
    """Figures of a variant, by `{protocol}_{metric}`.

    own, reference: seed -> result, of the variant and of the reference; None for no comparison.
    Uses only clips that are present for all seeds, and for each protocol only clips scored by it.
    """
    reference = reference or {}
    by_name: dict[str, Figure] = {}
    for columns, names, statistic in _protocols(own):
        values, dances = _values(list(own.values()), columns)
        if not len(values):
            continue
        each = np.array([statistic(values[:, seed], np.ones((1, len(values))))[0] for seed in range(values.shape[1])])
        limits = bootstrap.interval(_flat(values), dances, _over_seeds(statistic, len(own)))
        spread = each.std(axis=0, ddof=1) if len(each) > 1 else np.full(len(names), math.nan)
        for column, name in enumerate(names):
            low, high = limits[column]
            by_name[name] = Figure(float(each[:, column].mean()), float(low), float(high), float(spread[column]))
        seeds = [seed for seed in own if seed in reference]
        if seeds and all(name in result.clips for result in reference.values() for name in columns):
            pair, dances = _values([side[seed] for side in (own, reference) for seed in seeds], columns)
            if len(pair):
                first, second = _flat(pair[:, : len(seeds)]), _flat(pair[:, len(seeds) :])
                changed = bootstrap.difference(first, second, dances, _over_seeds(statistic, len(seeds)))
                for column, name in enumerate(names):
                    by_name[name] = dataclasses.replace(
                        by_name[name],
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


def _protocols(own: Mapping[int, Result]) -> list[tuple[list[str], list[str], Statistic]]:
    """For each protocol in per_clip.csv: its columns, the names of its figures, and the statistic that gives them."""
    columns = [name for name in next(iter(own.values())).clips.columns if name not in KEYS]
    columns = [name for name in columns if all(name in result.clips for result in own.values())]
    protocols: list[tuple[list[str], list[str], Statistic]] = []
    for protocol in dict.fromkeys(name.split("_")[0] for name in columns):
        own_columns = [name for name in columns if name.split("_")[0] == protocol]
        if own_columns == [f"{protocol}_bcs", f"{protocol}_bhs"]:
            protocols.append((own_columns, [f"{protocol}_{name}" for name in SUMMARY], bootstrap.beat_summary))
        else:
            protocols.append((own_columns, own_columns, bootstrap.mean))
    return protocols


def _common(results: list[Result]) -> list[str]:
    """The ids of the clips that all results have, sorted."""
    ids = set.intersection(*(set(result.clips.index) for result in results))
    return sorted(ids)


def _values(results: list[Result], columns: list[str]) -> tuple[npt.NDArray[np.float64], list[str]]:
    """Scores (n,S,K) of the clips that all results have and could score, and the clips' n dances."""
    common = _common(results)
    values = np.stack([result.clips.loc[common, columns].to_numpy(np.float64) for result in results], axis=1)
    scored = np.isfinite(values).all(axis=(1, 2))
    return values[scored], results[0].clips.loc[common, "dance"].to_numpy(str)[scored].tolist()


def _flat(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Scores (n,S,K) as (n, S * K)."""
    return values.reshape(len(values), -1)


def _over_seeds(statistic: Statistic, seeds: int) -> Statistic:
    """A statistic averaged over seeds, for values (n, seeds * K) that hold each seed's scores of a clip."""

    def mean(values: npt.NDArray[Any], weights: npt.NDArray[Any]) -> npt.NDArray[Any]:
        parts = np.split(values, seeds, axis=1)
        averaged: npt.NDArray[Any] = np.mean([statistic(part, weights) for part in parts], axis=0)
        return averaged

    return mean
