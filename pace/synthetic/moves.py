"""The vocabulary of the ten styles: arm poses, the moves of arms, legs and torso, and each style's manner of moving.

A move is where a part rests and where its hits go to, one after the other. A part rests, hits, and comes back.
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

# Arm moves: the pose at rest, and the poses towards which the hits go in turn.
ARM_MOVES = {
    "groove": ("waist", ("back", "low_front")),
    "swing": ("low_front", ("back", "low")),
    "open_cross": ("cross", ("side", "low")),
    "break_rock": ("chin", ("side", "cross", "low")),
    "punch": ("guard", ("front",)),
    "robot": ("ahead", ("cactus", "scarecrow")),
    "dime_stop": ("side", ("cactus", "ahead")),
    "arm_wave": ("side", ("bent_low", "cactus")),
    "tutting": ("cactus", ("ahead", "cross")),
    "point": ("hip", ("vee", "low_cross")),
    "lock": ("guard", ("bent_low", "front")),
    "twirl": ("ahead", ("cactus", "scarecrow")),
    "clap_out": ("front", ("side", "vee")),
    "sharp_doubles": ("chin", ("vee", "low", "side")),
    "frame": ("ahead", ("behind_head", "side")),
    "circle_out": ("bent_low", ("side", "cross")),
    "overhead": ("behind_head", ("vee", "cactus")),
    "whip": ("hip", ("side", "chin")),
    "jab": ("chamber", ("front", "high_front")),
    "arm_swing": ("low", ("vee", "low_cross")),
    "chest_pop": ("guard", ("back", "low")),
    "throw": ("chamber", ("high_front", "low")),
    "jack_arms": ("waist", ("back", "low_front")),
    "loose": ("low", ("waist", "low_front")),
    "lines": ("side", ("vee", "low")),
    "show": ("side", ("up", "hip")),
    "sass": ("hip", ("side", "behind_head")),
    "port_de_bras": ("second", ("crown", "round")),
    "open_fifth": ("crown", ("second",)),
    "arabesque_arms": ("round", ("front", "side")),
    "reach": ("round", ("vee", "low")),
}

# Leg moves: where the hits of a foot go to, from its place on the floor: outward, up and forward, in metres for a
# dancer of 1.70 m.
LEG_MOVES = {
    "side_tap": ((0.26, 0.0, 0.05),),
    "front_tap": ((0.03, 0.0, 0.30), (0.12, 0.0, 0.24)),
    "back_tap": ((0.04, 0.0, -0.28),),
    "cross_tap": ((-0.16, 0.0, 0.24), (0.22, 0.0, 0.06)),
    "kick": ((0.06, 0.30, 0.42),),
    "side_kick": ((0.36, 0.26, 0.12),),
    "knee_up": ((0.03, 0.32, 0.20),),
    "stomp": ((0.08, 0.20, 0.05),),
    "shuffle": ((0.13, 0.0, 0.12), (0.12, 0.0, -0.12)),
    "heel_toe": ((0.08, 0.0, 0.22), (0.04, 0.0, -0.16)),
    "lunge": ((0.32, 0.0, 0.08), (0.05, 0.0, 0.34)),
    "degage": ((0.16, 0.20, 0.38), (0.34, 0.16, 0.12)),
    "passe": ((0.08, 0.38, 0.12),),
}

# Torso moves: where the hits go to: shares of the manner's drop, pitch, twist, lean and sway. The signs of the last
# three change from hit to hit.
TORSO_MOVES = {
    "bounce": (1.0, 0.3, 0.0, 0.0, 0.0),
    "pop": (0.2, 1.0, 0.0, 0.0, 0.0),
    "twist": (0.3, 0.2, 1.0, 0.0, 0.0),
    "lean": (0.3, 0.0, 0.2, 1.0, 0.3),
    "rock": (0.5, 0.2, 0.0, 0.3, 1.0),
}


@dataclass(frozen=True)
class Manner:
    """How a style moves. Lengths are in metres for a dancer of 1.70 m, angles in degrees, durations in seconds.

    carriers, rates: see `pace.synthetic.phrases.Style`.
    """

    arms: tuple[str, ...]
    legs: tuple[str, ...]
    torso: tuple[str, ...]
    carriers: tuple[float, float, float]  # how often torso, an arm and a leg carry the beat: shares
    rates: tuple[float, float, float]  # how often a phrase has one, two and half a hit per beat: shares
    out: float  # duration of a hit's way out
    back: float  # and of its way back
    lift: float  # height of the foot on its way to a tap
    crouch: float  # bend of the standing legs
    drop: float  # of the pelvis in a hit
    pitch: float  # of the chest in a hit
    twist: float  # yaw of the chest in a hit
    lean: float  # roll of the chest in a hit
    sway: float  # sideways, in a hit
    flow: float  # size of the slow motion


MANNERS = {
    "break": Manner(
        arms=("break_rock", "open_cross", "punch", "clap_out", "swing"),
        legs=("cross_tap", "front_tap", "kick", "knee_up"),
        torso=("bounce", "rock", "twist"), carriers=(0.2, 0.3, 0.5), rates=(0.5, 0.3, 0.2),
        out=0.17, back=0.28, lift=0.12, crouch=0.09,
        drop=0.1, pitch=14, twist=20, lean=12, sway=0.08, flow=1.0,
    ),
    "pop": Manner(
        arms=("robot", "dime_stop", "arm_wave", "tutting"),
        legs=("side_tap", "stomp", "heel_toe"),
        torso=("pop", "twist", "lean"), carriers=(0.35, 0.45, 0.2), rates=(0.5, 0.3, 0.2),
        out=0.17, back=0.22, lift=0.07, crouch=0.05,
        drop=0.07, pitch=18, twist=22, lean=14, sway=0.06, flow=0.9,
    ),
    "lock": Manner(
        arms=("point", "lock", "twirl", "clap_out", "punch"),
        legs=("kick", "knee_up", "side_tap", "stomp"),
        torso=("bounce", "rock"), carriers=(0.25, 0.5, 0.25), rates=(0.55, 0.25, 0.2),
        out=0.17, back=0.24, lift=0.11, crouch=0.07,
        drop=0.1, pitch=14, twist=20, lean=12, sway=0.09, flow=1.0,
    ),
    "middle_hip_hop": Manner(
        arms=("groove", "swing", "loose", "open_cross"),
        legs=("stomp", "side_tap", "front_tap", "heel_toe"),
        torso=("bounce", "rock", "lean"), carriers=(0.5, 0.25, 0.25), rates=(0.5, 0.25, 0.25),
        out=0.19, back=0.32, lift=0.11, crouch=0.08,
        drop=0.13, pitch=16, twist=16, lean=12, sway=0.09, flow=1.0,
    ),
    "la_hip_hop": Manner(
        arms=("sharp_doubles", "frame", "tutting", "throw"),
        legs=("lunge", "side_tap", "front_tap", "stomp"),
        torso=("pop", "bounce", "twist"), carriers=(0.3, 0.45, 0.25), rates=(0.5, 0.3, 0.2),
        out=0.17, back=0.26, lift=0.1, crouch=0.08,
        drop=0.1, pitch=16, twist=22, lean=13, sway=0.08, flow=1.0,
    ),
    "house": Manner(
        arms=("jack_arms", "loose", "groove", "swing"),
        legs=("shuffle", "heel_toe", "cross_tap", "side_tap"),
        torso=("pop", "bounce", "rock"), carriers=(0.3, 0.15, 0.55), rates=(0.45, 0.45, 0.1),
        out=0.17, back=0.24, lift=0.08, crouch=0.06,
        drop=0.09, pitch=20, twist=14, lean=10, sway=0.08, flow=1.0,
    ),
    "waack": Manner(
        arms=("circle_out", "overhead", "whip", "point"),
        legs=("side_tap", "front_tap", "side_kick"),
        torso=("twist", "lean", "rock"), carriers=(0.2, 0.6, 0.2), rates=(0.45, 0.4, 0.15),
        out=0.17, back=0.24, lift=0.09, crouch=0.04,
        drop=0.08, pitch=13, twist=22, lean=14, sway=0.1, flow=1.0,
    ),
    "krump": Manner(
        arms=("jab", "arm_swing", "chest_pop", "throw", "punch"),
        legs=("stomp", "knee_up", "lunge"),
        torso=("pop", "bounce", "twist"), carriers=(0.35, 0.35, 0.3), rates=(0.5, 0.3, 0.2),
        out=0.17, back=0.26, lift=0.22, crouch=0.1,
        drop=0.13, pitch=24, twist=20, lean=13, sway=0.08, flow=1.1,
    ),
    "street_jazz": Manner(
        arms=("lines", "show", "sass", "frame", "clap_out"),
        legs=("side_tap", "lunge", "side_kick", "front_tap"),
        torso=("twist", "lean", "rock"), carriers=(0.3, 0.45, 0.25), rates=(0.5, 0.25, 0.25),
        out=0.17, back=0.3, lift=0.1, crouch=0.05,
        drop=0.08, pitch=13, twist=22, lean=15, sway=0.11, flow=1.1,
    ),
    "ballet_jazz": Manner(
        arms=("port_de_bras", "open_fifth", "arabesque_arms", "reach"),
        legs=("side_tap", "passe", "degage", "back_tap"),
        torso=("lean", "twist", "rock"), carriers=(0.25, 0.4, 0.35), rates=(0.55, 0.15, 0.3),
        out=0.2, back=0.38, lift=0.08, crouch=0.03,
        drop=0.08, pitch=12, twist=20, lean=15, sway=0.1, flow=1.2,
    ),
}  # fmt: skip
