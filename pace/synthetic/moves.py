"""The vocabulary of the ten styles: arm poses, the arm and leg moves of one bar, and each style's manner of moving.

The beats of a bar are 0, 1, 2, 3. Every entry of a move says at which beat a limb arrives, and where.
"""

from dataclasses import dataclass

# Arm poses in degrees: elevation, azimuth, elbow flexion, turn of the forearm (see pace.synthetic.body.ARM_LIMITS).
ARM_POSES = {
    "hang": (14, 35, 22, 30),
    "low": (45, 5, 12, 0),
    "back": (36, -40, 15, 0),
    "side": (90, 5, 8, 0),
    "vee": (138, 5, 8, 0),
    "up": (165, 20, 10, 0),
    "front": (85, 72, 12, 0),
    "low_front": (48, 75, 25, 20),
    "high_front": (125, 70, 12, 0),
    "guard": (38, 50, 118, 35),
    "chamber": (38, -30, 105, 110),
    "cross": (62, 68, 100, 85),
    "low_cross": (32, 80, 45, 95),
    "hip": (40, -12, 95, 148),
    "cactus": (88, 8, 92, 0),
    "scarecrow": (86, 5, 92, 172),
    "ahead": (80, 15, 88, 88),
    "behind_head": (122, 8, 130, 10),
    "crown": (150, 40, 45, 0),
    "waist": (28, 25, 92, 80),
    "bent_low": (50, 8, 85, 165),
    "chin": (55, 60, 130, 40),
    "round": (72, 55, 45, 75),
    "second": (78, 22, 25, 60),
}

# Arm moves: (beat, left, right); None leaves that arm where it is.
ARM_MOVES = {
    "groove": ((0, "waist", "back"), (1, "back", "waist"), (2, "waist", "back"), (3, "back", "waist")),
    "swing": ((0, "low_front", "back"), (1, "back", "low_front"), (2, "low_front", "back"), (3, "back", "low_front")),
    "open_cross": ((0, "side", "side"), (1, "cross", "cross"), (2, "low", "low"), (3, "cross", "cross")),
    "break_rock": ((0, "side", "chin"), (1, "cross", "low"), (2, "chin", "side"), (3, "low", "cross")),
    "punch": ((0, "front", "guard"), (1, "guard", "front"), (2, "front", "guard"), (3, "guard", "guard")),
    "robot": ((0, "cactus", "scarecrow"), (1, "scarecrow", "cactus"), (2, "ahead", "ahead"), (3, "hang", "scarecrow")),
    "dime_stop": ((0, "side", "hang"), (1, "cactus", None), (2, "ahead", "side"), (3, "hang", "cactus")),
    "arm_wave": ((0, "side", "side"), (1, "bent_low", "cactus"), (2, "side", "side"), (3, "cactus", "bent_low")),
    "tutting": ((0, "ahead", "cactus"), (1, "cross", "cactus"), (2, "cactus", "ahead"), (3, "cactus", "cross")),
    "point": ((0, "vee", "hip"), (1, "low_cross", "hip"), (2, "hip", "vee"), (3, "hip", "low_cross")),
    "lock": ((0, "bent_low", "bent_low"), (1, "guard", "guard"), (2, "bent_low", "bent_low"), (3, "front", "front")),
    "twirl": ((0, "cactus", "cactus"), (1, "ahead", "ahead"), (2, "scarecrow", "scarecrow"), (3, "waist", "waist")),
    "clap_out": ((0, "side", "side"), (1, "front", "front"), (2, "vee", "vee"), (3, "front", "front")),
    "sharp_doubles": (
        (0, "vee", "hip"), (0.5, "chin", None), (1, "low", "side"), (2, "cross", "cross"),
        (2.5, None, "up"), (3, "hip", "low"),
    ),
    "frame": ((0, "behind_head", "side"), (1, "side", "ahead"), (2, "ahead", "behind_head"), (3, "low", "low")),
    "circle_out": (
        (0, "side", "side"), (0.5, "bent_low", "bent_low"), (1, "cross", "cross"), (1.5, "behind_head", "behind_head"),
        (2, "side", "side"), (2.5, "bent_low", "bent_low"), (3, "cross", "cross"), (3.5, "behind_head", "behind_head"),
    ),
    "overhead": (
        (0, "vee", "behind_head"), (0.5, "cactus", "cactus"), (1, "behind_head", "vee"), (1.5, "cactus", "cactus"),
        (2, "low", "low"), (3, "behind_head", "behind_head"),
    ),
    "whip": (
        (0, "side", "hip"), (0.5, "chin", None), (1, "side", "hip"), (2, "hip", "side"),
        (2.5, None, "chin"), (3, "hip", "side"),
    ),
    "jab": ((0, "front", "chamber"), (1, "chamber", "front"), (2, "high_front", "chamber"), (3, "chamber", "chamber")),
    "arm_swing": ((0, "low", "low"), (1, "vee", "chamber"), (2, "low_cross", "low_cross"), (3, "chamber", "vee")),
    "chest_pop": ((0, "back", "back"), (1, "guard", "guard"), (2, "low", "low"), (3, "chin", "chin")),
    "throw": ((0, "high_front", "low"), (1, "chamber", "chamber"), (2, "low", "high_front"), (3, "guard", "guard")),
    "jack_arms": ((0, "waist", "waist"), (1, "back", "back"), (2, "low_front", "low_front"), (3, "back", "back")),
    "loose": ((0, "low", "low_front"), (1, "waist", "waist"), (2, "low_front", "low"), (3, "waist", "waist")),
    "lines": ((0, "vee", "low"), (1, "side", "side"), (2, "low", "vee"), (3, "side", "side")),
    "show": ((0, "up", "side"), (1, "hip", "side"), (2, "side", "up"), (3, "hip", "hip")),
    "sass": ((0, "hip", "side"), (1, "hip", "behind_head"), (2, "hip", "vee"), (3, "hip", "hip")),
    "port_de_bras": ((0, "crown", "second"), (2, "second", "crown"), (3, "round", "round")),
    "open_fifth": ((0, "crown", "crown"), (2, "second", "second"), (3, "hang", "hang")),
    "arabesque_arms": ((0, "front", "side"), (2, "side", "high_front"), (3, "round", "low")),
    "reach": ((0, "vee", "low"), (2, "low", "vee"), (3, "round", "round")),
}  # fmt: skip

# Leg moves: (beat, foot, x, height, z). Foot 0 is left, 1 is right. x (to the dancer's left) and z (forward) are
# relative to the middle of the stance; height is that of the ankle on arrival, above its standing height. All are in
# metres for a dancer of 1.70 m.
LEG_MOVES = {
    "stand": ((0, 0, 0.18, 0, 0.02), (2, 1, -0.18, 0, 0.02)),
    "march": ((0, 0, 0.13, 0, 0), (1, 1, -0.13, 0, 0), (2, 0, 0.13, 0, 0), (3, 1, -0.13, 0, 0)),
    "step_touch": ((0, 0, 0.40, 0, 0), (1, 1, 0.14, 0, 0), (2, 1, -0.40, 0, 0), (3, 0, -0.14, 0, 0)),
    "tap": ((0, 0, 0.40, 0, 0.12), (1, 0, 0.13, 0, 0), (2, 1, -0.40, 0, 0.12), (3, 1, -0.13, 0, 0)),
    "rock": ((0, 0, 0.16, 0, 0.30), (1, 1, -0.14, 0, 0), (2, 0, 0.16, 0, -0.22), (3, 1, -0.14, 0, 0.02)),
    "top_rock": ((0, 1, 0.04, 0, 0.26), (1, 1, -0.15, 0, 0), (2, 0, -0.04, 0, 0.26), (3, 0, 0.15, 0, 0)),
    "kick_step": ((0, 0, 0.26, 0.28, 0.42), (1, 0, 0.13, 0, 0), (2, 1, -0.26, 0.28, 0.42), (3, 1, -0.13, 0, 0)),
    "side_kick": ((0, 0, 0.52, 0.26, 0.12), (1, 0, 0.13, 0, 0), (2, 1, -0.52, 0.26, 0.12), (3, 1, -0.13, 0, 0)),
    "knee_up": ((0, 0, 0.20, 0.30, 0.20), (1, 0, 0.15, 0, 0), (2, 1, -0.20, 0.30, 0.20), (3, 1, -0.15, 0, 0)),
    "stomp": ((0, 0, 0.32, 0, 0.05), (1, 1, -0.32, 0, 0.05), (2, 0, 0.24, 0, 0.12), (3, 1, -0.24, 0, 0)),
    "lunge": ((0, 0, 0.46, 0, 0.05), (1, 1, -0.26, 0, 0), (2, 0, 0.16, 0, 0), (3, 1, -0.16, 0, 0)),
    "shuffle": (
        (0, 0, 0.26, 0, 0.10), (0.5, 1, -0.08, 0, 0), (1, 0, 0.10, 0, -0.05), (1.5, 1, -0.26, 0, 0.08),
        (2, 0, 0.12, 0, 0.15), (2.5, 1, -0.12, 0, -0.08), (3, 0, 0.20, 0, 0), (3.5, 1, -0.20, 0, 0),
    ),
    "skate": (
        (0, 0, 0.36, 0, 0.02), (0.5, 1, -0.10, 0, -0.04), (1, 0, 0.12, 0, 0), (2, 1, -0.36, 0, 0.02),
        (2.5, 0, 0.10, 0, -0.04), (3, 1, -0.12, 0, 0),
    ),
    "heel_toe": (
        (0, 0, 0.24, 0, 0.22), (1, 0, 0.12, 0, 0), (1.5, 1, -0.14, 0, -0.1), (2, 1, -0.24, 0, 0.22),
        (3, 1, -0.12, 0, 0), (3.5, 0, 0.14, 0, -0.1),
    ),
    "out_in": ((0, 0, 0.34, 0, 0), (0.5, 1, -0.34, 0, 0), (2, 0, 0.12, 0, 0), (2.5, 1, -0.12, 0, 0)),
    "tendu": ((0, 0, 0.52, 0, 0.10), (2, 0, 0.10, 0, 0), (3, 1, -0.12, 0, 0.06)),
    "passe": ((0, 0, 0.24, 0.42, 0.10), (2, 0, 0.12, 0, 0), (3, 1, -0.14, 0, 0.02)),
    "degage": ((0, 0, 0.30, 0.20, 0.50), (1, 0, 0.10, 0, 0.05), (2, 1, -0.50, 0.18, 0.15), (3, 1, -0.12, 0, 0)),
    "chasse": ((0, 0, 0.45, 0, 0.04), (1, 1, 0.16, 0, 0), (2, 1, -0.42, 0, 0.04), (3, 0, -0.12, 0, 0)),
}  # fmt: skip


@dataclass(frozen=True)
class Manner:
    """How a style moves. Lengths are in metres for a dancer of 1.70 m, angles in degrees, durations in beats."""

    arms: tuple[str, ...]
    legs: tuple[str, ...]
    arm_time: float  # duration of an arm's movement to its pose; when short, the arm hits and holds
    step_time: float  # duration of a step
    lift: float  # height of the foot during a step
    crouch: float  # bend of the standing legs
    bounce: float  # drop of the pelvis on the beat
    sway: float  # sideways, arrives every two beats
    turn: float  # yaw of the pelvis, arrives every four beats
    twist: float  # yaw of the chest, arrives every two beats
    lean: float  # roll of the chest, arrives every two beats
    hit: float  # pitch of the chest on the beat
    hit_time: float
    nod: float  # pitch of the head on the beat
    accents: tuple[float, float, float, float]  # strength of the four beats of a bar


MANNERS = {
    "break": Manner(
        arms=("break_rock", "open_cross", "punch", "clap_out", "swing"),
        legs=("top_rock", "kick_step", "step_touch", "out_in"),
        arm_time=0.6, step_time=0.6, lift=0.12, crouch=0.07, bounce=0.07,
        sway=0.06, turn=22, twist=14, lean=5,
        hit=9, hit_time=0.42, nod=7, accents=(1.0, 0.5, 0.7, 0.5),
    ),
    "pop": Manner(
        arms=("robot", "dime_stop", "arm_wave", "tutting"),
        legs=("stand", "tap", "march", "step_touch"),
        arm_time=0.46, step_time=0.45, lift=0.08, crouch=0.05, bounce=0.04,
        sway=0.04, turn=24, twist=14, lean=6,
        hit=13, hit_time=0.36, nod=6, accents=(1.0, 0.5, 0.7, 0.5),
    ),
    "lock": Manner(
        arms=("point", "lock", "twirl", "clap_out"),
        legs=("tap", "kick_step", "step_touch", "knee_up"),
        arm_time=0.45, step_time=0.5, lift=0.12, crouch=0.06, bounce=0.065,
        sway=0.05, turn=20, twist=12, lean=5,
        hit=9, hit_time=0.35, nod=9, accents=(1.0, 0.5, 0.7, 0.5),
    ),
    "middle_hip_hop": Manner(
        arms=("groove", "swing", "open_cross", "loose"),
        legs=("march", "rock", "step_touch", "tap"),
        arm_time=0.7, step_time=0.62, lift=0.12, crouch=0.07, bounce=0.085,
        sway=0.07, turn=18, twist=12, lean=7,
        hit=9, hit_time=0.45, nod=10, accents=(1.0, 0.5, 0.7, 0.5),
    ),
    "la_hip_hop": Manner(
        arms=("sharp_doubles", "frame", "tutting", "throw"),
        legs=("lunge", "step_touch", "tap", "rock"),
        arm_time=0.45, step_time=0.5, lift=0.1, crouch=0.08, bounce=0.065,
        sway=0.06, turn=24, twist=16, lean=8,
        hit=10, hit_time=0.36, nod=7, accents=(1.0, 0.5, 0.7, 0.5),
    ),
    "house": Manner(
        arms=("jack_arms", "loose", "groove", "swing"),
        legs=("shuffle", "skate", "heel_toe", "out_in"),
        arm_time=0.7, step_time=0.42, lift=0.08, crouch=0.06, bounce=0.055,
        sway=0.06, turn=16, twist=10, lean=5,
        hit=13, hit_time=0.45, nod=8, accents=(1.0, 0.5, 0.7, 0.5),
    ),
    "waack": Manner(
        arms=("circle_out", "overhead", "whip", "point"),
        legs=("stand", "tap", "step_touch", "side_kick"),
        arm_time=0.46, step_time=0.55, lift=0.09, crouch=0.04, bounce=0.045,
        sway=0.08, turn=24, twist=14, lean=8,
        hit=7, hit_time=0.42, nod=7, accents=(1.0, 0.5, 0.7, 0.5),
    ),
    "krump": Manner(
        arms=("jab", "arm_swing", "chest_pop", "throw", "punch"),
        legs=("stomp", "knee_up", "lunge", "march"),
        arm_time=0.42, step_time=0.48, lift=0.24, crouch=0.1, bounce=0.1,
        sway=0.06, turn=22, twist=14, lean=8,
        hit=18, hit_time=0.32, nod=11, accents=(1.0, 0.5, 0.7, 0.5),
    ),
    "street_jazz": Manner(
        arms=("lines", "show", "sass", "frame", "clap_out"),
        legs=("step_touch", "lunge", "side_kick", "chasse"),
        arm_time=0.6, step_time=0.58, lift=0.1, crouch=0.05, bounce=0.05,
        sway=0.1, turn=28, twist=16, lean=10,
        hit=8, hit_time=0.42, nod=6, accents=(1.0, 0.5, 0.7, 0.5),
    ),
    "ballet_jazz": Manner(
        arms=("port_de_bras", "open_fifth", "arabesque_arms", "reach"),
        legs=("tendu", "passe", "degage", "chasse"),
        arm_time=1.25, step_time=0.85, lift=0.08, crouch=0.03, bounce=0.045,
        sway=0.08, turn=26, twist=12, lean=9,
        hit=5, hit_time=0.55, nod=5, accents=(1.0, 0.5, 0.7, 0.5),
    ),
}  # fmt: skip
