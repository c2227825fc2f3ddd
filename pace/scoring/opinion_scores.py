"""Ratings of a listening test: mean opinion scores with intervals, the Turing test, and how far raters agree.

A file of ratings is a CSV table with a line for each rating of one clip's music by one system:

- `rater`, `clip`, `system`: names; real music is a system like any other (`truth`);
- `ovl`: overall quality, on a scale of 1-5 or 1-100;
- `rel`: how well music and dance belong together, on the same scale;
- `turing`: what the rater took the music for, `real` or `fake`.

An empty cell is a missing rating. The columns `ovl`, `rel` and `turing` may be missing, but not all of them. The
paper's user study (5.2, appendix B) has ten raters, a scale of 1-5, and the share of generated music taken for real.
"""

import argparse
import dataclasses
import math
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import stats

from pace.scoring.csv_files import read_rows

Values = npt.NDArray[np.float64]

KEYS = ("rater", "clip", "system")
SCORES = ("ovl", "rel", "turing")
SCALES = (5, 100)
ANSWERS = {"real": 1.0, "fake": 0.0}
CONFIDENCE = 0.95


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `python -m pace listening`."""
    parser.add_argument("ratings", type=Path, nargs="+", metavar="RATINGS.csv")
    parser.add_argument("--scale", type=int, choices=SCALES, default=5, help="ratings are 1 to 5 (default) or 100")


def run(arguments: argparse.Namespace) -> None:
    """Print mean opinion scores, and on stderr the rows that are left out."""
    ratings, problems = read(arguments.ratings, arguments.scale)
    print("\n".join(problems), file=sys.stderr, end="\n" * bool(problems))
    if not ratings:
        raise ValueError(f"no rating in {', '.join(map(str, arguments.ratings))}")
    print(text(summarise(ratings, arguments.scale)))


@dataclasses.dataclass(frozen=True)
class Rating:
    """What one rater said of one clip by one system; None for a missing rating. turing: 1 real, 0 fake."""

    rater: str
    clip: str
    system: str
    ovl: float | None = None
    rel: float | None = None
    turing: float | None = None


@dataclasses.dataclass(frozen=True)
class Interval:
    """A mean over `n` ratings by `raters` raters of `clips` clips, with its 95 % interval; NaN where there is none."""

    mean: float
    low: float
    high: float
    n: int
    raters: int
    clips: int


@dataclasses.dataclass(frozen=True)
class Summary:
    """systems: system -> score -> mean and interval. agreement: score -> Krippendorff's alpha, NaN where undefined."""

    systems: dict[str, dict[str, Interval]]
    agreement: dict[str, float]


def read(paths: Iterable[Path], scale: int = 5) -> tuple[list[Rating], list[str]]:
    """Read the ratings of one or several files, and what is wrong with the rows that are left out, by file and line.

    These rows are left out:

    - a value that is not a number on the scale (1 to `scale`), or an answer other than real or fake;
    - no rater, clip or system, or no rating;
    - a second rating of the same music by the same rater.

    Raises ValueError for a file without the columns and for a scale that is neither 5 nor 100.
    """
    if scale not in SCALES:
        raise ValueError(f"scale {scale}; ratings are on a scale of 1 to 5 or 1 to 100")
    ratings: dict[tuple[str, str, str], Rating] = {}
    problems = []
    for path in paths:
        columns, rows = read_rows(path)
        missing = [name for name in KEYS if name not in columns]
        if missing or not {*SCORES} & {*columns}:
            raise ValueError(
                f"{path}: its columns are {', '.join(columns) or 'none'}; needed are "
                f"{', '.join(KEYS)} and at least one of {', '.join(SCORES)}"
            )
        for line, row in rows:
            try:
                rating = _rating(row, scale)
                key = rating.rater, rating.clip, rating.system
                if key in ratings:
                    raise ValueError(f"{rating.rater} has rated clip {rating.clip} of {rating.system} before")
                ratings[key] = rating
            except ValueError as error:
                problems.append(f"{path}:{line}: {error}; the row is left out")
    values = [value for rating in ratings.values() for value in (rating.ovl, rating.rel) if value is not None]
    if scale > 5 and values and max(values) <= 5:
        problems.append(f"no rating is over 5 on the scale of 1 to {scale}: was it 1 to 5?")
    return list(ratings.values()), problems


def _rating(row: dict[str, str | None], scale: int) -> Rating:
    text = {name: (row.get(name) or "").strip() for name in (*KEYS, *SCORES)}
    if None in row:
        raise ValueError("more cells than columns")
    for name in KEYS:
        if not text[name]:
            raise ValueError(f"no {name}")
    ovl, rel = (_on_scale(name, text[name], scale) for name in ("ovl", "rel"))
    answer = text["turing"].lower()
    if answer and answer not in ANSWERS:
        raise ValueError(f"turing is {text['turing']!r}, neither real nor fake")
    turing = ANSWERS.get(answer)
    if ovl is None and rel is None and turing is None:
        raise ValueError("no rating in it")
    return Rating(text["rater"], text["clip"], text["system"], ovl, rel, turing)


def _on_scale(name: str, text: str, scale: int) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{name} is {text!r}, not a number") from None
    if not 1 <= value <= scale:
        raise ValueError(f"{name} is {text}, not on the scale of 1 to {scale}")
    return value


def summarise(ratings: list[Rating], scale: int = 5) -> Summary:
    """Compute means, intervals and agreement. Scores that nobody gave are left out."""
    systems: dict[str, dict[str, Interval]] = {}
    agreement = {}
    for score in SCORES:
        scored = [rating for rating in ratings if getattr(rating, score) is not None]
        units: dict[tuple[str, str], list[float]] = {}
        for rating in scored:
            units.setdefault((rating.clip, rating.system), []).append(getattr(rating, score))
        if scored:
            agreement[score] = alpha(units.values())
        for system in sorted({rating.system for rating in scored}):
            own = [rating for rating in scored if rating.system == system]
            values = np.array([getattr(rating, score) for rating in own])
            groups = [[getattr(rating, name) for rating in own] for name in ("rater", "clip")]
            estimate = proportion if score == "turing" else mean
            lowest, highest = (0.0, 1.0) if score == "turing" else (1.0, float(scale))
            interval = estimate(values, *groups)
            low, high = np.clip([interval.low, interval.high], lowest, highest)
            systems.setdefault(system, {})[score] = dataclasses.replace(interval, low=float(low), high=float(high))
    return Summary(dict(sorted(systems.items())), agreement)


def mean(values: Values, raters: list[str], clips: list[str]) -> Interval:
    """Mean of ratings (n,) with a 95 % t interval that also covers other raters and other clips than these.

    Ratings by one rater are alike, and so are ratings of one clip: n of them say less than n independent ones. The
    variance is that of means clustered by rater and by clip (Cameron, Gelbach & Miller 2011), with as many degrees
    of freedom as the smaller of both numbers less one. NaN limits for a single rater or clip.
    Raises ValueError without ratings, and for those that are not finite.
    """
    _check(values)
    groups = min(len(set(raters)), len(set(clips)))
    average = float(values.mean())
    half = math.nan
    if groups > 1:
        half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, groups - 1)) * math.sqrt(_variance(values, raters, clips))
    return Interval(average, average - half, average + half, len(values), len(set(raters)), len(set(clips)))


def proportion(values: Values, raters: list[str], clips: list[str]) -> Interval:
    """Share of ones in answers (n,) of 0 and 1 with its 95 % Wilson interval.

    Instead of n the interval uses the number of independent answers with the same variance (as in `mean`), at most n
    and at least 1. Where all answers are alike, it uses the number of raters or clips, whichever is smaller. NaN limits
    for a single rater or clip.
    Raises ValueError without answers, and for those that are not finite.
    """
    _check(values)
    share, groups = float(values.mean()), min(len(set(raters)), len(set(clips)))
    low = high = math.nan
    if groups > 1:
        variance = _variance(values, raters, clips)
        count = min(max(share * (1 - share) / variance, 1.0), len(values)) if variance > 0 else groups
        low, high = _wilson(share, count)
    return Interval(share, low, high, len(values), len(set(raters)), len(set(clips)))


def _check(values: Values) -> None:
    if not len(values) or not np.isfinite(values).all():
        raise ValueError(f"{len(values)} ratings, {np.count_nonzero(~np.isfinite(values))} of them NaN or infinite")


def _wilson(share: float, count: float) -> tuple[float, float]:
    z = float(stats.norm.ppf(0.5 + CONFIDENCE / 2))
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return centre - half, centre + half


def _variance(values: Values, raters: list[str], clips: list[str]) -> float:
    """Variance of the mean, clustered by rater and by clip; at least that of clustering by one of them, or none."""
    residuals = values - values.mean()
    parts = []
    for names in (raters, clips, list(zip(raters, clips, strict=True))):
        sums: dict[object, float] = {}
        for name, residual in zip(names, residuals, strict=True):
            sums[name] = sums.get(name, 0.0) + residual
        count = len(sums)
        parts.append(sum(total**2 for total in sums.values()) / len(values) ** 2 * count / max(count - 1, 1))
    by_rater, by_clip, single = parts
    return max(by_rater + by_clip - single, by_rater, by_clip, single)


def alpha(units: Iterable[Iterable[float]]) -> float:
    """Krippendorff's alpha for interval data; for answers of 0 and 1 it is the nominal one too.

    units: the ratings of each unit, by any number of raters; units with fewer than two ratings do not count. 1 is full
    agreement, 0 is chance. NaN where no unit has two ratings, or all ratings are the same.
    """
    pairable = [np.array(values, dtype=float) for values in map(list, units) if len(values) > 1]
    if not pairable:
        return math.nan
    # Sum over ordered pairs of (a - b)^2 = 2 m times the sum of squares about the mean.
    every = np.concatenate(pairable)
    observed = sum(2 * len(values) / (len(values) - 1) * _squares(values) for values in pairable) / len(every)
    expected = 2 * _squares(every) / (len(every) - 1)
    return 1 - observed / expected if expected > 0 else math.nan


def _squares(values: Values) -> float:
    return float(((values - values.mean()) ** 2).sum())


def text(summary: Summary) -> str:
    """The summary as a table for the console; a dash for what nobody rated, and no interval for one rater or clip."""
    lines = ["system".ljust(16) + "".join(score.ljust(30) for score in summary.agreement)]
    for system, scores in summary.systems.items():
        line = system.ljust(16)
        for score in summary.agreement:
            cell = "-"
            if score in scores:
                interval = scores[score]
                limits = f" [{interval.low:.2f}, {interval.high:.2f}]" if math.isfinite(interval.low) else ""
                cell = f"{interval.mean:.2f}{limits} n={interval.n}"
            line += cell.ljust(30)
        lines.append(line.rstrip())
    alphas = ["-" if math.isnan(value) else f"{value:.2f}" for value in summary.agreement.values()]
    lines.append("alpha".ljust(16) + "".join(cell.ljust(30) for cell in alphas))
    return "\n".join(line.rstrip() for line in lines)
