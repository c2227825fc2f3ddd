"""Every metric with NaN, infinity, nothing, a constant and one item: never a silent 0, nor a warning from deep inside.

It gives an error that names the fault, a missing value, or what is true.

To add a metric, add a line to METRICS: a function of one array, the good array, and what each bad one should give.
"""

import math
import warnings

import numpy as np
import pytest

from pace.evaluation.distances import Distances
from pace.evaluation.embedders import descriptors
from pace.evaluation.ground_truth import Truth
from pace.evaluation.metrics import beat_alignment, bootstrap, frechet, jackknife, onsets, pose_accuracy, rhythm
from pace.motion.energy import EnergyParams, energies
from pace.scoring import opinion_scores

SR = 22050
RNG = np.random.default_rng(0)
ENERGY = EnergyParams(6.0, 1.2, 2, "unit", "keep")
TIME = np.arange(3 * SR) / SR
DRUM = (0.3 * RNG.normal(size=len(TIME)) * np.exp(-30 * (TIME % 0.5))).astype(np.float32)
POSE = np.cumsum(RNG.normal(size=(90, 17, 3)), axis=0)
KEYPOINTS = np.concatenate([50 + POSE[..., :2], np.full((90, 17, 1), 0.5)], axis=-1)
TRUTH = Truth(POSE, POSE[..., :2] + 50, np.zeros(0), 30.0)
BEATS = np.arange(0.25, 3, 0.5)
COLUMN = np.concatenate([[[0.5]], RNG.random((11, 1))])
CLIPS = RNG.normal(size=(12, 3, 4))
HEARD = onsets.Events(3.0, {name: BEATS for name in onsets.PICKING}, BEATS, 120.0)
MISSING = "missing"  # every value is NaN
NOT_FINITE = "NaN or infinit"
NO_FRAMES = "no frames|without frames"


def number(value):
    """A check that every number is about this."""
    return lambda values: values == pytest.approx([value] * len(values), abs=1e-6) and len(values) > 0


def finite(values):
    return len(values) > 0 and np.isfinite(values).all()


def some(*expected):
    """A check of each number; None where it is missing."""
    return lambda values: [None if math.isnan(v) else round(v, 6) for v in values] == list(expected)


def wave_score(protocol, reference=True):
    def metric(wave):
        pair = (wave, DRUM) if reference else (DRUM, wave)
        return list(rhythm.score(*pair, SR, protocol).values())

    return metric


def keypoint_metrics(keypoints):
    detected = np.ones(len(keypoints), dtype=bool)
    return [
        *pose_accuracy.keypoint_metrics(keypoints, "h36m", 30.0, np.array([9, 9]), detected, TRUTH, (9, 9)).values()
    ]


def distance(points):
    """Distance and interval of clips whose embeddings are the given ones, of row a."""
    clips = [{"truth": {"x": true}, "a": {"x": own}} for true, own in zip(CLIPS, points, strict=False)]
    figures, limits, _ = Distances(clips, [str(i) for i in range(len(clips))]).row_figures("a")
    return [figures.get("x", {}).get("fad", math.nan), *limits.get("x", {}).get("fad", (math.nan, math.nan))]


def jackknife_figures(left_out):
    low, high = jackknife.interval(1.0, left_out)
    difference = jackknife.difference(1.0, 0.5, left_out, np.zeros(len(left_out)))
    return [low, high, difference.low, difference.high, difference.p]


def bootstrap_difference(values):
    result = bootstrap.difference(values, np.zeros_like(values), range(len(values)))
    return [*result.interval.ravel(), *result.p]


def rating(values, estimate):
    interval = estimate(values, [str(i) for i in range(len(values))], [str(i) for i in range(len(values))])
    return [interval.low, interval.high]


def energy(pose):
    return np.concatenate(energies(pose, 30.0, ENERGY)).ravel()


# metric -> function, good input, and what NaN, infinity, nothing, a constant and a single item give: MISSING, a check
# of the values, the message of a ValueError, or None where the input makes no sense.
WAVE = (NOT_FINITE, NOT_FINITE, MISSING, MISSING, MISSING)
FAILS = number(0)  # the reference has onsets, the music has none
METRICS = {
    **{f"{name} of a reference": (wave_score(name), DRUM, WAVE) for name in rhythm.PROTOCOLS},
    **{
        f"{name} of music": (wave_score(name, False), DRUM, (NOT_FINITE, NOT_FINITE, FAILS, FAILS, FAILS))
        for name in rhythm.BINNED
    },
    "strict of music": (
        lambda wave: wave_score("strict", False)(wave)[:7], DRUM, (NOT_FINITE, NOT_FINITE, FAILS, FAILS, FAILS)
    ),
    "beats of a reference": (
        lambda beats: list(rhythm.compare(HEARD, HEARD, "strict", beats).values())[2:], BEATS,
        (NOT_FINITE, NOT_FINITE, MISSING, None, some(round(2 / 7, 6), round(2 / 7, 6), None, None, None, None, None)),
    ),
    "tempo of a reference": (
        lambda bpm: rhythm.compare(HEARD, HEARD, "strict", None, float(bpm.mean())).values(), np.array([120.0]),
        ("tempo is nan BPM", "tempo is inf BPM", None, None, None),
    ),
    "summary of bins": (
        lambda values: list(rhythm.summarise([{"bcs": v, "bhs": v} for (v,) in values.tolist()]).values()), COLUMN,
        (finite, None, "empty", some(0.5, 0, 0.5, 0, 0.5), some(0.5, None, 0.5, None, 0.5)),
    ),
    "beats of a dance": (
        lambda motion: list(beat_alignment.compare(motion, BEATS).values()), BEATS,
        (NOT_FINITE, NOT_FINITE, MISSING, finite, finite),
    ),
    "beats of music": (
        lambda music: list(beat_alignment.compare(BEATS, music).values()), BEATS,
        (NOT_FINITE, NOT_FINITE, FAILS, finite, finite),
    ),
    "motion beats": (
        lambda pose: [float(len(beat_alignment.motion_beats(pose, 30.0)))], POSE,
        (NOT_FINITE, NOT_FINITE, "track of 0 frames", number(0), "track of 1 frames"),
    ),
    "energies": (energy, POSE, (NOT_FINITE, NOT_FINITE, NO_FRAMES, "torso has length 0", "track of 1 frames")),
    "pck": (
        lambda joints: [pose_accuracy.pck(joints, joints)], POSE[..., :2],
        (NOT_FINITE, NOT_FINITE, NO_FRAMES, "has no size", number(1)),
    ),
    "mpjpe": (
        lambda joints: [pose_accuracy.mpjpe(POSE[: len(joints)], joints)], POSE,
        (NOT_FINITE, NOT_FINITE, NO_FRAMES, "torso has no length", finite),
    ),
    "correlations": (
        lambda track: pose_accuracy.correlations(track[:, :5, 0], POSE[: len(track), :5, 1]), POSE,
        (NOT_FINITE, NOT_FINITE, "without frames", MISSING, MISSING),
    ),
    "keypoint metrics": (keypoint_metrics, KEYPOINTS, (NOT_FINITE, NOT_FINITE, NO_FRAMES, finite, finite)),
    "pose metrics": (
        lambda pose: list(pose_accuracy.pose_metrics(pose, 30.0, TRUTH, ENERGY).values()), POSE,
        (NOT_FINITE, NOT_FINITE, NO_FRAMES, "torso has length 0", "track of 1 frames"),
    ),
    "mean over videos": (
        lambda values: list(pose_accuracy.mean([{"a": v} for (v,) in values.tolist()]).values()) or [math.nan], COLUMN,
        (finite, None, MISSING, number(0.5), number(0.5)),
    ),
    "bootstrap interval": (
        lambda values: bootstrap.interval(values, range(len(values))).ravel(), COLUMN,
        (NOT_FINITE, NOT_FINITE, "n > 0", number(0.5), MISSING),
    ),
    "bootstrap of deviations": (
        lambda values: bootstrap.interval(values, range(len(values)), bootstrap.deviation).ravel(), COLUMN,
        (NOT_FINITE, NOT_FINITE, "n > 0", number(0), MISSING),
    ),
    "bootstrap difference": (
        bootstrap_difference, COLUMN, (NOT_FINITE, NOT_FINITE, "n > 0", finite, MISSING)
    ),
    "Frechet distance": (
        lambda points: [frechet.frechet(points, CLIPS[1])], CLIPS[0],
        (NOT_FINITE, NOT_FINITE, "two rows", finite, "two rows"),
    ),
    "pooled distance": (
        lambda points: [frechet.pooled(points, CLIPS[1])], CLIPS[0],
        (NOT_FINITE, NOT_FINITE, "two rows", finite, finite),
    ),
    "distance of a row": (
        distance, CLIPS,
        (finite, finite, MISSING, finite, lambda values: finite(values[:1]) and np.isnan(values[1:]).all()),
    ),
    "jackknife": (jackknife_figures, COLUMN[:, 0], (MISSING, MISSING, MISSING, finite, MISSING)),
    "descriptors": (
        lambda wave: descriptors.embed(wave, SR).ravel(), DRUM,
        ("not finite|NaN", "not finite|NaN", r"shape \(0,\)", finite, finite),
    ),
    "mean rating": (
        lambda values: rating(values[:, 0], opinion_scores.mean), 1 + COLUMN,
        ("NaN or inf", "NaN or inf", "0 ratings", number(0.5), MISSING),
    ),
    "share taken for real": (
        lambda values: rating(values[:, 0], opinion_scores.proportion), COLUMN.round(),
        ("NaN or inf", "NaN or inf", "0 ratings", finite, MISSING),
    ),
    "agreement": (
        lambda values: [opinion_scores.alpha([[v, v] for v in values[:, 0]])], COLUMN,
        (None, None, MISSING, MISSING, MISSING),
    ),
}  # fmt: skip
KINDS = ("NaN", "infinity", "nothing", "constant", "one")


def bad(good, kind):
    """The good input with one bad item, without items, with equal items, or cut to the first."""
    worse = np.array(good, dtype=float)
    if kind in ("NaN", "infinity"):
        worse[len(worse) // 2] = {"NaN": np.nan, "infinity": np.inf}[kind]
    if kind == "constant":
        worse[:] = 0.5
    return {"nothing": worse[:0], "one": worse[:1]}.get(kind, worse)


@pytest.mark.parametrize("metric", METRICS)
def test_good_input_has_a_value(metric):
    function, good, _ = METRICS[metric]
    assert np.isfinite(list(function(np.array(good)))).any()


@pytest.mark.parametrize(
    ("metric", "kind"),
    [(name, kind) for name, line in METRICS.items() for kind, expected in zip(KINDS, line[2], strict=True) if expected],
)
def test_bad_input_is_named_or_missing(metric, kind):
    function, good, outcomes = METRICS[metric]
    expected = outcomes[KINDS.index(kind)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if expected == MISSING:
            assert np.isnan(list(function(bad(good, kind)))).all()
        elif isinstance(expected, str):
            with pytest.raises(ValueError, match=expected):
                function(bad(good, kind))
        else:
            assert expected(list(function(bad(good, kind))))
