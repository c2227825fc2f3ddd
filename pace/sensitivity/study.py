"""What each rhythm metric sees: composed music against itself delayed, at other tempi, and with beats left out.

Each piece is composed anew for every change, so that nothing but the change tells it from the original: no stretched
sound, no cut. Delayed music goes on from what the track played before; at another tempo the same piece is played, and
meets the original's beat in the middle of the clip; where beats are left out, what falls between them is still played.
True beats, tempo and a dance to the piece are known. The other end of each scale is chance: music of other pieces.
"""

import dataclasses
from collections.abc import Iterable

import joblib
import numpy as np
from tqdm import tqdm

from pace.clip import CLIP_SAMPLES, CLIP_SECONDS, SAMPLE_RATE
from pace.evaluation import controls, listen
from pace.evaluation.metrics import beat_alignment
from pace.evaluation.metrics.onsets import Events, events
from pace.evaluation.metrics.rhythm import PROTOCOLS, compare, summarise
from pace.synthetic.choreography import choreograph
from pace.synthetic.music import recompose
from pace.synthetic.styles import STYLES, bpm_range

CHANGES = {
    "delay": (0, 25, 50, 75, 100, 150, 200, 250, 300, 350, 400, 450, 500),  # milliseconds
    "tempo": (-20, -15, -10, -8, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 8, 10, 15, 20),  # percent faster
    "missing": (0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100),  # percent of the beats
}
CONTROLS = ("other", "clicks", "clicks120")
LEAD_S = 0.5  # music before the clip, for the longest delay
FPS = 60.0  # of the dance
SEED = 7

Scores = dict[str, float]  # "{protocol} {metric}" -> value


@dataclasses.dataclass(frozen=True)
class Piece:
    """One piece of music. Beat k lies at first_beat + 60/bpm * k seconds of the clip."""

    style: str
    bpm: float
    first_beat: float
    seed: int

    @property
    def beats(self) -> np.ndarray:
        """Times (B,) of the beats in the clip, in seconds."""
        step = 60 / self.bpm
        beats = self.first_beat + step * np.arange(-np.floor(self.first_beat / step), 1 + CLIP_SECONDS / step)
        return beats[beats < CLIP_SECONDS]

    @property
    def motion_beats(self) -> np.ndarray:
        """Times (M,) of the beats of a dance to the piece, in seconds of the clip."""
        rng = np.random.default_rng((SEED, self.seed, 1))
        around = 60 / self.bpm * 4  # a bar before and after, so that the clip's ends are inside the dance
        length = CLIP_SECONDS + 2 * around
        motion = choreograph(self.style, self.bpm, self.first_beat + around, length, FPS, rng)
        beats = beat_alignment.motion_beats(motion.joints, FPS) - around
        return beats[(beats >= 0) & (beats < CLIP_SECONDS)]

    def clip(
        self, bpm: float, first_beat: float, delay: float = 0.0, silent: frozenset[int] = frozenset()
    ) -> np.ndarray:
        """The clip (110250,) as the piece sounds with this clock, `delay` seconds late, without some beats.

        Always cut from a track of the same length, since the mix depends on the whole of it.
        """
        track = recompose(self.style, bpm, first_beat + LEAD_S, LEAD_S + CLIP_SECONDS, self.seed, silent=silent)
        start = round((LEAD_S - delay) * SAMPLE_RATE)
        return track[start : start + CLIP_SAMPLES]

    def delayed(self, milliseconds: float) -> np.ndarray:
        """The clip with its music late; what the track played before it enters."""
        return self.clip(self.bpm, self.first_beat, milliseconds / 1000)

    def faster(self, percent: float) -> np.ndarray:
        """The clip at another tempo; the beat nearest to its middle stays where it is."""
        fixed = self.beats[np.abs(self.beats - CLIP_SECONDS / 2).argmin()]
        factor = 1 + percent / 100
        return self.clip(factor * self.bpm, fixed - (fixed - self.first_beat) / factor)

    def without_beats(self, percent: float) -> np.ndarray:
        """The clip with a share of its beats left out: drawn once per piece, so that a larger share has the smaller."""
        beats = np.round((self.beats - self.first_beat) * self.bpm / 60).astype(int)
        before = beats[0] - 1 - np.arange(8)  # what sounds into the clip
        rng = np.random.default_rng((SEED, self.seed, 0))
        left_out = [group[: round(percent / 100 * len(group))] for group in (rng.permutation(beats), before)]
        return self.clip(self.bpm, self.first_beat, silent=frozenset(np.concatenate(left_out).tolist()))


@dataclasses.dataclass(frozen=True)
class Heard:
    """What is heard of one piece: of its original, of each change and of the click tracks."""

    piece: Piece
    changes: dict[tuple[str, float], Events]

    @property
    def original(self) -> Events:
        return self.changes["delay", 0]


def pieces(count: int) -> list[Piece]:
    """Pieces of all styles in turn, each at a tempo of its style and beginning anywhere in a bar."""
    made = []
    for number in range(count):
        style = STYLES[number % len(STYLES)]
        rng = np.random.default_rng((SEED, number))
        bpm = rng.uniform(*bpm_range(style))
        made.append(Piece(style, bpm, rng.uniform(0, 240 / bpm), number))
    return made


def hear(piece: Piece, changes: dict[str, tuple[float, ...]]) -> Heard:
    """Compose and hear all changes of one piece."""
    make = {"delay": piece.delayed, "tempo": piece.faster, "missing": piece.without_beats}
    heard = {(name, value): events(make[name](value), SAMPLE_RATE) for name in changes for value in changes[name]}
    return Heard(piece, heard)


def score(reference: Heard, other: Events, motion: np.ndarray) -> dict[str, Scores]:
    """Scores of one wave against a piece by each protocol, and against a dance to it."""
    piece = reference.piece
    scores = {name: compare(reference.original, other, name, piece.beats, piece.bpm) for name in PROTOCOLS}
    return scores | {"alignment": beat_alignment.compare(motion, other.beats)}


def study(count: int, workers: int, changes: dict[str, tuple[float, ...]] = CHANGES) -> dict[tuple[str, float], Scores]:
    """Scores over `count` pieces by change and its size, and of the controls: ("other", 0) ...

    Raises ValueError for fewer than two pieces: chance needs another piece.
    """
    if count < 2:
        raise ValueError(f"{count} pieces; give two or more, since chance is the music of other pieces")
    listen.compile_once()
    jobs = (joblib.delayed(hear)(piece, changes) for piece in pieces(count))
    found = joblib.Parallel(n_jobs=workers, return_as="generator")(jobs)
    heard = list(tqdm(found, total=count, desc="sensitivity", unit="piece", disable=None))
    motions = [one.piece.motion_beats for one in heard]
    pairs = list(zip(heard, motions, strict=True))
    out = {key: _summary(score(one, one.changes[key], motion) for one, motion in pairs) for key in heard[0].changes}
    out["other", 0] = _summary(
        score(one, other.original, motion) for one, motion in pairs for other in heard if other is not one
    )
    for name, bpm in (("clicks", 60.0), ("clicks120", 120.0)):
        track = events(controls.clicks(bpm), SAMPLE_RATE)
        out[name, 0] = _summary(score(one, track, motion) for one, motion in pairs)
    return out


def _summary(scores: Iterable[dict[str, Scores]]) -> Scores:
    columns = list(scores)
    return {
        f"{name} {metric}": value
        for name in columns[0]
        for metric, value in summarise([entry[name] for entry in columns]).items()
    }
