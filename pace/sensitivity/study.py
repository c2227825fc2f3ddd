"""What each rhythm metric sees: composed music against itself delayed, at other tempi, and with beats left out.

Each changed version is composed from scratch, so that only the change distinguishes it from the original: no stretched
sound, no cut.

- Delayed music starts with what the track played before the clip.
- At another tempo the same piece is played. It meets the original's beat in the middle of the clip.
- Where beats are left out, what falls between them is still played.

The true beats, the tempo and a matching dance are known. The other end of each scale is chance: music of other pieces.
"""

import dataclasses
from collections.abc import Iterable, Mapping

import joblib
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from pace.clip import CLIP_SAMPLES, CLIP_SECONDS, SAMPLE_RATE
from pace.evaluation import controls, score_clips
from pace.evaluation.metrics import beat_alignment, dynamics
from pace.evaluation.metrics.beat_alignment import ALIGNMENT
from pace.evaluation.metrics.dynamics import DYNAMICS
from pace.evaluation.metrics.onsets import Events, events
from pace.evaluation.metrics.rhythm import PROTOCOLS, compare, summarise
from pace.synthetic.choreography import choreograph
from pace.synthetic.clock import Clock
from pace.synthetic.music import recompose
from pace.synthetic.styles import STYLES, bpm_range

Changes = Mapping[str, tuple[float, ...]]  # change -> its sizes
Scores = dict[str, float]  # "{protocol} {metric}" -> value
Study = dict[tuple[str, float], Scores]  # (change or control, size) -> scores

CHANGES: Changes = {
    "delay": (0, 25, 50, 75, 100, 150, 200, 250, 300, 350, 400, 450, 500),  # milliseconds
    "tempo": (-20, -15, -10, -8, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 8, 10, 15, 20),  # percent faster
    "missing": (0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100),  # percent of the beats
}
CONTROLS = ("other", "clicks", "clicks120")
LEAD_S = 0.5  # music before the clip, for the longest delay
FPS = 60.0  # of the dance
SEED = 7


@dataclasses.dataclass(frozen=True)
class Piece:
    """One piece of music. Beat k is at first_beat + 60/bpm * k seconds of the clip."""

    style: str
    bpm: float
    first_beat: float
    seed: int

    @property
    def beats(self) -> npt.NDArray[np.float64]:
        """Times (B,) of the beats in the clip, in seconds."""
        step = 60 / self.bpm
        beats = self.first_beat + step * np.arange(-np.floor(self.first_beat / step), 1 + CLIP_SECONDS / step)
        return beats[beats < CLIP_SECONDS]

    @property
    def motion_beats(self) -> npt.NDArray[np.float64]:
        """Times (M,) of the beats of a dance to the piece, in seconds of the clip."""
        rng = np.random.default_rng((SEED, self.seed, 1))
        around = 60 / self.bpm * 4  # a bar before and after, so that the dance goes on beyond the clip's ends
        length = CLIP_SECONDS + 2 * around
        clock = Clock(self.bpm, self.first_beat + around)
        motion = choreograph(self.style, clock, length, FPS, rng).motion
        beats = beat_alignment.motion_beats(motion.joints, FPS) - around
        return beats[(beats >= 0) & (beats < CLIP_SECONDS)]

    def clip(
        self, bpm: float, first_beat: float, delay: float = 0.0, silent: frozenset[int] = frozenset()
    ) -> npt.NDArray[np.float32]:
        """The clip (110250,) with this tempo and first beat, `delay` seconds late, without the `silent` beats.

        It is always cut from a track of the same length, since the mix depends on the whole track.
        """
        track = recompose(self.style, bpm, first_beat + LEAD_S, LEAD_S + CLIP_SECONDS, self.seed, silent=silent)
        start = round((LEAD_S - delay) * SAMPLE_RATE)
        return track[start : start + CLIP_SAMPLES]

    def delayed(self, milliseconds: float) -> npt.NDArray[np.float32]:
        """The clip with its music late; it starts with what the track played before."""
        return self.clip(self.bpm, self.first_beat, milliseconds / 1000)

    def faster(self, percent: float) -> npt.NDArray[np.float32]:
        """The clip at another tempo; the beat nearest to its middle stays where it is."""
        fixed = self.beats[np.abs(self.beats - CLIP_SECONDS / 2).argmin()]
        factor = 1 + percent / 100
        return self.clip(factor * self.bpm, fixed - (fixed - self.first_beat) / factor)

    def without_beats(self, percent: float) -> npt.NDArray[np.float32]:
        """The clip with a share of its beats left out.

        The order is drawn once per piece, so that a larger share includes a smaller one.
        """
        beats = np.round((self.beats - self.first_beat) * self.bpm / 60).astype(int)
        before = beats[0] - 1 - np.arange(8)  # beats whose sound lasts into the clip
        rng = np.random.default_rng((SEED, self.seed, 0))
        left_out = [group[: round(percent / 100 * len(group))] for group in (rng.permutation(beats), before)]
        return self.clip(self.bpm, self.first_beat, silent=frozenset(np.concatenate(left_out).tolist()))


@dataclasses.dataclass(frozen=True)
class ChangedPiece:
    """The events of a piece after each change of it: (name of the change, size) -> events."""

    piece: Piece
    changes: dict[tuple[str, float], Events]

    @property
    def original(self) -> Events:
        """The events of the piece without a change."""
        return self.changes["delay", 0]


def pieces(count: int) -> list[Piece]:
    """Pieces of all styles in turn, each at a tempo of its style, beginning anywhere in a bar."""
    drawn = []
    for number in range(count):
        style = STYLES[number % len(STYLES)]
        rng = np.random.default_rng((SEED, number))
        bpm = rng.uniform(*bpm_range(style))
        drawn.append(Piece(style, bpm, rng.uniform(0, 240 / bpm), number))
    return drawn


def change_piece(piece: Piece, changes: Changes) -> ChangedPiece:
    """Compose each changed version of a piece and detect its events."""
    make = {"delay": piece.delayed, "tempo": piece.faster, "missing": piece.without_beats}
    return ChangedPiece(
        piece, {(name, size): events(make[name](size), SAMPLE_RATE) for name in changes for size in changes[name]}
    )


def score(reference: ChangedPiece, other: Events, motion: npt.NDArray[np.float64]) -> dict[str, dict[str, float]]:
    """Score the events of other music against a piece by each protocol, and against the beats (M,) of a dance to it."""
    piece = reference.piece
    scores = {name: compare(reference.original, other, name, piece.beats, piece.bpm) for name in PROTOCOLS}
    return scores | {
        DYNAMICS: dynamics.compare(reference.original, other),
        ALIGNMENT: beat_alignment.compare(motion, other.beats),
    }


def study(count: int, workers: int, changes: Changes = CHANGES) -> Study:
    """Scores over `count` pieces by change and its size, and of the controls: ("other", 0) ...

    Raises ValueError for fewer than two pieces: chance needs another piece.
    """
    if count < 2:
        raise ValueError(f"{count} pieces; give two or more, since chance is the music of other pieces")
    score_clips.compile_once()
    jobs = (joblib.delayed(change_piece)(piece, changes) for piece in pieces(count))
    results = joblib.Parallel(n_jobs=workers, return_as="generator")(jobs)
    changed = list(tqdm(results, total=count, desc="sensitivity", unit="piece", disable=None))
    pairs = [(piece, piece.piece.motion_beats) for piece in changed]
    scores = {
        key: _summary(score(piece, piece.changes[key], motion) for piece, motion in pairs) for key in changed[0].changes
    }
    scores["other", 0] = _summary(
        score(piece, other.original, motion) for piece, motion in pairs for other in changed if other is not piece
    )
    for name, bpm in (("clicks", 60.0), ("clicks120", 120.0)):
        track = events(controls.clicks(bpm), SAMPLE_RATE)
        scores[name, 0] = _summary(score(piece, track, motion) for piece, motion in pairs)
    return scores


def _summary(scores: Iterable[dict[str, dict[str, float]]]) -> Scores:
    columns = list(scores)
    return {
        f"{name} {metric}": value
        for name in columns[0]
        for metric, value in summarise([entry[name] for entry in columns]).items()
    }
