"""All rows of one clip of other systems, from files: the systems and controls, heard by the functions of evaluate.

A clip is a reference file and the file of each system that has one of its name. Its rows are the systems and what
is made beside it: `truth` (itself), `clicks` (one per second), `clicks120` (120 BPM), `delayed` (250 ms late, its last
250 ms before), with an autoencoder `ceiling` (itself, rebuilt) and, with training music, `random` (some of it).

Lengths: the protocols cut as `rhythm.score` does; for `strict` and for the distances generated music is heard up to
the reference's end. What is missing of a shorter one counts as not there. Beats of the dance count up to the
reference's end as well.

Nothing here but `Clip.rebuild` needs PyTorch, which worker processes take seconds to import.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from pace.clip import SAMPLE_RATE
from pace.evaluation.controls import DELAY, click_track
from pace.evaluation.embedders import descriptors
from pace.evaluation.metrics import beat_alignment, onsets
from pace.evaluation.metrics.beat_alignment import ALIGNMENT
from pace.evaluation.metrics.rhythm import BINNED, STRICT, compare
from pace.media import sounds
from pace.media.sounds import Sound, audible
from pace.media.streams import MediaError
from pace.scoring.annotations import NOTHING, Known

CONTROLS = ("truth", "ceiling", "random", "clicks", "clicks120", "delayed")

Scores = dict[str, dict[str, float]]  # protocol -> metric -> value


@dataclasses.dataclass(frozen=True)
class Clip:
    """A reference and the generated file of each system that has one, under a common name.

    random: a file of training music and where in it, as a share of what is longer than the reference.
    rebuild: what makes the ceiling of the reference, both (S,) at 22,050 Hz.
    known: what is known of the reference beside its sound.
    """

    name: str
    reference: Path
    generated: dict[str, Path]
    random: tuple[Path, float] | None = None
    rebuild: Callable[[np.ndarray], np.ndarray] | None = None
    known: Known = NOTHING


@dataclasses.dataclass(frozen=True)
class Heard:
    """What is heard in one clip: by row, scores and descriptors; by system, its events. `truth`: the reference's.

    rebuilt: the ceiling (S,) at 22,050 Hz, kept where networks will listen to it, as it takes long to make.
    faults: what is wrong with the reference (under `reference`) and with the systems' files. unreadable: why a file
    could not be used; an unreadable reference leaves everything else empty.
    """

    clip: Clip
    truth: onsets.Events | None = None
    generated: dict[str, onsets.Events] = dataclasses.field(default_factory=dict)
    scores: dict[str, Scores] = dataclasses.field(default_factory=dict)
    points: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    rebuilt: np.ndarray | None = None
    faults: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    unreadable: dict[str, str] = dataclasses.field(default_factory=dict)


def clips_of(matches: Mapping[str, sounds.Matches], training: Sequence[Path] = (), seed: int = 0) -> list[Clip]:
    """The clips of all systems, by the name of the reference, each with a random piece of the training music.

    Paths are made absolute: worker processes live on between calls and may be in another folder.
    """
    found: dict[Path, Clip] = {}
    for system, matched in matches.items():
        for name, (reference, generated) in matched.pairs.items():
            clip = found.setdefault(reference, Clip(name, reference.absolute(), {}))
            clip.generated[system] = generated.absolute()
    clips = sorted(found.values(), key=lambda clip: (clip.name, clip.reference))
    if not training:
        return clips
    rng = np.random.default_rng(seed)
    files = rng.choice(len(training), len(clips), replace=len(training) < len(clips))
    pieces = [(training[i].absolute(), float(place)) for i, place in zip(files, rng.random(len(clips)), strict=True)]
    return [dataclasses.replace(clip, random=piece) for clip, piece in zip(clips, pieces, strict=True)]


def controls(reference: Sound) -> dict[str, Sound]:
    """The rows that are made of a reference alone."""
    wave, rate = reference.wave, reference.sample_rate
    late = np.roll(wave, round(DELAY * rate))  # the same sounds: silence before them would be heard by the distances
    clicks = {"clicks": click_track(len(wave), rate, 60), "clicks120": click_track(len(wave), rate, 120)}
    return {row: Sound(made, rate) for row, made in {"truth": wave, **clicks, "delayed": late}.items()}


def piece(sound: Sound, seconds: float, place: float) -> Sound:
    """A piece of a sound, from `place` in [0,1] of what is longer than the piece."""
    first = int(place * max(0.0, sound.seconds - seconds) * sound.sample_rate)
    return dataclasses.replace(sound, wave=sound.wave[first : first + round(seconds * sound.sample_rate)])


def sounds(clip: Clip) -> tuple[Sound | None, dict[str, Sound], dict[str, str]]:
    """Reference, rows and the reasons of files that cannot be read; without a reference there is nothing else."""
    unreadable = {}
    try:
        reference = sounds.read(clip.reference)
    except (MediaError, OSError) as error:
        return None, {}, {"reference": str(error)}
    rows = controls(reference)
    if clip.rebuild:
        rows["ceiling"] = Sound(clip.rebuild(reference.at(SAMPLE_RATE)), SAMPLE_RATE)
    for system, path in clip.generated.items():
        try:
            rows[system] = sounds.read(path)
        except (MediaError, OSError) as error:
            unreadable[system] = str(error)
    if clip.random:
        path, place = clip.random
        try:
            rows["random"] = piece(sounds.read(path), reference.seconds, place)
        except (MediaError, OSError) as error:
            unreadable["random"] = str(error)
    return reference, rows, unreadable


def score(reference: np.ndarray, generated: np.ndarray, protocols: tuple[str, ...], known: Known = NOTHING) -> Scores:
    """Scores of one pair of waves (R,), (S,) at 22,050 Hz, lengths aligned as the module says.

    With motion beats also `alignment`.
    """

    @functools.cache
    def events(which: str, samples: int) -> onsets.Events:
        return onsets.events({"reference": reference, "generated": generated}[which][:samples], SAMPLE_RATE)

    scores = {}
    for protocol in protocols:
        cut = protocol in BINNED and BINNED[protocol].cut
        true = events("reference", min(len(reference), len(generated)) if cut else len(reference))
        whole = len(generated) if protocol != STRICT else min(len(generated), len(reference))
        scores[protocol] = compare(true, events("generated", whole), protocol, known.beats, known.bpm)
    if known.motion_beats is not None:
        heard = events("generated", min(len(generated), len(reference)))
        scores[ALIGNMENT] = beat_alignment.compare(known.motion_beats, heard.beats)
    return scores


def listen(clip: Clip, protocols: tuple[str, ...], keep_ceiling: bool = False) -> Heard:
    """Score all rows of one clip and describe them. Runs in a worker process."""
    reference, rows, unreadable = sounds(clip)
    if reference is None:
        return Heard(clip, unreadable=unreadable)
    true = reference.at(SAMPLE_RATE)
    clip = dataclasses.replace(clip, known=clip.known.until(reference.seconds))
    waves = {row: sound.at(SAMPLE_RATE) for row, sound in rows.items()}
    return Heard(
        clip,
        onsets.events(true, SAMPLE_RATE),
        {system: onsets.events(waves[system], SAMPLE_RATE) for system in clip.generated if system in waves},
        {row: score(true, wave, protocols, clip.known) for row, wave in waves.items()},
        {row: descriptors.embed(audible(wave[: len(true)], SAMPLE_RATE), SAMPLE_RATE) for row, wave in waves.items()},
        waves.get("ceiling") if keep_ceiling else None,
        {row: sound.faults for row, sound in (("reference", reference), *rows.items()) if sound.faults},
        unreadable,
    )
