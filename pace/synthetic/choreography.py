"""Procedural dance to a beat clock: the movements of a planned dance (see `pace.synthetic.phrases`).

Each part rests in a pose, hits out and back, and floats slowly where it does not carry the beat. In a hold everything
stands still. Where both legs float, the dancer travels and turns.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from pace.motion.energy import lowpass
from pace.pose.skeleton import PARTS
from pace.synthetic.body import SIDES, Body, Controls, Motion, pose, random_body
from pace.synthetic.clock import Clock
from pace.synthetic.intensity import Intensity, measure
from pace.synthetic.moves import ARM_MOVES, ARM_POSES, LEG_MOVES, MANNERS, TORSO_MOVES, Manner
from pace.synthetic.phrases import MAX_OFFSET_S, Hit, Phrase, hits, plan

Floats = npt.NDArray[np.float64]

BEATS_PER_BAR = 4
SLOW_HZ = 1.2  # below this, motion is slow (FACTS 6)
OFFSET_SD = 0.025  # seconds: standard deviation of the dancers' offsets from the beat
REFERENCE_HEIGHT = 1.70  # metres: the height of the dancer that the lengths of the moves are made for
CARRYING = 0.05  # slow motion of a part that carries the beat, as a share of the others'
TURNING = 0.08  # share of the phrases in which the dancer turns away or back


@dataclass(frozen=True)
class Dance:
    """A dancer's motion, and its plan."""

    motion: Motion
    intensity: Intensity
    phrases: tuple[Phrase, ...]
    hits: dict[str, list[Hit]]  # part -> its hits


def choreograph(
    style: str, clock: Clock, seconds: float, fps: float, rng: np.random.Generator, strength: float = 1.0
) -> Dance:
    """Choreograph one dancer's motion of round(seconds * fps) frames; frame i shows time i / fps.

    strength: 0 to 1, how clearly the dance shows the beat. Body, moves, sizes and timing are drawn from `rng`.
    Raises ValueError for an unknown style.
    """
    if style not in MANNERS:
        raise ValueError(f"unknown dance style {style!r}: choose one of {', '.join(MANNERS)}")
    manner, body = MANNERS[style], random_body(rng)
    times = np.arange(round(seconds * fps)) / fps
    # A bar before and after, for the movements that extend into the video.
    first, last = (np.floor(clock.position(time) / BEATS_PER_BAR) for time in (0.0, seconds))
    phrases = plan(
        manner.carriers, manner.rates, BEATS_PER_BAR * int(first - 1), BEATS_PER_BAR * int(last + 2), strength, rng
    )
    offset = float(np.clip(rng.normal(0, OFFSET_SD), -MAX_OFFSET_S, MAX_OFFSET_S))
    all_hits = {part: hits(phrases, part, clock, strength, offset, rng) for part in PARTS}
    motion = _Dancer(manner, clock, body, times, phrases, all_hits, rng).motion(fps)
    return Dance(motion, measure(motion, clock, phrases), tuple(phrases), all_hits)


def ease(phase: Floats) -> Floats:
    """Share of a movement completed, 0 to 1: minimum jerk, fastest in the middle."""
    x = np.clip(phase, 0.0, 1.0)
    share: Floats = x**3 * (10 - 15 * x + 6 * x * x)
    return share


def pulse(times: Floats, hit: Hit, out: float, back: float) -> Floats:
    """How far out (N,) a part is in a hit, 0 to 1: the way out takes `out` seconds, the way back `back`.

    The way out is fastest at the time of the hit. Both are shorter where the next hit follows soon.
    """
    out, back = min(out, 0.4 * hit.gap), min(back, 0.5 * hit.gap)
    since = times - hit.time
    return ease(since / out + 0.5) * (1 - ease((since - 0.5 * out - 0.02) / back))


@dataclass(frozen=True)
class _Dancer:
    """Draws the tracks of one dance; the order of the calls decides the draws from `rng`."""

    manner: Manner
    clock: Clock
    body: Body
    times: Floats
    phrases: list[Phrase]
    hits: dict[str, list[Hit]]
    rng: np.random.Generator

    @property
    def scale(self) -> float:
        """Factor on the lengths of the moves."""
        return self.body.height / REFERENCE_HEIGHT

    @property
    def rate(self) -> float:
        """Frames per second."""
        return float(1 / (self.times[1] - self.times[0]))

    def motion(self, fps: float) -> Motion:
        """The motion of the whole body."""
        fitness = self.rng.uniform(0.75, 1.15)
        torso = self.torso(fitness)
        arms = np.stack([self.arm(part, fitness) for part in ("la", "ra")], axis=1)
        legs = [self.leg(part, side, fitness) for part, side in (("ll", 0), ("rl", 1))]
        ankles, feet = np.stack([leg[0] for leg in legs], axis=1), np.stack([leg[1] for leg in legs], axis=1)
        return self.travel(pose(self.body, self.controls(ankles, feet, torso, arms), fps))

    def flow(self, part: str) -> Floats:
        """How fast a part floats (N,), 0 to about 1."""
        level = np.zeros_like(self.times)
        for phrase in self.phrases:
            start, end = self.clock.time([phrase.first, phrase.end - phrase.hold])
            inside = (self.times >= start) & (self.times < end)
            level[inside] = phrase.flow * (CARRYING if part in phrase.carriers else 1.0)
        return np.asarray(gaussian_filter1d(level, 0.12 * self.rate, mode="nearest"))

    def floating(self, part: str, tracks: int) -> Floats:
        """Slow motion of a part: `tracks` tracks (N,tracks) between -1 and 1, which pause where the part does."""
        passed = np.cumsum(self.flow(part)) / self.rate
        rates, phases = self.rng.uniform(0.45, 0.9, (2, tracks)), self.rng.uniform(0, 2 * np.pi, (2, tracks))
        waves = np.sin(2 * np.pi * rates * passed[:, None, None] + phases)
        return np.asarray(0.65 * waves[:, 0] + 0.35 * waves[:, 1])

    def pulses(self, part: str) -> list[tuple[int, float, Floats]]:
        """Number of the phrase, size and shape (N,) of each hit of a part."""
        out, back = self.manner.out, self.manner.back
        return [(hit.phrase, hit.size, pulse(self.times, hit, out, back)) for hit in self.hits[part]]

    def moves(self, part: str, names: tuple[str, ...]) -> list[str]:
        """The move of a part in each phrase. Where it carries the beat, it keeps that of the phrase before."""
        moves: list[str] = []
        for phrase in self.phrases:
            kept = moves and part in phrase.carriers
            moves.append(moves[-1] if kept else str(self.rng.choice(names)))
        return moves

    def arm(self, part: str, fitness: float) -> Floats:
        """Angles of an arm (N,4)."""
        moves = self.moves(part, self.manner.arms)
        angles = self.resting(np.radians([ARM_POSES[ARM_MOVES[move][0]] for move in moves]))
        hitting = np.zeros_like(angles)
        for number, (phrase, size, shape) in enumerate(self.pulses(part)):
            rest, targets = ARM_MOVES[moves[phrase]]
            way = np.radians(np.subtract(ARM_POSES[targets[number % len(targets)]], ARM_POSES[rest]))
            way *= np.radians(72) / max(np.linalg.norm(way * (1, 1, 0.7, 0.4)), 0.3)
            hitting += fitness * size * shape[:, None] * way
        extent = self.manner.flow * fitness * np.radians([50, 44, 28, 28])
        return angles + self.recoiling(hitting) + extent * self.floating(part, 4)

    def resting(self, values: Floats) -> Floats:
        """Track (N,C) of a part's resting places (P,C), one for each phrase; it changes slowly."""
        track = np.repeat(values[:1], len(self.times), axis=0)
        for phrase, step in zip(self.phrases[1:], np.diff(values, axis=0), strict=True):
            start = float(self.clock.time(phrase.first))
            track += ease((self.times - start + 0.6) / 1.2)[:, None] * step
        return track

    def recoiling(self, hitting: Floats) -> Floats:
        """The track of hits (N,C) with wind-up and follow-through, so that it hardly moves what is slow."""
        return np.asarray(hitting - lowpass(hitting, self.rate, SLOW_HZ, 2))

    def leg(self, part: str, side: int, fitness: float) -> tuple[Floats, Floats]:
        """Ankle (N,3) and yaw (N,) of a foot. A floating foot glides just above the floor."""
        out = np.array([SIDES[side], 1.0, 1.0]) * self.scale
        moves = self.moves(part, self.manner.legs)
        hitting = np.zeros((len(self.times), 3))
        for number, (phrase, size, shape) in enumerate(self.pulses(part)):
            targets = LEG_MOVES[moves[phrase]]
            hitting += 1.1 * fitness * size * shape[:, None] * (np.array(targets[number % len(targets)]) * out)
            if targets[number % len(targets)][1] == 0:  # a tap: lifted on the way out and on the way back
                hitting[:, 1] += size * self.manner.lift * self.scale * 2 * shape * (1 - shape)
        wave = self.manner.flow * fitness * 0.2 * self.scale * self.floating(part, 2)
        aside = self.recoiling(hitting[:, [0, 2]]) + wave
        ankle = np.empty_like(hitting)
        ankle[:, [0, 2]] = aside
        ankle[:, 0] += SIDES[side] * self.rng.uniform(0.14, 0.22) * self.scale
        # A foot that moves along the floor is lifted a little; one that stands does not slide.
        speed = np.linalg.norm(np.gradient(aside, axis=0), axis=1) * self.rate
        speed = gaussian_filter1d(speed, 0.1 * self.rate, mode="nearest")
        lifted = 0.05 * np.clip(speed / 0.5 - 0.2, 0, 1)
        ankle[:, 1] = self.body.ankle + np.maximum(hitting[:, 1], lifted)
        toe_out = SIDES[side] * np.radians(self.rng.uniform(5, 22))
        return ankle, toe_out + np.zeros_like(self.times)

    def torso(self, fitness: float) -> dict[str, Floats]:
        """Tracks (N,) of drop and sway in metres, and of pitch, twist, lean, turn, nod and look in radians."""
        manner, angles = self.manner, np.radians
        size = np.array([manner.drop * self.scale, angles(manner.pitch), angles(manner.twist), angles(manner.lean)])
        size = np.append(size, manner.sway * self.scale)
        tracks = np.zeros((len(self.times), 5))
        nod = np.zeros_like(self.times)
        moves = self.moves("to", manner.torso)
        for number, (phrase, force, shape) in enumerate(self.pulses("to")):
            sign = 1 if number % 2 else -1
            way = np.array(TORSO_MOVES[moves[phrase]]) * (1, 1, sign, sign, sign)
            tracks += fitness * 1.6 * force * shape[:, None] * way * size
            nod += angles(8) * force * shape
        tracks = self.recoiling(tracks)
        slow = manner.flow * fitness * self.floating("to", 5)
        return {
            "drop": tracks[:, 0] + 0.05 * self.scale * (1 + slow[:, 4]),
            "pitch": tracks[:, 1] + angles(10) * slow[:, 3],
            "twist": tracks[:, 2] + angles(16) * slow[:, 0],
            "lean": tracks[:, 3] + angles(14) * slow[:, 1],
            "sway": tracks[:, 4] + 0.17 * self.scale * slow[:, 2],
            "turn": angles(16) * slow[:, 4],
            "nod": nod,
            "look": angles(14) * slow[:, 0],
        }

    def controls(self, ankles: Floats, feet: Floats, torso: dict[str, Floats], arms: Floats) -> Controls:
        """Combine the tracks; the pelvis stays above the dancer's place."""
        root = np.zeros((len(self.times), 3))
        root[:, 0] = torso["sway"]
        standing = self.body.ankle + self.body.thigh + self.body.shank
        root[:, 1] = standing - (self.manner.crouch + 0.02) * self.scale - torso["drop"]
        pelvis = np.stack([torso["turn"], 0.25 * torso["pitch"], 0.3 * torso["sway"]], axis=-1)
        chest = np.stack([torso["twist"], torso["pitch"] + np.radians(3), torso["lean"]], axis=-1)
        gaze = -0.5 * (torso["turn"] + torso["twist"]) + torso["look"]
        head = np.stack([gaze, torso["nod"] - 0.7 * torso["pitch"], -0.5 * torso["lean"]], axis=-1)
        return Controls(root, pelvis, chest, head, arms, ankles, feet)

    def travel(self, motion: Motion) -> Motion:
        """The motion along a path and with turns, both only while the two legs float."""
        free = np.minimum(self.flow("ll"), self.flow("rl"))
        free = np.clip(free - 0.3, 0, None) * (free > 0.3)
        heading = self.rng.uniform(0, 2 * np.pi) + np.cumsum(self.rng.normal(0, 0.4 / self.rate, len(free)))
        steps = 0.35 * free[:, None] * np.stack([np.cos(heading), np.sin(heading)], axis=-1) / self.rate
        path = np.zeros((len(free), 3))
        path[:, [0, 2]] = np.cumsum(steps, axis=0)
        path -= path.mean(axis=0)
        turning = np.zeros_like(free)
        for phrase in self.phrases:
            if self.rng.random() < TURNING:
                start, end = self.clock.time(np.array([phrase.first, phrase.end]))
                turning[(self.times >= start) & (self.times < end)] = self.rng.choice((-1.0, 1.0))
        yaw = np.cumsum(np.radians(220) * free * turning) / self.rate
        yaw -= np.median(yaw)
        return moved(motion, yaw, path)


def moved(motion: Motion, yaw: Floats, path: Floats) -> Motion:
    """The motion turned about the vertical axis through the pelvis by yaw (N,), in radians to the left, and shifted.

    path: (N,3) metres.
    """
    turn = np.zeros((len(yaw), 3, 3))
    turn[:, 0, 0] = turn[:, 2, 2] = np.cos(yaw)
    turn[:, 0, 2], turn[:, 2, 0], turn[:, 1, 1] = np.sin(yaw), -np.sin(yaw), 1.0
    centre = motion.joints[:, :1] * (1.0, 0.0, 1.0)

    def points(array: Floats) -> Floats:
        return np.asarray((array - centre) @ turn.transpose(0, 2, 1) + centre + path[:, None])

    return dataclasses.replace(
        motion,
        joints=points(motion.joints),
        toes=points(motion.toes),
        hands=points(motion.hands),
        head=turn @ motion.head,
        chest=turn @ motion.chest,
        pelvis=turn @ motion.pelvis,
    )
