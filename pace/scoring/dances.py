"""`python -m pace score --dances`: how well music fits dances that have no true music (or none that can be trusted).

The beats of each dance are compared with those of the music made for it, and with those of the music made for all other
dances, in both directions (`metrics.beat_alignment`). Alignment alone proves nothing: music with many beats fits every
dance. What counts is by how much own music fits better than that of the others. The row `clock` is a click at each beat
of the dance's clock (`evaluation.dance_clock`), for comparison.
"""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from pace.clip import SAMPLE_RATE
from pace.evaluation import score_clips
from pace.evaluation.beat_trackers import BeatTracker
from pace.evaluation.controls import CLOCK, clicks_at
from pace.evaluation.dance_clock import read_clocks
from pace.evaluation.intervals import PAIR_RESAMPLES, score_intervals
from pace.evaluation.metric_validity import Pair, separated
from pace.evaluation.metrics import beat_alignment, bootstrap
from pace.evaluation.metrics.beat_alignment import ALIGNMENT, read_motion_beats
from pace.evaluation.metrics.onsets import events
from pace.evaluation.rounding import without_nan
from pace.evaluation.scores import Scores
from pace.evaluation.table import summarise_row
from pace.media import sounds
from pace.motion.energy import EnergyParams
from pace.pipeline import isolated
from pace.scoring import groups, matching
from pace.scoring.annotations import check_poses

OWN, OTHERS, DIFFERENCE = "own", "others", "difference"
FIGURES = ("bas", "bas_music")


@dataclasses.dataclass(frozen=True)
class Heard:
    """Beats (B,) in seconds, of a dance or of music, and how long it lasts."""

    beats: np.ndarray
    seconds: float


def score(
    poses: Path,
    systems: Mapping[str, Path],
    tracker: BeatTracker,
    energy: EnergyParams,
    endings: tuple[str, ...] = matching.ENDINGS,
    group: str | None = None,
) -> dict[str, Any]:
    """The result as nested dicts of JSON values.

    - `rows`: system, or `clock` -> `dances` scored, `own`, `others` and their `difference` -> `bas` (over the dance's
      beats) and `bas_music` (over the music's); `interval`: the same -> figure -> ends of the 95 % interval, resampled
      by dance, or by the source that the pattern `group` finds in its name.
    - `not_above_clock`: system -> figures in which its own music is not above the row `clock`.
    - `beats`: what heard those of the music. `group`: see `groups.describe`.
    - `files`: `unmatched`, `unusable` poses and `unreadable` music, by system, and why.

    Raises ValueError where nothing can be scored.
    """
    check_poses(poses)
    files = sorted(poses.rglob("*.npz"))
    surveyed = {system: matching.survey(folder) for system, folder in systems.items()}
    matches = {
        system: matching.match(files, found.files, endings, (poses, found.root)) for system, found in surveyed.items()
    }
    paths = {name: pose for matched in matches.values() for name, (pose, _) in matched.pairs.items()}
    if not paths:
        example = files[0].stem if files else "CLIP"
        raise ValueError(f"no music has the name of a pose in {poses}, such as {example!r}; see --suffixes")
    dances, unusable = read_dances(paths)
    sources = groups.group_names(sorted(paths), group)
    score_clips.compile_once()
    music: dict[str, dict[str, Heard]] = {}
    unreadable = {}
    for system, matched in matches.items():
        jobs = {name: (music, tracker) for name, (_, music) in matched.pairs.items() if name in dances}
        running = isolated.run(system, hear, jobs)
        outcomes = dict(tqdm(running, total=len(jobs), desc=system, unit="dance", disable=None))
        if failed := {name: str(outcome.reason) for name, outcome in outcomes.items() if outcome.value is None}:
            unreadable[system] = failed
        music[system] = {name: outcome.value for name, outcome in outcomes.items() if outcome.value is not None}
    if not any(music.values()):
        first = next(iter([*unusable.values(), *(why for files in unreadable.values() for why in files.values())]))
        raise ValueError(f"no dance can be scored; the first: {first}")
    music[CLOCK] = click_clocks({name: paths[name] for name in dances}, dances, tracker, energy)
    own = {row: {name: align(dances[name], heard[name]) for name in sorted(heard)} for row, heard in music.items()}
    unmatched = {
        system: {"dances": len(matched.reference_only), "music": len(matched.generated_only)}
        for system, matched in matches.items()
        if matched.reference_only or matched.generated_only
    }
    return {
        "dances": str(poses),
        "systems": {name: str(folder) for name, folder in systems.items()},
        "beats": tracker.label,
        "group": groups.describe(sorted(dances), group),
        "rows": {row: entry(dances, heard, own[row], sources) for row, heard in music.items()},
        "not_above_clock": {system: not_above(own[system], own[CLOCK], sources) for system in systems},
        "files": {"unmatched": unmatched, "unusable": unusable, "unreadable": unreadable},
    }


def read_dances(paths: Mapping[str, Path]) -> tuple[dict[str, Heard], dict[str, str]]:
    """The beats of the dances, and why others cannot be used."""
    dances, unusable = {}, {}
    for name, path in paths.items():
        try:
            motion = read_motion_beats(path, 0, math.inf)
        except ValueError as error:  # not a pose
            unusable[name] = str(error)
            continue
        if motion is None or motion.times is None:
            unusable[name] = motion.unusable if motion else f"{path}: no such file"
        elif not len(motion.times):
            unusable[name] = f"{path.name}: its dance has no beats"
        else:
            pose, fps, *_ = beat_alignment.read_pose(path)
            dances[name] = Heard(motion.times, len(pose) / fps)
    return dances, unusable


def hear(path: Path, tracker: BeatTracker) -> Heard:
    """The beats of a music file. Runs in a worker process."""
    sound = sounds.read(path)
    return Heard(events(sound.at(SAMPLE_RATE), SAMPLE_RATE, tracker).beats, sound.seconds)


def click_clocks(
    paths: Mapping[str, Path], dances: Mapping[str, Heard], tracker: BeatTracker, energy: EnergyParams
) -> dict[str, Heard]:
    """What the tracker hears in clicks at the clock of each dance that has one."""
    music = {}
    for name, path in paths.items():
        (clock,) = read_clocks(path, [(0, math.inf)], energy)
        if clock:
            seconds = dances[name].seconds
            clicks = clicks_at(clock.beats(seconds), round(seconds * SAMPLE_RATE), SAMPLE_RATE)
            music[name] = Heard(events(clicks, SAMPLE_RATE, tracker).beats, seconds)
    return music


def not_above(own: Mapping[str, Scores], clock: Mapping[str, Scores], sources: Mapping[str, str]) -> list[str]:
    """The figures in which own music is not above the clock of the same dances, as in `metric_validity.not_above`."""
    pairs = [Pair((own[name],), clock[name], (sources[name],)) for name in own if name in clock]
    return [figure for figure, above in separated(pairs, ALIGNMENT).items() if not above]


def entry(
    dances: Mapping[str, Heard], music: Mapping[str, Heard], own: Mapping[str, Scores], sources: Mapping[str, str]
) -> dict[str, Any]:
    """The row of a system. music: dance -> what was made for it; own: its scores."""
    names = list(own)
    pairs = [(one, other) for one in names for other in names if sources[one] != sources[other]]
    others = [align(dances[one], music[other]) for one, other in pairs]
    differences = [
        {ALIGNMENT: {key: own[one][ALIGNMENT][key] - value[ALIGNMENT][key] for key in FIGURES}}
        for (one, _), value in zip(pairs, others, strict=True)
    ]
    both = [(sources[one], sources[other]) for one, other in pairs]
    row: dict[str, Any] = {"dances": len(names), "interval": {}}
    for kind, scores, of, resamples in (
        (OWN, list(own.values()), [sources[name] for name in names], bootstrap.RESAMPLES),
        (OTHERS, others, both, PAIR_RESAMPLES),
        (DIFFERENCE, differences, both, PAIR_RESAMPLES),
    ):
        row[kind] = without_nan(summarise_row(scores).get(ALIGNMENT, {}))
        row["interval"][kind] = score_intervals(scores, of, resamples).get(ALIGNMENT, {})
    return row


def align(dance: Heard, music: Heard) -> Scores:
    """The alignment over the time that dance and music both last."""
    end = min(dance.seconds, music.seconds)
    return {ALIGNMENT: beat_alignment.compare(dance.beats[dance.beats < end], music.beats[music.beats < end])}
