"""A dancer's skeleton: proportions, joint limits, and joint positions computed from angles and foot positions.

In the body frame x points to the dancer's left, y up and z forward. At yaw 0 it is the world frame: x to the viewer's
right, z towards the viewer. Angles are in radians. Rotations apply yaw (to the left), then pitch (forward), then roll
(to the right).
"""

from dataclasses import dataclass

import numpy as np

# The joints are in H36M order, see pace.pose.skeleton. Sides are ordered left, right; left is at +x.
SIDES = np.array([1.0, -1.0])
KNEE_RANGE = np.radians([3.0, 150.0])  # flexion
# Lower and upper limit of the four arm angles: elevation from hanging, azimuth from sideways to the front, elbow
# flexion, and turn of the forearm about the upper arm. At turn 0 flexion lifts the forearm; at 90 degrees it moves the
# forearm forward, or inward when the arm points forward.
ARM_LIMITS = np.radians([[4.0, 172.0], [-45.0, 130.0], [4.0, 145.0], [-100.0, 190.0]])


@dataclass(frozen=True)
class Body:
    """Segment lengths of one dancer in metres. `hip` and `shoulder` are half widths."""

    height: float
    thigh: float
    shank: float
    ankle: float
    foot: float
    hip: float
    shoulder: float
    lower_spine: float
    upper_spine: float
    head: float
    upper_arm: float
    forearm: float
    hand: float
    girth: float  # factor on the thickness of limbs and torso

    @property
    def leg(self) -> float:
        """The longest distance from hip to ankle that the knee's range allows."""
        return _third_side(self.thigh, self.shank, KNEE_RANGE[0])


@dataclass(frozen=True)
class Controls:
    """The controls of a dancer that a choreography sets, for each of N frames."""

    root: np.ndarray  # (N,3) desired position of the pelvis; it is lowered where a leg would be too short
    pelvis: np.ndarray  # (N,3) yaw, pitch, roll in the world
    chest: np.ndarray  # (N,3) relative to the pelvis
    head: np.ndarray  # (N,3) relative to the chest
    arms: np.ndarray  # (N,2,4) angles as in ARM_LIMITS
    ankles: np.ndarray  # (N,2,3) in the world
    feet: np.ndarray  # (N,2) yaw of the feet in the world


@dataclass(frozen=True)
class Motion:
    """A dancer's motion in world coordinates in metres: x right, y up, z towards the viewer, the floor at y = 0."""

    joints: np.ndarray  # (N,17,3) H36M order
    toes: np.ndarray  # (N,2,3) left, right
    hands: np.ndarray  # (N,2,3) middle of the hand, left, right
    head: np.ndarray  # (N,3,3) its axes as columns: left, up, forward
    chest: np.ndarray  # (N,3,3) likewise
    pelvis: np.ndarray  # (N,3,3) likewise
    body: Body
    fps: float


def random_body(rng: np.random.Generator) -> Body:
    """Draw a dancer of 1.50-1.90 m whose segments vary by 3 % or 6 % about their usual shares (Drillis and Contini)."""
    height = float(np.clip(rng.normal(1.70, 0.09), 1.50, 1.90))
    shares = {
        "thigh": 0.240,
        "shank": 0.240,
        "ankle": 0.042,
        "foot": 0.125,
        "hip": 0.056,
        "shoulder": 0.112,
        "lower_spine": 0.142,
        "upper_spine": 0.148,
        "head": 0.180,
        "upper_arm": 0.178,
        "forearm": 0.146,
        "hand": 0.055,
    }
    spread = dict.fromkeys(shares, 0.03) | {"hip": 0.06, "shoulder": 0.06}
    lengths = {
        name: share * height * float(np.clip(rng.normal(1, spread[name]), 1 - 2 * spread[name], 1 + 2 * spread[name]))
        for name, share in shares.items()
    }
    return Body(height=height, girth=float(rng.uniform(0.88, 1.15)), **lengths)


def rotation(angles: np.ndarray) -> np.ndarray:
    """Compute the rotation matrices (...,3,3) of yaw, pitch and roll (...,3)."""
    (cy, cp, cr), (sy, sp, sr) = np.moveaxis(np.cos(angles), -1, 0), np.moveaxis(np.sin(angles), -1, 0)
    rows = (
        (cy * cr + sy * sp * sr, -cy * sr + sy * sp * cr, sy * cp),
        (cp * sr, cp * cr, -sp),
        (-sy * cr + cy * sp * sr, sy * sr + cy * sp * cr, cy * cp),
    )
    return np.stack([np.stack(row, -1) for row in rows], -2)


def pose(body: Body, controls: Controls, fps: float) -> Motion:
    """Compute the joint positions of every frame.

    Bone lengths are exact, and planted ankles stay where the controls put them.
    """
    pelvis = rotation(controls.pelvis)
    waist = pelvis @ rotation(controls.chest / 2)
    chest = pelvis @ rotation(controls.chest)
    head = chest @ rotation(controls.head)
    hip_offset = pelvis @ (np.array([[1.0, -1.0], [0, 0], [0, 0]]) * body.hip)  # (N,3,2)
    hip_offset = np.swapaxes(hip_offset, 1, 2)
    root = controls.root.copy()
    root[:, 1] = _reachable_height(body, root, hip_offset, controls.ankles)

    joints = np.zeros((len(root), 17, 3))
    joints[:, 0] = root
    hips = root[:, None] + hip_offset
    knees, ankles = _legs(body, hips, controls.ankles, controls.pelvis[:, 0])
    joints[:, [4, 1]], joints[:, [5, 2]], joints[:, [6, 3]] = hips, knees, ankles
    joints[:, 7] = root + waist[:, :, 1] * body.lower_spine
    joints[:, 8] = joints[:, 7] + chest[:, :, 1] * body.upper_spine
    joints[:, 9] = joints[:, 8] + head[:, :, 1] * (0.54 * body.head) + head[:, :, 2] * (0.36 * body.head)
    joints[:, 10] = joints[:, 8] + head[:, :, 1] * body.head
    shoulders = joints[:, 8, None] + chest[:, None, :, 0] * (SIDES * body.shoulder)[:, None]
    upper, fore = _arm_directions(np.clip(controls.arms, ARM_LIMITS[:, 0], ARM_LIMITS[:, 1]))
    upper, fore = (np.einsum("nij,nsj->nsi", chest, direction) for direction in (upper, fore))
    elbows = shoulders + upper * body.upper_arm
    wrists = elbows + fore * body.forearm
    joints[:, [11, 14]], joints[:, [12, 15]], joints[:, [13, 16]] = shoulders, elbows, wrists
    toes = ankles + _foot_directions(body, controls.feet, ankles[..., 1]) * body.foot
    return Motion(joints, toes, wrists + fore * body.hand, head, chest, pelvis, body, fps)


def _third_side(a: float, b: float, flexion: float) -> float:
    """Distance between the far ends of two segments whose joint is flexed (law of cosines)."""
    distance: float = np.sqrt(a * a + b * b + 2 * a * b * np.cos(flexion))
    return distance


def _reachable_height(body: Body, root: np.ndarray, hip_offset: np.ndarray, ankles: np.ndarray) -> np.ndarray:
    """Pelvis height (N,): the soft minimum of the desired height and what each leg's length allows."""
    offset = ankles - root[:, None] - hip_offset
    reach = np.sqrt(np.maximum(body.leg**2 - offset[..., 0] ** 2 - offset[..., 2] ** 2, 0.05))
    allowed = ankles[..., 1] + reach - hip_offset[..., 1]
    options = np.concatenate([root[:, 1:2], allowed], axis=1)
    softness = 0.012
    least = options.min(axis=1, keepdims=True)
    height: np.ndarray = least - softness * np.log(np.exp((least - options) / softness).sum(axis=1, keepdims=True))
    return height[:, 0]


def _legs(body: Body, hips: np.ndarray, targets: np.ndarray, yaw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Knees and ankles (N,2,3) by two-bone inverse kinematics; knees point forward and slightly outward."""
    line = targets - hips
    distance = np.linalg.norm(line, axis=-1, keepdims=True)
    line = line / distance
    reachable = np.clip(distance, _third_side(body.thigh, body.shank, KNEE_RANGE[1]), body.leg)
    ankles = np.where(np.abs(reachable - distance) > 1e-9, hips + line * reachable, targets)
    outward = yaw[:, None] + SIDES * np.radians(20)
    pole = np.stack([np.sin(outward), np.full_like(outward, 0.15), np.cos(outward)], axis=-1)
    pole = pole - line * (pole * line).sum(-1, keepdims=True)
    pole = pole / np.linalg.norm(pole, axis=-1, keepdims=True)
    along = (body.thigh**2 - body.shank**2 + reachable**2) / (2 * reachable)
    aside = np.sqrt(np.maximum(body.thigh**2 - along**2, 0))
    return hips + line * along + pole * aside, ankles


def _arm_directions(angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Directions of the upper arms and forearms (N,2,3) in the chest's frame."""
    elevation, azimuth, flexion, turn = np.moveaxis(angles, -1, 0)
    se, ce, sa, ca = np.sin(elevation), np.cos(elevation), np.sin(azimuth), np.cos(azimuth)
    upper = np.stack([SIDES * se * ca, -ce, se * sa], axis=-1)
    lift = np.stack([SIDES * ce * ca, se, ce * sa], axis=-1)
    inward = np.stack([-SIDES * sa, np.zeros_like(sa), ca], axis=-1)
    bend = lift * np.cos(turn)[..., None] + inward * np.sin(turn)[..., None]
    return upper, upper * np.cos(flexion)[..., None] + bend * np.sin(flexion)[..., None]


def _foot_directions(body: Body, yaw: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Directions from ankle to toes (N,2,3): flat on the floor, pointed when lifted."""
    flat = np.arcsin((body.ankle - 0.02) / body.foot)
    lifted = np.clip((height - body.ankle) / 0.2, 0, 1)
    down = flat + np.radians(35) * lifted
    return np.stack([np.sin(yaw) * np.cos(down), -np.sin(down), np.cos(yaw) * np.cos(down)], axis=-1)
