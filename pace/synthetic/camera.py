"""A pinhole camera around the dancer, drawn at random so that the whole dance stays in a square frame."""

from dataclasses import dataclass, replace

import numpy as np

from pace.synthetic.body import Motion

FIGURE = (0.66, 0.74)  # the standing dancer's height as a share of the frame's
MARGIN = 0.04  # share of the frame kept free along its edges
NEAREST = 0.8  # metres between the camera and the nearest joint


@dataclass(frozen=True)
class View:
    """Where cameras stand.

    share: of the cameras. yaw: smallest and largest angle to the side, to either side. pitch: the angles above the
    dancer, both in degrees. spread: standard deviation of the yaw about 0 in degrees; 0: all yaws are as likely.
    """

    share: float
    yaw: tuple[float, float]
    pitch: tuple[float, float]
    spread: float = 0.0


VIEWS = {
    "front": View(0.60, (0, 35), (-3, 10), spread=15),
    "side": View(0.25, (35, 100), (-3, 10)),
    "above": View(0.15, (0, 50), (15, 40)),
}


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


def draw_view(rng: np.random.Generator) -> str:
    """Draw the name of a view, by the shares of VIEWS."""
    return str(rng.choice(list(VIEWS), p=[view.share for view in VIEWS.values()]))


def random_camera(rng: np.random.Generator, size: int, motion: Motion, view: str | None = None) -> Camera:
    """Draw a camera whose frame (size x size pixels) contains all joints, hands and toes of the motion.

    view: a name in VIEWS; None draws one. The field of view is 28-58 degrees. The standing dancer takes up 66-74 % of
    the frame's height, or less if the dance needs the space or the camera looks from above.
    """
    chosen = VIEWS[view or draw_view(rng)]
    points = np.concatenate([motion.joints, motion.hands, motion.toes], axis=1).reshape(-1, 3)
    field = np.radians(rng.uniform(28, 58))
    focal = 0.5 * size / np.tan(field / 2)
    yaw, pitch = _yaw(chosen, rng), float(np.radians(rng.uniform(*chosen.pitch)))
    distance = motion.body.height * focal / (rng.uniform(*FIGURE) * size)
    low, high = points.min(0), points.max(0)
    target = (low + high) / 2
    target[:2] += rng.uniform(-0.03, 0.03, 2)
    ahead = look(yaw, pitch, target, 0.0, focal, size).to_camera(points)[:, 2]
    distance = max(distance, NEAREST - float(ahead.min()))
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


def _yaw(view: View, rng: np.random.Generator) -> float:
    """Draw a yaw in radians."""
    low, high = view.yaw
    if view.spread:
        return float(np.radians(np.clip(rng.normal(0, view.spread), -high, high)))
    return float(np.radians(rng.uniform(low, high) * rng.choice((-1, 1))))
