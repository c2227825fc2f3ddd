"""The clips of `pace score`: a reference file each, with the file of the same name of every system that has one.

Besides the systems, a clip has rows made of its reference: `truth` (itself), `clicks` (one per second), `clicks120`
(120 BPM), `delayed` (250 ms late, its last 250 ms first), and with an autoencoder `ceiling` (itself, rebuilt). With
training music it has `random`, some of it, with a pose `clock`, and with the poses of the training music `retrieval`.

Files may have any length. Protocols cut as `rhythm.score` does; `strict`, `dynamics`, `alignment` and the distances
use generated music up to the reference's end. A shorter file has nothing in the part that it lacks.

Nothing here but `FileClip.rebuild` needs PyTorch, which worker processes take seconds to import.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pace.clip import SAMPLE_RATE
from pace.evaluation.clips import CEILING, TRUTH, Clip, ClipSounds
from pace.evaluation.controls import CLOCK, DELAY, RETRIEVAL, click_track, clicks_at
from pace.evaluation.dance_clock import Clock, Timed, start_in_phase
from pace.evaluation.metrics.beat_alignment import ALIGNMENT
from pace.evaluation.metrics.dynamics import DYNAMICS
from pace.evaluation.metrics.rhythm import BINNED, STRICT
from pace.media import sounds
from pace.media.sounds import Sound
from pace.media.streams import MediaError
from pace.scoring.matching import Matches

REFERENCE = "reference"  # key of the reference file's faults
CONTROLS = (TRUTH, CEILING, CLOCK, RETRIEVAL, "random", "clicks", "clicks120", "delayed")

Rebuild = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]


@dataclasses.dataclass(frozen=True)
class FileClip:
    """The files of one clip (a ClipFiles). generated: system -> file.

    random: a file of training music, and the start of the excerpt, as a share of the latest possible start.
    rebuild: the function that makes the ceiling of the reference, both (S,) at 22,050 Hz. clock: that of the dance.
    retrieved: the training music whose dance has the nearest clock.
    """

    reference: Path
    generated: dict[str, Path]
    random: tuple[Path, float] | None = None
    rebuild: Rebuild | None = None
    clock: Clock | None = None
    retrieved: Timed[Path] | None = None

    def read(self, rebuilt: Mapping[str, Sound] | None = None) -> ClipSounds:
        """All rows at the files' own rates; none where the reference cannot be read."""
        try:
            reference = sounds.read(self.reference)
        except (MediaError, OSError) as error:
            return ClipSounds({}, unreadable={REFERENCE: str(error)})
        rows, unreadable = controls(reference), {}
        if self.rebuild:
            rows |= rebuilt or {CEILING: Sound(self.rebuild(reference.at(SAMPLE_RATE)), SAMPLE_RATE)}
        for system, path in self.generated.items():
            try:
                rows[system] = sounds.read(path)
            except (MediaError, OSError) as error:
                unreadable[system] = str(error)
        if self.random:
            path, position = self.random
            try:
                rows["random"] = sounds.read(path).piece(reference.seconds, position)
            except (MediaError, OSError) as error:
                unreadable["random"] = str(error)
        if self.clock:
            ticks = self.clock.beats(reference.seconds)
            clicks = clicks_at(ticks, len(reference.wave), reference.sample_rate)
            rows[CLOCK] = Sound(clicks, reference.sample_rate)
        if self.clock and self.retrieved:
            try:
                rows[RETRIEVAL] = in_phase(self.clock, self.retrieved, reference.seconds)
            except (MediaError, OSError) as error:
                unreadable[RETRIEVAL] = str(error)
        faults = {row: sound.faults for row, sound in ((REFERENCE, reference), *rows.items()) if sound.faults}
        return ClipSounds(rows, faults, unreadable)

    def failed(self, reason: str) -> dict[str, str]:
        """The reason for every system: nobody knows which of the clip's files is at fault."""
        return {system: f"{reason} (files: {self.reference}, {path})" for system, path in self.generated.items()}

    def compared_lengths(self, protocol: str, truth: int, row: int) -> tuple[int, int]:
        """Numbers of samples of the reference and of the row that `protocol` compares: see the module."""
        common = min(truth, row)
        if protocol in BINNED:
            return common if BINNED[protocol].cut else truth, row
        return truth, common if protocol in (STRICT, DYNAMICS, ALIGNMENT) else row


def clips_of(
    matches: Mapping[str, Matches], training: Sequence[Path] = (), rebuild: Rebuild | None = None, seed: int = 0
) -> list[Clip]:
    """The clips of all systems, by the name of the reference, each with a random piece of the training music.

    Each clip is a source of its own. Paths are made absolute: worker processes live on between calls and may be in
    another folder.
    """
    names: dict[Path, str] = {}
    generated: dict[Path, dict[str, Path]] = {}
    for system, matched in matches.items():
        for name, (reference, path) in matched.pairs.items():
            names.setdefault(reference.absolute(), name)
            generated.setdefault(reference.absolute(), {})[system] = path.absolute()
    references = sorted(names, key=lambda reference: (names[reference], reference))
    pieces: list[tuple[Path, float]] | list[None] = [None] * len(references)
    if training:
        rng = np.random.default_rng(seed)
        files = rng.choice(len(training), len(references), replace=len(training) < len(references))
        positions = rng.random(len(references))
        pieces = [(training[i].absolute(), float(position)) for i, position in zip(files, positions, strict=True)]
    return [
        with_source(
            Clip(names[reference], "", "", "", FileClip(reference, generated[reference], piece, rebuild)),
            names[reference],
        )
        for reference, piece in zip(references, pieces, strict=True)
    ]


def with_source(clip: Clip, source: str) -> Clip:
    """A copy of the clip with `source` as its source, video and music."""
    return dataclasses.replace(clip, video=source, music=source, source=source)


def with_clock(clip: Clip, clock: Clock | None, retrieved: Timed[Path] | None) -> Clip:
    """A copy of a clip of files with the clock of its dance, and the training music whose dance has the nearest one."""
    if not isinstance(clip.files, FileClip):
        raise TypeError(f"{clip.name} is no clip of files")
    return dataclasses.replace(clip, files=dataclasses.replace(clip.files, clock=clock, retrieved=retrieved))


def in_phase(clock: Clock, music: Timed[Path], seconds: float) -> Sound:
    """At most `seconds` of training music in phase with a dance; silence before its start. Raises as `sounds.read`."""
    sound = sounds.read(music.piece)
    start = start_in_phase(clock, music.clock, min(seconds, sound.seconds), 0.0, sound.seconds - seconds)
    first = round(start * sound.sample_rate)
    wave = np.pad(sound.wave, (max(-first, 0), 0))[max(first, 0) :][: round(seconds * sound.sample_rate)]
    return dataclasses.replace(sound, wave=wave)


def controls(reference: Sound) -> dict[str, Sound]:
    """The rows that are made of a reference alone."""
    wave, rate = reference.wave, reference.sample_rate
    late = np.roll(wave, round(DELAY * rate))  # the same sounds: silence at the start would change the distances
    clicks = {"clicks": click_track(len(wave), rate, 60), "clicks120": click_track(len(wave), rate, 120)}
    return {row: Sound(samples, rate) for row, samples in {TRUTH: wave, **clicks, "delayed": late}.items()}
