"""Procedural dance to a beat clock, with body parts that move at different metrical levels.

Torso and pelvis sway, turn and lean every two or four beats and drop on the beat. Arms change their pose on the beat;
legs step on beats and half beats. Every movement leads from one pose to the next and arrives on its beat: the speed
rises, peaks shortly before the beat and is zero on it. The first beat of a bar has the strongest accent.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from pace.synthetic.body import SIDES, Body, Controls, Motion, pose, random_body
from pace.synthetic.clock import Clock
from pace.synthetic.moves import ARM_MOVES, ARM_POSES, LEG_MOVES, MANNERS, Manner

BEATS_PER_BAR = 4
TIMING_SD = 0.010  # seconds: standard deviation of an arrival from its beat
ARM_ACCENTS = (1.0, 0.8, 0.9, 0.8)  # how far the arms go towards a pose on each beat of a bar, 0 to 1
REFERENCE_HEIGHT = 1.70  # metres: the height of the dancer that the lengths of the moves are made for


def choreograph(
    style: str, bpm: float, first_beat: float, seconds: float, fps: float, rng: np.random.Generator
) -> Motion:
    """Choreograph one dancer's motion of round(seconds * fps) frames; frame i shows time i / fps.

    Beat k is at first_beat + 60/bpm * k seconds, and bars begin where k % 4 == 0. Body, moves, amplitudes and timing
    errors are drawn from `rng`. Raises ValueError for an unknown style.
    """
    if style not in MANNERS:
        raise ValueError(f"unknown dance style {style!r}: choose one of {', '.join(MANNERS)}")
    manner, clock, body = MANNERS[style], Clock(bpm, first_beat), random_body(rng)
    times = np.arange(round(seconds * fps)) / fps
    # One extra bar before and after, for the movements that extend into the video.
    first, last = (np.floor((time - first_beat) * bpm / 60 / BEATS_PER_BAR) for time in (0.0, seconds))
    bars = np.arange(first - 1, last + 2)
    dancer = _Dancer(manner, clock, body, times, bars, rng)
    ankles, feet = dancer.legs()
    trunk = dancer.trunk()
    arms = dancer.arms()
    return pose(body, dancer.controls(ankles, feet, trunk, arms), fps)


def ease(phase: np.ndarray) -> np.ndarray:
    """Share of a movement completed, 0 to 1: minimum jerk, skewed so that the speed peaks late, close to the beat."""
    x = np.clip(phase, 0.0, 1.0) ** 1.25
    share: np.ndarray = x**3 * (10 - 15 * x + 6 * x * x)
    return share


def track(times: np.ndarray, arrivals: np.ndarray, values: np.ndarray, durations: np.ndarray) -> np.ndarray:
    """Interpolate key values (K,C), reached at `arrivals` (K,) by movements of `durations` (K,), at times (N,): (N,C).

    Movements that overlap blend. Before the first movement the value is that of the first key.
    """
    order = np.argsort(arrivals, kind="stable")
    arrivals, values, durations = arrivals[order], values[order], durations[order]
    done = ease((times[:, None] - (arrivals - durations)[1:]) / durations[1:])
    followed: np.ndarray = values[0] + done @ np.diff(values, axis=0)
    return followed


@dataclass(frozen=True)
class _Dancer:
    """Draws the tracks of one dance; the order of the calls decides the draws from `rng`."""

    manner: Manner
    clock: Clock
    body: Body
    times: np.ndarray
    bars: np.ndarray
    rng: np.random.Generator

    @property
    def scale(self) -> float:
        """Factor on the lengths of the moves."""
        return self.body.height / REFERENCE_HEIGHT

    def reach(self, beats: np.ndarray, values: np.ndarray, durations: np.ndarray | float) -> np.ndarray:
        """Track (N,C) of values (K,C), each reached at a beat (K,), slightly early or late; durations are in beats."""
        arrivals = self.clock.time(beats) + np.clip(self.rng.normal(0, TIMING_SD, len(beats)), -0.025, 0.025)
        durations = np.broadcast_to(durations, beats.shape) * (60.0 / self.clock.bpm)
        return track(self.times, arrivals, values, np.maximum(durations, 0.16))

    def phrases(self, names: tuple[str, ...]) -> list[tuple[float, str, bool]]:
        """A move for each bar: (first beat, name, mirrored). Each move lasts one or two bars; then another follows."""
        plan: list[tuple[float, str, bool]] = []
        name, bars_left, mirrored = "", 0, False
        for bar in self.bars:
            if bars_left == 0:
                name = str(self.rng.choice([other for other in names if other != name]))
                bars_left, mirrored = int(self.rng.integers(1, 3)), bool(self.rng.random() < 0.5)
            else:
                mirrored = mirrored != (self.rng.random() < 0.5)
            plan.append((bar * BEATS_PER_BAR, name, mirrored))
            bars_left -= 1
        return plan

    def accent(self, beats: np.ndarray) -> np.ndarray:
        """Strength (K,) of beats by their position in the bar, with some variation; half beats are weak."""
        strength = np.array(self.manner.accents)[beats.astype(int) % BEATS_PER_BAR]
        strength = np.where(beats % 1 == 0, strength, 0.4)
        return strength * self.rng.uniform(0.85, 1.15, len(beats))

    def arms(self) -> np.ndarray:
        """Arm angles (N,2,4)."""
        keys: list[list[tuple[float, np.ndarray]]] = [[], []]
        gain = self.rng.uniform(0.85, 1.05)
        rest = np.radians(ARM_POSES["hang"])
        for first, name, mirrored in self.phrases(self.manner.arms):
            for beat, *poses in ARM_MOVES[name]:
                for side, key in enumerate(reversed(poses) if mirrored else poses):
                    if key is not None:
                        target = np.radians(ARM_POSES[key]) + self.rng.normal(0, np.radians(5), 4)
                        keys[side].append((first + beat, rest + gain * ARM_ACCENTS[int(beat)] * (target - rest)))
        duration = self.manner.arm_time * self.rng.uniform(0.9, 1.1)
        tracks = []
        for side_keys in keys:
            beats, values = np.array([beat for beat, _ in side_keys]), np.array([value for _, value in side_keys])
            gaps = np.diff(beats, prepend=beats[0] - 1)
            tracks.append(self.reach(beats, values, np.minimum(duration, gaps)))
        return np.stack(tracks, axis=1)

    def legs(self) -> tuple[np.ndarray, np.ndarray]:
        """Ankles (N,2,3) and yaw of the feet (N,2). Between its steps a foot stays in place."""
        keys: list[list[tuple[float, tuple[float, float, float]]]] = [[], []]
        spread = self.rng.uniform(0.85, 1.1) * self.scale
        for first, name, mirrored in self.phrases(self.manner.legs):
            for beat, foot, x, height, z in LEG_MOVES[name]:
                side, x = (1 - foot, -x) if mirrored else (foot, x)
                x, z = x + self.rng.normal(0, 0.015), z + self.rng.normal(0, 0.015)
                keys[side].append((first + beat, (x * spread, self.body.ankle + height * spread, z * spread)))
        toe_out = np.radians(self.rng.uniform(5, 22))
        ankles, feet = np.empty((len(self.times), 2, 3)), np.empty((len(self.times), 2))
        for side in range(2):
            keys[side].sort(key=lambda key: key[0])
            beats, values = np.array([key[0] for key in keys[side]]), np.array([key[1] for key in keys[side]])
            yaw = SIDES[side] * toe_out + self.rng.normal(0, np.radians(4), len(beats))
            durations = np.minimum(self.manner.step_time, 0.9 * np.diff(beats, prepend=beats[0] - 1))
            foot_track = self.reach_with_lift(beats, np.column_stack([values, yaw]), durations)
            ankles[:, side], feet[:, side] = foot_track[:, :3], foot_track[:, 3]
        return ankles, feet

    def reach_with_lift(self, beats: np.ndarray, values: np.ndarray, durations: np.ndarray) -> np.ndarray:
        """Track of a foot: as `reach`, but lifted between two positions on the floor."""
        seconds = np.maximum(durations * (60.0 / self.clock.bpm), 0.16)
        arrivals = self.clock.time(beats) + np.clip(self.rng.normal(0, TIMING_SD, len(beats)), -0.025, 0.025)
        foot = track(self.times, arrivals, values, seconds)
        phase = np.clip((self.times[:, None] - arrivals + seconds) / seconds, 0, 1) ** 1.25
        step = np.linalg.norm(np.diff(values[:, [0, 2]], axis=0, prepend=values[:1, [0, 2]]), axis=1) / self.scale
        landing = values[:, 1] < self.body.ankle + 1e-6
        lift = self.manner.lift * self.scale * np.where(landing, np.clip(0.6 + step, 0.6, 1.1), 0.0)
        foot[:, 1] += (16 * (phase * (1 - phase)) ** 2) @ lift
        return foot

    def trunk(self) -> dict[str, np.ndarray]:
        """Tracks (N,) of pelvis, chest and head: drop, sway, turn, twist, lean, hit, nod and look."""
        manner, rng = self.manner, self.rng
        vigour = rng.uniform(0.85, 1.2)
        beats = np.arange(self.bars[0] * BEATS_PER_BAR, (self.bars[-1] + 1) * BEATS_PER_BAR)

        def on_beats(size: float, duration: float) -> np.ndarray:
            # Down on the beat, back by the half beat; the way down is the quicker one.
            key_beats = np.concatenate([beats, beats + 0.55])
            values = np.concatenate([size * vigour * self.accent(beats), np.zeros(len(beats))])
            durations = np.concatenate([np.full(len(beats), duration), np.full(len(beats), 0.5)])
            return self.reach(key_beats, values[:, None], durations)[:, 0]

        def alternating(size: float, step: int, duration: float) -> np.ndarray:
            key_beats = beats[beats % step == 0]
            signs = np.where(np.arange(len(key_beats)) % 2 == 0, 1.0, -1.0) * rng.choice([-1.0, 1.0])
            values = size * vigour * signs * self.accent(key_beats) * rng.uniform(0.6, 1.1, len(key_beats))
            return self.reach(key_beats, values[:, None], duration)[:, 0]

        level = int(rng.choice([2, 4]))
        return {
            "drop": on_beats(manner.bounce * self.scale, 0.45),
            "sway": alternating(manner.sway * self.scale, 2, 1.1),
            "turn": alternating(np.radians(manner.turn), 4, 1.6),
            "twist": alternating(np.radians(manner.twist), 2, 1.0),
            "lean": alternating(np.radians(manner.lean), level, 1.0),
            "hit": on_beats(np.radians(manner.hit), manner.hit_time),
            "nod": on_beats(np.radians(manner.nod), 0.45),
            "look": alternating(np.radians(14), 4, 1.0),
        }

    def controls(
        self, ankles: np.ndarray, feet: np.ndarray, trunk: dict[str, np.ndarray], arms: np.ndarray
    ) -> Controls:
        """Combine the tracks; the pelvis follows the weight of the body."""
        rate = 1 / (self.times[1] - self.times[0])
        weight = gaussian_filter1d(np.exp(-(ankles[..., 1] - self.body.ankle) / 0.06), 0.10 * rate, 0, mode="nearest")
        centre = (ankles * weight[..., None]).sum(1) / weight.sum(1, keepdims=True)
        root = gaussian_filter1d(centre, 0.09 * rate, 0, mode="nearest")
        wander = self.wander()
        root[:, 0] += trunk["sway"]
        root[:, 2] += 0.03 * self.scale * wander[0]
        standing = self.body.ankle + self.body.thigh + self.body.shank
        root[:, 1] = standing - self.manner.crouch * self.scale - trunk["drop"] + 0.004 * wander[1]
        zero = np.zeros_like(self.times)
        turn = trunk["turn"] + np.radians(2) * wander[2]
        pelvis = np.stack([turn, 0.25 * trunk["hit"], 0.5 * trunk["sway"]], axis=-1)
        lean = trunk["lean"] + np.radians(1.5) * wander[3]
        chest = np.stack([trunk["twist"] - 0.4 * turn, trunk["hit"] + np.radians(3), lean], axis=-1)
        gaze = -0.5 * (turn + trunk["twist"]) + trunk["look"]
        head = np.stack([gaze, trunk["nod"] - 0.7 * trunk["hit"], -0.5 * lean + zero], axis=-1)
        return Controls(root, pelvis, chest, head, arms, ankles, feet + 0.5 * np.mean(turn))

    def wander(self) -> np.ndarray:
        """Slow sway of a living body: four tracks (4,N) of unit size at 0.1-0.4 Hz."""
        rates = self.rng.uniform(0.1, 0.4, (4, 3, 1))
        phases = self.rng.uniform(0, 2 * np.pi, (4, 3, 1))
        tracks: np.ndarray = np.sin(2 * np.pi * rates * self.times + phases).sum(1) / np.sqrt(1.5)
        return tracks
