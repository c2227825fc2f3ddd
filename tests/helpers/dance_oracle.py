"""Tells the beat of a made dance from its true joints and the rules of the dances, never from their plan.

It knows how a hit looks, that the parts that carry the beat hardly float, and when each hits (`CENTRES`). It finds the
hits of each part, weighs them by how little the part floats, and follows the beat that explains them best.
"""

import dataclasses
import functools
import itertools

import numpy as np
from scipy.ndimage import gaussian_filter1d

from pace.motion.energy import lowpass
from pace.pose.skeleton import H36M
from pace.synthetic.choreography import pulse
from pace.synthetic.clock import Clock
from pace.synthetic.moves import MANNERS
from pace.synthetic.phrases import CENTRES, GROUPS, Hit
from pace.synthetic.styles import bpm_range

JOINT = {"to": ("neck", "root"), "la": ("lwrist",), "ra": ("rwrist",), "ll": ("lankle",), "rl": ("rankle",)}
ORIGIN = {"la": "lshoulder", "ra": "rshoulder"}
SPLIT_HZ = 1.2
PHASES = 32
SPREADS = (0.25, 0.5, 0.75, 1.0)
FLOATING = {"torso": 0.23, "arm": 0.36, "leg": 0.22}  # m/s: a part that floats is faster in its slow motion
TOLERANCE = 0.02  # seconds: deviation of a hit from its place in the beat


def beats(joints, fps, style):
    """Times (B,) of the beats in true joints (N,17,3), in seconds."""
    evidence = [found for part in GROUPS for found in hits(joints, fps, style, part)]
    return explain(evidence, style, len(joints) / fps)


def hits(joints, fps, style, part):
    """Hits of a part: (part, time, weight, gap to the nearest hit of weight) of each."""
    manner = MANNERS[style]
    track = np.concatenate([joints[:, H36M.index(name)] for name in JOINT[part]], axis=1)
    if part in ORIGIN:
        track = np.einsum("nac,nc->na", chest(joints), track - joints[:, H36M.index(ORIGIN[part])])
    slow = lowpass(track, fps, SPLIT_HZ, 2)
    floating = gaussian_filter1d(np.linalg.norm(np.gradient(slow, axis=0), axis=1) * fps, 0.3 * fps)
    peaks, sizes = pursue(track - slow, fps, manner)
    resting = 1 / (1 + (floating[peaks] / (FLOATING[GROUPS[part]] * manner.flow)) ** 6)
    weight = np.clip(sizes / np.percentile(sizes, 90), 0, 1) * resting
    times = peaks / fps
    apart = np.abs(times[:, None] - times)
    apart[(sizes[None] < 0.25 * sizes[:, None]) | (apart == 0)] = np.inf
    nearest = np.argmin(apart, axis=1)
    softer = sizes < 0.7 * sizes[nearest]
    return [(part, *hit) for hit in zip(times, weight, apart.min(axis=1), softer, strict=True)]


def chest(joints):
    """Axes of the chest (N,3,3) as rows, from joints (N,17,3): left, up, forward."""
    at = {name: joints[:, H36M.index(name)] for name in ("lshoulder", "rshoulder", "neck", "belly")}
    up = at["neck"] - at["belly"]
    forward = np.cross(at["lshoulder"] - at["rshoulder"], up)
    axes = np.stack([np.cross(up, forward), up, forward], axis=1)
    return axes / np.linalg.norm(axes, axis=2, keepdims=True)


def pursue(fast, fps, manner):
    """Frames and sizes of the hits whose sum is the fast track (N,C): matching pursuit, the largest first."""
    edge = round(1.0 * fps)
    around = np.arange(-edge, edge + 1) / fps
    shapes = []
    for gap in (np.inf, 0.5, 0.4, 0.3):
        shape = pulse(around, Hit(0.0, 1.0, gap, 0), manner.out, manner.back)
        shape -= lowpass(shape, fps, SPLIT_HZ, 2)
        shapes.append(shape / np.linalg.norm(shape))
    left = np.pad(fast, ((edge, edge), (0, 0)))
    frames, sizes = [], []
    for _ in range(len(fast) // 4):
        match = np.array([[np.correlate(axis, shape, "valid") for axis in left.T] for shape in shapes])
        strength = np.linalg.norm(match, axis=1)
        strength[:, frames] = 0
        kind, frame = np.unravel_index(np.argmax(strength), strength.shape)
        if sizes and strength[kind, frame] < 0.35 * sizes[0]:
            break
        frames.append(int(frame))
        sizes.append(float(strength[kind, frame]))
        left[frame : frame + 2 * edge + 1] -= shapes[kind][:, None] * match[kind, :, frame]
    order = np.argsort(frames)
    return np.array(frames)[order], np.array(sizes)[order]


def explain(evidence, style, seconds):
    """Beats (B,) of the clock that explains the hits best: of all tempi of the style, drifts and phases.

    The best of a coarse grid are searched around, ever closer.
    """
    hits = Hits(*map(np.array, zip(*evidence, strict=True)))
    low, high = bpm_range(style)
    found = [
        hits.best(bpm, drift, turn)
        for bpm in np.arange(low, high + 1, 1.5)
        for drift, turn in [(0.0, 0.0), *itertools.product((0.025, 0.05), np.arange(8) / 8)]
    ]
    for kept, size in ((12, 1.0), (6, 0.5), (3, 0.25)):
        found = [
            hits.best(bpm + size * step, abs(drift + size * more), turn + size * on)
            for _, bpm, drift, turn, _ in sorted(found)[-kept:]
            for step, more, on in itertools.product((-0.75, 0.0, 0.75), (-0.0125, 0.0, 0.0125), (-1 / 16, 0.0, 1 / 16))
        ]
    _, bpm, drift, turn, shift = max(found)
    moments = Clock(bpm, 0.0, drift, turn).time(np.arange(-40, 80) + shift)
    return moments[(moments >= 0) & (moments < seconds)]


@dataclasses.dataclass
class Hits:
    """Hits of all parts, as arrays."""

    part: np.ndarray
    time: np.ndarray
    weight: np.ndarray
    gap: np.ndarray
    softer: np.ndarray

    def best(self, bpm, drift, turn):
        """Log-likelihood of the best phase of a clock, and the clock: bpm, drift, turn and the phase, in beats.

        Also over how far the parts of the dance hit from the beat, which depends on its strength.
        """
        kinds = np.where(self.gap > 0.75 * 60 / bpm, "once", np.where(self.softer, "soft", "loud"))
        place = np.round(Clock(bpm, 0.0, drift, turn).position(self.time) * PHASES).astype(int)
        columns = (place[:, None] - np.arange(PHASES)) % PHASES
        best = (-np.inf, 0)
        for wide in SPREADS:
            rows = np.array([likelihood(GROUPS[p], k, 60 / bpm, wide) for p, k in zip(self.part, kinds, strict=True)])
            total = self.weight @ np.take_along_axis(rows, columns, axis=1)
            best = max(best, (float(total.max()), int(np.argmax(total))))
        return best[0], bpm, drift, turn, best[1] / PHASES


@functools.cache
def likelihood(group, kind, period, wide):
    """Log-likelihood (PHASES,) of a hit at each place in the beat, of a part that carries it or not.

    wide: factor on the CENTRES.
    kind: `once` for a hit without another nearby, otherwise `loud` or `soft`, compared with that one.
    """
    once, twice = wide * CENTRES[1.0][group], wide * CENTRES[2.0][group]
    peaks = {
        "once": [(once, 0.7)],
        "loud": [(twice, 0.6), (twice + 0.5, 0.1)],
        "soft": [(twice, 0.1), (twice + 0.5, 0.6)],
    }
    density = np.full(PHASES, 0.3)
    for centre, share in peaks[kind]:
        distance = (np.arange(PHASES) / PHASES - centre + 0.5) % 1 - 0.5
        width = TOLERANCE / period
        density += share * np.exp(-0.5 * (distance / width) ** 2) / (width * np.sqrt(2 * np.pi))
    return np.log(density)
