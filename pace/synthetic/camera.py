"""A pinhole camera in front of the dancer, drawn at random so that the whole dance stays in a square frame."""

from dataclasses import dataclass, replace

import numpy as np

from pace.synthetic.body import Motion

MAX_YAW = np.radians(35)
FIGURE = (0.66, 0.74)  # the standing dancer's height as a share of the frame's
MARGIN = 0.04  # share of the frame kept free along its edges


@dataclass(frozen=True)
class Camera:
    """Maps world coordinates (x right, y up, z towards the viewer; metres) to camera coordinates and pixels.

    In camera coordinates x points right, y down and z forward.
    """

    rotation: np.ndarray  # (3,3) as rows, the camera's right, down and forward in the world
    position: np.ndarray  # (3,) in the world
    focal: float  # pixels
    centre: tuple[float, float]  # principal point in pixels
    size: int  # width and height of the frame in pixels

    def to_camera(self, points: np.ndarray) -> np.ndarray:
        """Transform world points (...,3) to camera coordinates (...,3) in metres."""
        transformed: np.ndarray = (points - self.position) @ self.rotation.T
        return transformed

    def project(self, points: np.ndarray) -> np.ndarray:
        """Project world points (...,3) to pixels (...,2)."""
        in_camera = self.to_camera(points)
        pixels: np.ndarray = in_camera[..., :2] / in_camera[..., 2:] * self.focal + np.array(self.centre)
        return pixels

    def resized(self, size: int) -> "Camera":
        """Return the same view for a frame of another size."""
        factor = size / self.size
        x, y = self.centre
        return replace(self, focal=self.focal * factor, centre=(x * factor, y * factor), size=size)


def look(yaw: float, pitch: float, target: np.ndarray, distance: float, focal: float, size: int) -> Camera:
    """Place a camera that looks at `target` from `distance`, `yaw` to the side and `pitch` above it (radians)."""
    forward = -np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
    right = np.array([np.cos(yaw), 0.0, -np.sin(yaw)])
    down = np.cross(forward, right)
    return Camera(np.stack([right, down, forward]), target - forward * distance, focal, (size / 2, size / 2), size)


def random_camera(rng: np.random.Generator, size: int, motion: Motion) -> Camera:
    """Draw a roughly frontal camera whose frame (size x size pixels) contains all joints, hands and toes of the motion.

    The yaw is within 35 degrees, the pitch slight, the field of view 28-58 degrees. The standing dancer takes up
    66-74 % of the frame's height, or less if the dance needs the space.
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
