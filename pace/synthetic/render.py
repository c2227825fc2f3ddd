"""Draw a dancer: depth-sorted shaded capsules, clothes, a head with a face, a shadow, the room and noise.

The figure is realistic enough for a pose estimator that was trained on people to track it.
"""

from collections.abc import Iterator

import cv2
import numpy as np

from pace.synthetic.backdrop import noise_bank, room
from pace.synthetic.body import SIDES, Motion
from pace.synthetic.camera import Camera
from pace.synthetic.shapes import Colour, Shape, capsule, ellipse, fixed, hull, shade
from pace.synthetic.wardrobe import Look, random_look

# Radii in metres for a dancer of 1.70 m and average girth.
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

# Cosine of the angle between face and camera below which the head is seen from behind.
FROM_BEHIND = -0.25


def render(
    motion: Motion, camera: Camera, size: int, rng: np.random.Generator, style: str | None = None
) -> Iterator[np.ndarray]:
    """Render the motion as the camera sees it: frames (size,size,3) uint8 RGB.

    Clothes, room and light are drawn from `rng`. style: most of its dancers wear its colours (see `wardrobe`); with
    None they wear any clothes.
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
    """Sort the shapes from the farthest to the nearest in each of N frames: indices (S,N)."""
    return np.argsort(-np.stack([shape.depth for shape in shapes]), axis=0, kind="stable")


def paint(image: np.ndarray, shapes: list[Shape], order: np.ndarray, frame: int) -> None:
    """Draw the shapes of one frame into the image, in the given order."""
    for index in order:
        shapes[index].draw(image, frame)


def _darken(image: np.ndarray, polygons: list[np.ndarray], strength: float) -> None:
    """Draw the shadow on the floor: each polygon (V,2), in fixed point, darkens the pixels that it covers."""
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
    """The dancer in pixels, for all frames at once."""

    def __init__(self, motion: Motion, camera: Camera, look: Look) -> None:
        self.motion, self.camera, self.look = motion, camera, look
        self.thickness = motion.body.girth * motion.body.height / 1.70

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """Project world points (...,3) to pixels (...,2)."""
        return self.camera.project(points)

    def depth(self, points: np.ndarray) -> np.ndarray:
        """Compute the depth (...) of world points (...,3) in metres."""
        return self.camera.to_camera(points)[..., 2]

    def radius(self, points: np.ndarray, name: str, factor: float = 1.0) -> np.ndarray:
        """Compute the radius in pixels (...) of a body part of `RADII` at world points (...,3)."""
        radius: np.ndarray = RADII[name] * factor * self.thickness * self.camera.focal / self.depth(points)
        return radius

    def limb(self, a: np.ndarray, b: np.ndarray, names: tuple[str, str], colour: Colour, nearer: float = 0.0) -> Shape:
        """Build a shaded limb between points a and b (N,3), sorted as if it were `nearer` metres closer."""
        depth = self.depth((a + b) / 2) - nearer
        radius_a, radius_b = self.radius(a, names[0]), self.radius(b, names[1])
        return capsule(self.pixels(a), self.pixels(b), radius_a, radius_b, depth, colour)

    def shapes(self) -> list[Shape]:
        """Build all shapes of the dancer."""
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
        """Build neck, chest and hips."""
        motion, look = self.motion, self.look
        joints, body = motion.joints, motion.body
        belly, neck, root = joints[:, 7], joints[:, 8], joints[:, 0]
        across = SIDES[:, None, None]
        chest = neck + across * motion.chest[:, :, 0] * (0.78 * body.shoulder) - motion.chest[:, :, 1] * 0.045
        waist = belly + across * motion.pelvis[:, :, 0] * (0.32 * body.shoulder)
        hips = root + across * motion.pelvis[:, :, 0] * (0.95 * body.hip)

        # Both halves have the same depth, so the shirt, drawn second, covers the waist of the trousers.
        depth = self.depth(belly)

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
        """Build the head with hair and face, and long hair behind it. From behind, the hair covers the face."""
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
        towards = -(forward / length) @ self.camera.rotation[2]  # 1 where the dancer faces the camera
        hair = [(ellipse(middle - 0.35 * ahead + 0.16 * axis, 0.92 * axis, 1.08 * across), shade(look.hair, 0.9))]
        layers = [
            (ellipse(middle + 0.25 * ahead - 0.06 * axis, 0.94 * axis, 0.95 * across), shade(look.skin, 0.82)),
            (ellipse(middle + 0.32 * ahead - 0.05 * axis + 0.06 * across, 0.86 * axis, 0.80 * across), look.skin),
            (ellipse(middle + 0.10 * ahead + 0.36 * axis, 0.70 * axis, 0.93 * across, (-90, 90)), look.hair),
        ]

        def feature(centre: np.ndarray, height: float, width: float, colour: Colour) -> tuple[np.ndarray, Colour]:
            shown = np.clip(towards, 0.15, 1)[:, None]
            return ellipse(centre, height * axis, width * shown * across), colour

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
        behind = np.where(towards > FROM_BEHIND, 1, -1)  # the hair is behind the face, or before it
        shapes = [Shape(depth - 0.06 + 1e-4 * behind, tuple(hair)), Shape(depth - 0.06, tuple(layers))]
        if look.long_hair:
            mane = ellipse(middle - 0.45 * axis - 0.6 * ahead, 1.25 * axis, 1.15 * across)
            shapes.append(Shape(depth + 0.15 * behind, ((mane, shade(look.hair, 0.8)),)))
        return shapes

    def shadow(self) -> list[list[np.ndarray]]:
        """Build the shadow polygons of each frame in fixed point: body and feet, nested for soft edges."""
        joints, height = self.motion.joints, self.motion.body.height
        angle = np.linspace(0, 2 * np.pi, 16, endpoint=False)
        ring = np.stack([np.cos(angle), np.zeros(16), np.sin(angle)], axis=-1)
        polygons = []
        for joint, radius in ((0, 0.20), (0, 0.15), (6, 0.09), (3, 0.09)):
            centre = joints[:, joint] * np.array([1.0, 0.0, 1.0])
            polygons.append(fixed(self.pixels(centre[:, None] + ring * radius * height)))
        return [list(frame) for frame in np.stack(polygons, axis=1)]
