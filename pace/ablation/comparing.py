"""Figures of one variant over its seeds: values, intervals, spread, and the difference to the reference."""

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from pace.ablation.results import Result
from pace.evaluation.metrics import bootstrap
from pace.evaluation.metrics.bootstrap import Statistic

SUMMARY = ("bcs", "csd", "bhs", "hsd", "f1")  # of confidence.beat_summary
KEYS = ("dance", "video_id", "row")  # of per_clip.csv beside the metrics


@dataclasses.dataclass(frozen=True)
class Figure:
    """A metric of a variant, the mean over its seeds. spread: standard deviation over seeds, NaN for a single one.

    low, high: 95 % interval over dances. change, change_low, change_high, p: against the reference on the same clips
    and seeds, NaN for the reference itself.
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
    """Figures by `{protocol}_{metric}`; own and reference: seed -> result. reference None: no comparison.

    Clips that a seed lacks are left out of all seeds, and so are clips without a protocol's scores.
    """
    found: dict[str, Figure] = {}
    for columns, names, statistic in _protocols(own):
        values, dances = _values(list(own.values()), columns)
        if not len(values):
            continue
        each = np.array([statistic(values[:, seed], np.ones((1, len(values))))[0] for seed in range(values.shape[1])])
        limits = bootstrap.interval(_flat(values), dances, _over_seeds(statistic, len(own)))
        spread = each.std(axis=0, ddof=1) if len(each) > 1 else np.full(len(names), math.nan)
        for place, name in enumerate(names):
            found[name] = Figure(float(each[:, place].mean()), *map(float, limits[place]), float(spread[place]))
        seeds = [seed for seed in own if seed in (reference or {})]
        if seeds and all(column in result.clips for result in reference.values() for column in columns):
            pair, dances = _values([side[seed] for side in (own, reference) for seed in seeds], columns)
            if len(pair):
                sides = (_flat(part) for part in (pair[:, : len(seeds)], pair[:, len(seeds) :]))
                changed = bootstrap.difference(*sides, dances, _over_seeds(statistic, len(seeds)))
                for place, name in enumerate(names):
                    found[name] = dataclasses.replace(
                        found[name],
                        change=float(changed.value[place]),
                        change_low=float(changed.interval[place, 0]),
                        change_high=float(changed.interval[place, 1]),
                        p=float(changed.p[place]),
                    )
    return found


def clip_count(own: Mapping[int, Result]) -> tuple[int, int]:
    """How many clips all seeds have, and of how many dances."""
    common = _common(list(own.values()))
    return len(common), int(next(iter(own.values())).clips.loc[common, "dance"].nunique())


def _protocols(own: Mapping[int, Result]) -> list[tuple[list[str], list[str], Statistic]]:
    """Of each protocol in per_clip.csv: columns, names of its figures, and the statistic that makes these."""
    columns = [name for name in next(iter(own.values())).clips.columns if name not in KEYS]
    columns = [name for name in columns if all(name in result.clips for result in own.values())]
    out = []
    for protocol in dict.fromkeys(name.split("_")[0] for name in columns):
        mine = [name for name in columns if name.split("_")[0] == protocol]
        if mine == [f"{protocol}_bcs", f"{protocol}_bhs"]:
            out.append((mine, [f"{protocol}_{name}" for name in SUMMARY], bootstrap.beat_summary))
        else:
            out.append((mine, mine, bootstrap.mean))
    return out


def _common(results: list[Result]) -> list[str]:
    ids = set.intersection(*(set(result.clips.index) for result in results))
    return sorted(ids)


def _values(results: list[Result], columns: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Scores (n,S,K) of the clips that all results have, and the clips' dances (n,)."""
    common = _common(results)
    values = np.stack([result.clips.loc[common, columns].to_numpy(np.float64) for result in results], axis=1)
    known = np.isfinite(values).all(axis=(1, 2))
    return values[known], results[0].clips.loc[common, "dance"].to_numpy(str)[known]


def _flat(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1)


def _over_seeds(statistic: Statistic, seeds: int) -> Statistic:
    """The mean over seeds of a statistic, for rows (n, seeds * K) that hold each seed's scores of a clip."""

    def mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        parts = np.split(values, seeds, axis=1)
        return np.mean([statistic(part, weights) for part in parts], axis=0)

    return mean
