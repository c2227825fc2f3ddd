"""Convex outlines of a drawn body in pixels, for all frames at once, with shading and depth."""

from dataclasses import dataclass

import cv2
import numpy as np

SHIFT = 4  # fractional bits of OpenCV's drawing coordinates
LIGHT = np.array([-0.45, -0.55])  # direction of the light source in the image
# Layers of a shaded shape: size, shift towards the light, brightness.
LAYERS = ((1.0, 0.0, 0.58), (0.80, 0.22, 0.84), (0.48, 0.50, 1.04))
ARC = np.linspace(-np.pi / 2, np.pi / 2, 7)
CIRCLE = np.linspace(0, 2 * np.pi, 12, endpoint=False)

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Shape:
    """Layers to fill one over the other: each has a polygon (V,2) for each of N frames, and a colour."""

    depth: np.ndarray  # (N,) metres from the camera; farther shapes are drawn first
    layers: tuple[tuple[list[np.ndarray] | np.ndarray, Colour], ...]

    def draw(self, image: np.ndarray, frame: int) -> None:
        """Draw the layers of one frame into the image."""
        for polygons, colour in self.layers:
            cv2.fillConvexPoly(image, polygons[frame], colour, cv2.LINE_AA, SHIFT)


def fixed(points: np.ndarray) -> np.ndarray:
    """Convert pixel coordinates to OpenCV's fixed point."""
    return np.round(points * (1 << SHIFT)).astype(np.int32)


def shade(colour: Colour, brightness: float) -> Colour:
    """Scale a colour by a brightness, up to 255."""
    red, green, blue = (float(min(255.0, channel * brightness)) for channel in colour)
    return red, green, blue


def capsule(a: np.ndarray, b: np.ndarray, ra: np.ndarray, rb: np.ndarray, depth: np.ndarray, colour: Colour) -> Shape:
    """Build a shaded limb from a to b (N,2) with radii ra and rb (N,), all in pixels."""
    line = b - a
    angle = np.arctan2(line[:, 1], line[:, 0])[:, None]
    layers = []
    for size, towards, brightness in LAYERS:
        ends = []
        for centre, radius, turn in ((a, ra, np.pi), (b, rb, 0.0)):
            direction = np.stack([np.cos(angle + turn + ARC), np.sin(angle + turn + ARC)], axis=-1)
            middle = centre + LIGHT * towards * radius[:, None]
            ends.append(middle[:, None] + direction * (size * radius)[:, None, None])
        layers.append((fixed(np.concatenate(ends, axis=1)), shade(colour, brightness)))
    return Shape(depth, tuple(layers))


def hull(centres: np.ndarray, radii: np.ndarray, depth: np.ndarray, colour: Colour) -> Shape:
    """Build the shaded convex hull of discs with centres (N,D,2) and radii (N,D), all in pixels."""
    circle = np.stack([np.cos(CIRCLE), np.sin(CIRCLE)], axis=-1)
    middle = centres.mean(1, keepdims=True)
    mean_radius = radii.mean(1)[:, None, None]
    layers = []
    for size, towards, brightness in LAYERS:
        inner = middle + (centres - middle) * (0.5 + 0.5 * size) + LIGHT * towards * mean_radius
        points = inner[:, :, None] + circle * (size * radii)[..., None, None]
        outline = fixed(points.reshape(len(points), -1, 2))
        layers.append(([cv2.convexHull(points)[:, 0] for points in outline], shade(colour, brightness)))
    return Shape(depth, tuple(layers))


def ellipse(centre: np.ndarray, up: np.ndarray, side: np.ndarray, span: tuple[float, float] = (0, 360)) -> np.ndarray:
    """Compute the outline (N,V,2), in fixed point, of an ellipse with half axes `up` and `side` (N,2) in pixels.

    span: the part to draw in degrees, from `up` towards `side`.
    """
    angle = np.radians(np.linspace(*span, 18))[:, None]
    return fixed(centre[:, None] + np.cos(angle) * up[:, None] + np.sin(angle) * side[:, None])
