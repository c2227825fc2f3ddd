"""The plan of a dance: phrases, the parts that carry the beat in each, and the times at which they hit.

A dance is a row of phrases of four or eight beats. In each phrase one to four parts carry the beat: they stay where
they are and hit, out and back. The other parts float, which is slow motion, and hit off the beat, at a tempo of their
own. So the beat is in the fast motion of the parts whose slow motion is small; no part carries it all the time.

When a carrying part hits depends on the part and the rate. A hit is fastest at the `CENTRES`, in beats after the beat.
Real dancers' torso and arms are fastest on the beat or shortly after it, their legs well before it (FACTS 12). In
strong dances more parts carry the beat, all of them hit nearer to it, harder, and mostly on every beat.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pace.pose.skeleton import PARTS
from pace.synthetic.clock import Clock

GROUPS = {"to": "torso", "la": "arm", "ra": "arm", "ll": "leg", "rl": "leg"}
RATES = (1.0, 2.0, 0.5)  # hits per beat
CENTRES = {  # rate -> group -> beats after the beat
    0.5: {"torso": 0.0, "arm": 0.25, "leg": -0.36},
    1.0: {"torso": 0.0, "arm": 0.25, "leg": -0.36},
    2.0: {"torso": 0.0, "arm": 0.05, "leg": -0.05},
}
LEAST_SPREAD = 0.1  # of the centres in the strongest dances, as a share of the weakest's
OFF_BEAT = 0.4  # size of the hits of rate 2 that are between the beats, of those that are on them
MAX_OFFSET_S = 0.060  # a dancer's hits are early or late by up to this
FALSE_BPM = (70.0, 190.0)  # of the hits of the parts that do not carry the beat
NEAR = 0.07  # such a tempo is at least this share away from the beat's, its half and its double


@dataclass(frozen=True)
class Phrase:
    """`beats` beats from the beat number `first` on.

    carriers: the parts that carry the beat. rate: their hits per beat. force: size of all hits, up to 1.25. flow: size
    of the slow motion, 0 to 1. hold: number of beats at the end in which the dancer stands still.
    """

    first: int
    beats: int
    carriers: tuple[str, ...]
    rate: float
    force: float
    flow: float
    hold: int

    @property
    def end(self) -> int:
        """The number of the beat after the last."""
        return self.first + self.beats


@dataclass(frozen=True)
class Hit:
    """A movement of a part, out and back, fastest at `time` in seconds.

    size: 0 to about 1.4. gap: seconds to the part's nearest hit. phrase: the number of its phrase.
    """

    time: float
    size: float
    gap: float
    phrase: int


def plan(
    shares: Sequence[float], rates: Sequence[float], first: int, last: int, strength: float, rng: np.random.Generator
) -> list[Phrase]:
    """Plan phrases that cover the beats from `first`, the first of a bar, to `last`.

    shares: how often torso, an arm and a leg carry the beat. rates: how often a phrase has each of RATES.
    strength: 0 to 1; a strong dance has more parts that carry the beat, and mostly hits on every beat.
    """
    phrases: list[Phrase] = []
    carriers: tuple[str, ...] = ()
    while first < last:
        beats = int(rng.choice((4, 8), p=(0.7, 0.3)))
        carriers = _carriers(shares, carriers, strength, rng)
        steady = rng.random() < strength  # strong dances mostly hit on every beat
        rate = 1.0 if steady else float(rng.choice(RATES, p=rates))
        hold = int(rng.choice((0, 1, 2), p=(0.7, 0.15, 0.15)))
        force, flow = rng.uniform(0.6, 1.0) * (1 + 0.25 * strength), rng.uniform(0.45, 1.0)
        phrases.append(Phrase(first, beats, carriers, rate, force, flow, hold))
        first += beats
    return phrases


def _carriers(
    shares: Sequence[float], before: Collection[str], strength: float, rng: np.random.Generator
) -> tuple[str, ...]:
    """Draw the carriers of a phrase; the first that is drawn was none in the phrase before."""
    names = tuple(PARTS)
    torso, arm, leg = shares
    chance = np.array([torso, arm / 2, arm / 2, leg / 2, leg / 2])
    more = (0.6 + strength, 1.6 * strength, 3 * strength - 1.5)
    count = 1 + int(np.count_nonzero(rng.random(3) < more))
    drawn: list[str] = []
    for _ in range(count):
        left = np.where([name in (drawn or before) for name in names], 0, chance)
        drawn.append(str(rng.choice(names, p=left / left.sum())))
    return tuple(sorted(drawn, key=names.index))


def spread(strength: float) -> float:
    """Factor on the CENTRES in a dance of a strength."""
    return 1 - (1 - LEAST_SPREAD) * min(max(0.0, 2 * strength - 2 / 3), 1.0)


def hits(
    phrases: Sequence[Phrase], part: str, clock: Clock, strength: float, offset: float, rng: np.random.Generator
) -> list[Hit]:
    """All hits of a part, in order. offset: seconds by which the dancer's hits on the beat are late."""
    times: list[float] = []
    sizes: list[float] = []
    numbers: list[int] = []
    for number, phrase in enumerate(phrases):
        if part in phrase.carriers:
            drawn = _on_the_beat(phrase, part, clock, strength, offset, rng)
        else:
            drawn = _off_the_beat(phrase, clock, strength, rng)
        for time, size in drawn:
            if not times or time > times[-1] + 0.2:
                times.append(time)
                sizes.append(size)
                numbers.append(number)
    gaps = np.diff(times, prepend=-np.inf, append=np.inf)
    nearest = np.minimum(gaps[:-1], gaps[1:])
    return [Hit(*hit) for hit in zip(times, sizes, nearest.tolist(), numbers, strict=True)]


def _on_the_beat(
    phrase: Phrase, part: str, clock: Clock, strength: float, offset: float, rng: np.random.Generator
) -> Iterator[tuple[float, float]]:
    """Times and sizes of a carrying part's hits. Some are left out, and a few come half a beat late."""
    centre = spread(strength) * CENTRES[phrase.rate][GROUPS[part]]
    for beat in np.arange(phrase.first, phrase.end - phrase.hold, 1 / phrase.rate):
        left_out, syncopated = rng.random(2) < (0.12 - 0.1 * strength, 0.04 - 0.03 * strength)
        if not left_out:
            late = offset + rng.normal(0, 0.010 + 0.010 * (1 - strength))
            size = phrase.force * rng.uniform(0.85, 1.15) * (1.0 if beat % 1 == 0 else OFF_BEAT)
            yield float(clock.time(beat + centre + 0.5 * syncopated)) + late, size


def _off_the_beat(
    phrase: Phrase, clock: Clock, strength: float, rng: np.random.Generator
) -> Iterator[tuple[float, float]]:
    """Times and sizes of the hits of a part that does not carry the beat."""
    while True:
        bpm = rng.uniform(*FALSE_BPM)
        if all(abs(np.log(bpm / clock.bpm / rate)) > NEAR for rate in RATES):
            break
    loud = phrase.force * max(0.75 - 0.9 * strength, 0.0)
    start, end = float(clock.time(phrase.first)), float(clock.time(phrase.end - phrase.hold))
    for time in np.arange(start + rng.uniform(0, 60 / bpm), end, 60 / bpm):
        if rng.random() < 0.9:
            yield time + rng.normal(0, 0.02), loud * rng.uniform(0.7, 1.3)
