"""Scoring a clip from its files: the events, scores and descriptors of all its rows.

Nothing here needs PyTorch, which worker processes take seconds to import, except a clip's files when they
rebuild its music.
"""

import contextlib
import dataclasses
import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from pace.audio.silence import is_silent
from pace.clip import SAMPLE_RATE
from pace.evaluation import controls
from pace.evaluation.beat_trackers import LIBROSA, BeatTracker
from pace.evaluation.clips import CEILING, MEL, TRUTH, Clip
from pace.evaluation.embedders import descriptors
from pace.evaluation.metrics.onsets import Events, events
from pace.evaluation.scores import Scores, score_waves
from pace.media.sounds import Sound, padded
from pace.pipeline import isolated


@dataclasses.dataclass(frozen=True)
class ScoredClip:
    """A scored clip. By row: events, scores against the true music, and descriptors (n,38).

    rebuilt: the sounds of the rows `mel` and `ceiling`, kept on request, as they take long to make. mel_error, faults,
    unreadable: as in ClipSounds. Without readable true music, or where it is silent, nothing is scored.
    """

    clip: Clip
    events: dict[str, Events] = dataclasses.field(default_factory=dict)
    scores: dict[str, Scores] = dataclasses.field(default_factory=dict)
    descriptors: dict[str, npt.NDArray[np.float64]] = dataclasses.field(default_factory=dict)
    rebuilt: dict[str, Sound] | None = None
    mel_error: float = math.nan
    faults: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    unreadable: dict[str, str] = dataclasses.field(default_factory=dict)
    silent: bool = False  # whether the true music is silent

    @property
    def name(self) -> str:
        """The clip's name."""
        return self.clip.name

    @property
    def source(self) -> str:
        """The dance or song that the clip comes from."""
        return self.clip.source


def score_clip(
    clip: Clip, protocols: tuple[str, ...], keep_rebuilt: bool = False, tracker: BeatTracker = LIBROSA
) -> ScoredClip:
    """Read, score and describe all rows of one clip. Runs in a worker process.

    Descriptors are of each row up to the end of the true music. Beats after that end do not count.
    """
    sounds = clip.files.read()
    if not sounds.rows:
        return ScoredClip(clip, unreadable=sounds.unreadable)
    if is_silent(sounds.rows[TRUTH].wave):
        return ScoredClip(clip, faults=sounds.faults, unreadable=sounds.unreadable, silent=True)
    clip = dataclasses.replace(clip, annotations=clip.annotations.until(sounds.rows[TRUTH].seconds))
    waves = {row: sound.at(SAMPLE_RATE) for row, sound in sounds.rows.items()}
    row_events, scores = score_waves(clip, waves, protocols, tracker)
    end = len(waves[TRUTH])
    return ScoredClip(
        clip,
        row_events,
        scores,
        {row: descriptors.embed(padded(wave[:end], SAMPLE_RATE), SAMPLE_RATE) for row, wave in waves.items()},
        {row: sounds.rows[row] for row in (MEL, CEILING) if row in sounds.rows} if keep_rebuilt else None,
        sounds.mel_error,
        sounds.faults,
        sounds.unreadable,
    )


def score_clips(
    clips: Sequence[Clip],
    protocols: tuple[str, ...],
    label: str,
    keep_rebuilt: bool = False,
    tracker: BeatTracker = LIBROSA,
) -> Iterator[ScoredClip]:
    """`score_clip` for every clip, several at a time, in their order. label: title of the progress bar.

    A clip that raises an exception or ends its worker process is not scored, and says why in `unreadable`.
    Raises TrackerError where the tracker's package or checkpoint is missing.
    """
    tracker.check()
    compile_once()
    items = {clip.name: (clip, protocols, keep_rebuilt, tracker) for clip in clips}
    done: dict[str, ScoredClip] = {}
    left = list(clips)
    with contextlib.closing(isolated.run(label, score_clip, items)) as outcomes:
        for name, outcome in tqdm(outcomes, total=len(clips), desc=label, unit="clip", disable=None):
            clip = items[name][0]
            done[name] = outcome.value or ScoredClip(clip, unreadable=clip.files.failed(outcome.reason or ""))
            while left and left[0].name in done:
                yield done.pop(left.pop(0).name)


def compile_once() -> None:
    """Detect events once, so that numba caches librosa's compiled functions before worker processes start.

    Processes that write that cache at the same time can leave it broken. Every later call then ends in a segmentation
    fault until the cache is removed.
    """
    events(controls.clicks(), SAMPLE_RATE)
