"""A pinhole camera before the dancer, drawn so that the whole dance stays in a square frame."""

from dataclasses import dataclass, replace

import numpy as np

from pace.synthetic.body import Motion

MAX_YAW = np.radians(35)
FIGURE = (0.66, 0.74)  # standing height of the dancer as a share of the frame's height
MARGIN = 0.04  # share of the frame kept free around every joint


@dataclass(frozen=True)
class Camera:
    """World (x right, y up, z towards the viewer; metres) to camera (x right, y down, z forward) to pixels."""

    rotation: np.ndarray  # (3,3) rows: the camera's right, down and forward in the world
    position: np.ndarray  # (3,) in the world
    focal: float  # pixels
    centre: tuple[float, float]  # principal point in pixels
    size: int  # width and height of the frame in pixels

    def to_camera(self, points: np.ndarray) -> np.ndarray:
        """World points (...,3) in camera coordinates (...,3), metres."""
        return (points - self.position) @ self.rotation.T

    def project(self, points: np.ndarray) -> np.ndarray:
        """World points (...,3) in pixels (...,2)."""
        seen = self.to_camera(points)
        return seen[..., :2] / seen[..., 2:] * self.focal + np.array(self.centre)

    def resized(self, size: int) -> "Camera":
        """The same view in a frame of another size."""
        factor = size / self.size
        x, y = self.centre
        return replace(self, focal=self.focal * factor, centre=(x * factor, y * factor), size=size)


def look(yaw: float, pitch: float, target: np.ndarray, distance: float, focal: float, size: int) -> Camera:
    """A camera that looks at `target` from `distance`, `yaw` to the side and `pitch` above it (radians)."""
    forward = -np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
    right = np.array([np.cos(yaw), 0.0, -np.sin(yaw)])
    down = np.cross(forward, right)
    return Camera(np.stack([right, down, forward]), target - forward * distance, focal, (size / 2, size / 2), size)


def random_camera(rng: np.random.Generator, size: int, motion: Motion) -> Camera:
    """Draw a roughly frontal camera whose frame (size x size pixels) holds all joints, hands and toes of the motion.

    Yaw within 35 degrees, slight pitch, field of view 28-58 degrees; the standing dancer is 66-74 % of the frame's
    height, or less where the dance needs the room.
    """
    points = np.concatenate([motion.joints, motion.hands, motion.toes], axis=1).reshape(-1, 3)
    field = np.radians(rng.uniform(28, 58))
    focal = 0.5 * size / np.tan(field / 2)
    yaw, pitch = rng.normal(0, np.radians(15)), np.radians(rng.uniform(-3, 10))
    yaw = float(np.clip(yaw, -MAX_YAW, MAX_YAW))
    distance = motion.body.height * focal / (rng.uniform(*FIGURE) * size)
    low, high = points.min(0), points.max(0)
    target = (low + high) / 2
    target[:2] += rng.uniform(-0.03, 0.03, 2)
    room = size * (0.5 - MARGIN)
    for _ in range(20):
        camera = look(yaw, pitch, target, distance, focal, size)
        pixels = camera.project(points) - size / 2
        excess = np.abs(pixels).max() / room
        if excess <= 1:
            break
        middle = (pixels.min(0) + pixels.max(0)) / 2 * distance / focal
        target = target + camera.rotation[0] * middle[0] + camera.rotation[1] * middle[1]
        spread = (pixels.max(0) - pixels.min(0)).max() / 2 / room
        distance *= max(1.0, 1.01 * spread)
    return camera
