"""Draw a dancer: shaded capsules sorted by depth, clothes, a head with a face, floor, shadow, room and noise.

The figure is drawn well enough for a pose estimator trained on people to follow it.
"""

from collections.abc import Iterator

import cv2
import numpy as np

from pace.synthetic.backdrop import noise_bank, room
from pace.synthetic.body import SIDES, Motion
from pace.synthetic.camera import Camera
from pace.synthetic.shapes import Colour, Shape, capsule, ellipse, fixed, hull, shade
from pace.synthetic.wardrobe import Look, random_look

# Radii in metres for a dancer of 1.70 m and ordinary girth.
RADII = {
    "shoulder": 0.058,
    "elbow": 0.043,
    "wrist": 0.031,
    "hand": 0.040,
    "hip": 0.085,
    "knee": 0.060,
    "ankle": 0.041,
    "toe": 0.036,
    "chest": 0.085,
    "waist": 0.095,
    "neck": 0.052,
}


def render(
    motion: Motion, camera: Camera, size: int, rng: np.random.Generator, style: str | None = None
) -> Iterator[np.ndarray]:
    """Frames (size, size, 3) uint8 RGB of the motion seen by the camera; clothes, room and light come from `rng`.

    style: most of its dancers wear its colours (`wardrobe`); None: any clothes.
    """
    camera = camera.resized(size)
    backdrop, noise = room(camera, rng), noise_bank(size, rng)
    figure = Figure(motion, camera, random_look(rng, float(backdrop.mean()), style))
    shapes, shadow, strength = figure.shapes(), figure.shadow(), rng.uniform(0.25, 0.5)
    order = draw_order(shapes)
    for frame in range(len(motion.joints)):
        image = backdrop.copy()
        _darken(image, shadow[frame], strength)
        paint(image, shapes, order[:, frame], frame)
        yield cv2.add(image, noise[frame % len(noise)], dtype=cv2.CV_8U)


def draw_order(shapes: list[Shape]) -> np.ndarray:
    """Indices of the shapes (S,N) from the farthest to the nearest, for each of N frames."""
    return np.argsort(-np.stack([shape.depth for shape in shapes]), axis=0, kind="stable")


def paint(image: np.ndarray, shapes: list[Shape], order: np.ndarray, frame: int) -> None:
    """Draw the shapes of one frame into the image, in the given order."""
    for index in order:
        shapes[index].draw(image, frame)


def _darken(image: np.ndarray, polygons: list[np.ndarray], strength: float) -> None:
    """Shadow on the floor: polygons (V,2) in fixed point, each darkening what lies under it."""
    for polygon in polygons:
        low, high = polygon.min(0) >> 4, (polygon.max(0) >> 4) + 2
        (x0, y0), (x1, y1) = np.clip(low, 0, image.shape[0]), np.clip(high, 0, image.shape[0])
        if x0 < x1 and y0 < y1:
            part = image[y0:y1, x0:x1]
            mask = np.zeros(part.shape[:2], np.uint8)
            cv2.fillConvexPoly(mask, polygon - (np.array([x0, y0]) << 4), 255, cv2.LINE_AA, 4)
            dark = cv2.addWeighted(part, 1 - strength / 2, part, 0, 0)
            cv2.copyTo(dark, mask, part)


class Figure:
    """The dancer in pixels: projects points and radii of all frames."""

    def __init__(self, motion: Motion, camera: Camera, look: Look) -> None:
        self.motion, self.camera, self.look = motion, camera, look
        self.thickness = motion.body.girth * motion.body.height / 1.70

    def pixels(self, points: np.ndarray) -> np.ndarray:
        return self.camera.project(points)

    def depth(self, points: np.ndarray) -> np.ndarray:
        return self.camera.to_camera(points)[..., 2]

    def radius(self, points: np.ndarray, name: str, factor: float = 1.0) -> np.ndarray:
        return RADII[name] * factor * self.thickness * self.camera.focal / self.depth(points)

    def limb(self, a: np.ndarray, b: np.ndarray, names: tuple[str, str], colour: Colour, nearer: float = 0.0) -> Shape:
        """A shaded limb between points a and b (N,3), drawn as if `nearer` metres nearer."""
        depth = self.depth((a + b) / 2) - nearer
        radii = self.radius(a, names[0]), self.radius(b, names[1])
        return capsule(self.pixels(a), self.pixels(b), *radii, depth, colour)

    def shapes(self) -> list[Shape]:
        joints, look = self.motion.joints, self.look
        shapes = [*self.torso(), *self.head()]
        for side, limbs in enumerate(((4, 5, 6, 11, 12, 13), (1, 2, 3, 14, 15, 16))):
            hip, knee, ankle, shoulder, elbow, wrist = limbs
            shin = look.skin if look.shorts else look.trousers
            fore = look.shirt if look.sleeve else look.skin
            heel = joints[:, ankle] - np.array([0, 0.35 * self.motion.body.ankle, 0])
            shapes += [
                self.limb(joints[:, hip], joints[:, knee], ("hip", "knee"), look.trousers),
                self.limb(joints[:, knee], joints[:, ankle], ("knee", "ankle"), shin),
                self.limb(heel, self.motion.toes[:, side], ("ankle", "toe"), look.shoes, 0.03),
                self.limb(joints[:, shoulder], joints[:, elbow], ("shoulder", "elbow"), look.shirt, 0.04),
                self.limb(joints[:, elbow], joints[:, wrist], ("elbow", "wrist"), fore, 0.05),
                self.limb(joints[:, wrist], self.motion.hands[:, side], ("wrist", "hand"), look.skin, 0.06),
            ]
        return shapes

    def torso(self) -> list[Shape]:
        """Neck, chest and hips."""
        motion, look = self.motion, self.look
        joints, body = motion.joints, motion.body
        belly, neck, root = joints[:, 7], joints[:, 8], joints[:, 0]
        across = SIDES[:, None, None]
        chest = neck + across * motion.chest[:, :, 0] * (0.78 * body.shoulder) - motion.chest[:, :, 1] * 0.045
        waist = belly + across * motion.pelvis[:, :, 0] * (0.32 * body.shoulder)
        hips = root + across * motion.pelvis[:, :, 0] * (0.95 * body.hip)

        depth = self.depth(belly)  # of both halves: the shirt, drawn second, covers the trousers' waist

        def trunk(upper: np.ndarray, lower: np.ndarray, names: tuple[str, str], colour: Colour) -> Shape:
            points = np.concatenate([upper, lower])  # (4,N,3)
            radii = [self.radius(point, name) for point, name in zip(points, np.repeat(names, 2), strict=True)]
            centres = np.swapaxes(self.pixels(points), 0, 1)
            return hull(centres, np.stack(radii, axis=1), depth, colour)

        throat = neck + motion.head[:, :, 1] * (0.34 * body.head) + motion.head[:, :, 2] * (0.05 * body.head)
        return [
            trunk(waist, hips, ("waist", "hip"), look.trousers),
            trunk(chest, waist + 0.3 * (root - belly), ("chest", "waist"), look.shirt),
            self.limb(neck - motion.chest[:, :, 1] * 0.03, throat, ("neck", "neck"), look.skin, 0.02),
        ]

    def head(self) -> list[Shape]:
        """Head with hair and face, and the long hair that hangs behind."""
        motion, look, length = self.motion, self.look, self.motion.body.head
        neck = motion.joints[:, 8]
        left, up, forward = np.moveaxis(motion.head, -1, 0) * length

        def at(side: float, height: float, ahead: float) -> np.ndarray:
            return self.pixels(neck + left * side + up * height + forward * ahead)

        middle = at(0, 0.64, 0.02)
        axis = at(0, 1.0, 0.02) - middle
        turned = np.abs((left / length) @ self.camera.rotation[2])[:, None]
        across = np.stack([-axis[:, 1], axis[:, 0]], axis=-1) * (0.74 + 0.10 * turned)
        ahead = at(0, 0.64, 0.14) - middle
        layers = [
            (ellipse(middle - 0.35 * ahead + 0.16 * axis, 0.92 * axis, 1.08 * across), shade(look.hair, 0.9)),
            (ellipse(middle + 0.25 * ahead - 0.06 * axis, 0.94 * axis, 0.95 * across), shade(look.skin, 0.82)),
            (ellipse(middle + 0.32 * ahead - 0.05 * axis + 0.06 * across, 0.86 * axis, 0.80 * across), look.skin),
            (ellipse(middle + 0.10 * ahead + 0.36 * axis, 0.70 * axis, 0.93 * across, (-90, 90)), look.hair),
        ]

        def feature(place: np.ndarray, tall: float, wide: float, colour: Colour) -> tuple[np.ndarray, Colour]:
            facing = np.clip(-(forward / length) @ self.camera.rotation[2], 0.15, 1)[:, None]
            return ellipse(place, tall * axis, wide * facing * across), colour

        iris, brow, lip = (35, 28, 26), shade(look.hair, 0.8), (150, 62, 62)
        for side in SIDES:
            layers += [
                feature(at(0.115 * side, 0.645, 0.30), 0.085, 0.19, (245, 243, 240)),
                feature(at(0.115 * side, 0.645, 0.31), 0.080, 0.09, iris),
                feature(at(0.120 * side, 0.725, 0.30), 0.035, 0.24, brow),
            ]
        nose = motion.joints[:, 9]
        layers += [
            feature((at(0, 0.62, 0.31) + self.pixels(nose)) / 2, 0.16, 0.10, shade(look.skin, 0.86)),
            feature(self.pixels(nose), 0.055, 0.15, shade(look.skin, 0.72)),
            feature(at(0, 0.435, 0.29), 0.045, 0.28, lip),
        ]
        depth = self.depth(neck + 0.64 * up)
        face = Shape(depth - 0.06, tuple(layers))
        if not look.long_hair:
            return [face]
        mane = ellipse(middle - 0.45 * axis - 0.6 * ahead, 1.25 * axis, 1.15 * across)
        return [face, Shape(depth + 0.15, ((mane, shade(look.hair, 0.8)),))]

    def shadow(self) -> list[list[np.ndarray]]:
        """For each frame the floor's shadow polygons in fixed point: body and feet, soft by nesting."""
        joints, height = self.motion.joints, self.motion.body.height
        angle = np.linspace(0, 2 * np.pi, 16, endpoint=False)
        ring = np.stack([np.cos(angle), np.zeros(16), np.sin(angle)], axis=-1)
        polygons = []
        for joint, radius in ((0, 0.20), (0, 0.15), (6, 0.09), (3, 0.09)):
            centre = joints[:, joint] * np.array([1.0, 0.0, 1.0])
            polygons.append(fixed(self.pixels(centre[:, None] + ring * radius * height)))
        return [list(frame) for frame in np.stack(polygons, axis=1)]
