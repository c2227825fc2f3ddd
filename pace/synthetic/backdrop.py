"""The room of a rendered dance: wall, floor, pictures, light; and the camera's noise."""

import cv2
import numpy as np

from pace.synthetic.camera import Camera


def room(camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """An empty room (size, size, 3) uint8 RGB seen by the camera."""
    size = camera.size
    wall = _hsv(rng.uniform(0, 180), rng.uniform(5, 90), rng.uniform(70, 235))
    floor = _hsv(rng.choice([rng.uniform(8, 25), rng.uniform(0, 180)]), rng.uniform(10, 110), rng.uniform(50, 190))
    depth = -rng.uniform(1.5, 4.0)
    image = np.empty((size, size, 3), np.float32)
    image[:] = wall
    for _ in range(rng.integers(0, 5)):
        _picture(image, camera, depth, wall, rng)
    x, z, below = _where(camera, depth)
    image[below < 0.09] = wall * 0.7
    on_floor = below < 0
    image[on_floor] = floor
    if rng.random() < 0.6:
        step, along = rng.uniform(0.25, 0.8), rng.uniform(0, 1)
        seams = (np.mod(x, step) < 0.02) | ((np.mod(z, 2 * step) < 0.03) & (along < 0.5))
        image[on_floor & seams] = floor * rng.uniform(0.75, 0.92)
    image *= _light(size, rng)[..., None]
    image += cv2.GaussianBlur(rng.normal(0, 20, (size, size)).astype(np.float32), (0, 0), 3)[..., None]
    return cv2.GaussianBlur(np.clip(image, 0, 255), (0, 0), 0.003 * size).astype(np.uint8)


def noise_bank(size: int, rng: np.random.Generator, frames: int = 5) -> np.ndarray:
    """Sensor noise (frames, size, size, 3) int16 to add in turn."""
    noise = rng.standard_normal((frames, size, size, 3), dtype=np.float32)
    return np.round(noise * rng.uniform(1.0, 3.5)).astype(np.int16)


def _hsv(hue: float, saturation: float, value: float) -> np.ndarray:
    pixel = np.array([[[hue, saturation, value]]]).astype(np.uint8)
    return cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0].astype(np.float32)


def _where(camera: Camera, depth: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What each pixel sees: x and z on the floor, and the height at which its ray meets the wall; each (size,size)."""
    v, u = np.mgrid[0 : camera.size, 0 : camera.size].astype(float)
    rays = np.stack([(u - camera.centre[0]) / camera.focal, (v - camera.centre[1]) / camera.focal, np.ones_like(u)], -1)
    rays = rays @ camera.rotation
    height = camera.position[1] + rays[..., 1] * (depth - camera.position[2]) / rays[..., 2]
    reach = camera.position[1] / np.maximum(-rays[..., 1], 1e-6)
    return camera.position[0] + rays[..., 0] * reach, camera.position[2] + rays[..., 2] * reach, height


def _fill(image: np.ndarray, camera: Camera, corners: list[tuple], colour: np.ndarray) -> None:
    pixels = np.clip(camera.project(np.array(corners, float)), -3e4, 3e4)
    cv2.fillConvexPoly(image, np.round(pixels).astype(np.int32), tuple(map(float, colour)))


def _picture(image: np.ndarray, camera: Camera, depth: float, wall: np.ndarray, rng: np.random.Generator) -> None:
    """A picture, window or door on the wall."""
    x, width, low, height = rng.uniform(-3, 2.5), rng.uniform(0.3, 1.4), rng.uniform(0.1, 1.4), rng.uniform(0.4, 1.6)
    corners = [(x, low), (x + width, low), (x + width, low + height), (x, low + height)]
    own = _hsv(rng.uniform(0, 180), rng.uniform(0, 120), rng.uniform(40, 240))
    _fill(image, camera, [(a, b, depth) for a, b in corners], 0.6 * wall + 0.4 * own)


def _light(size: int, rng: np.random.Generator) -> np.ndarray:
    """Brightness (size,size): a soft spot somewhere, darker corners."""
    y, x = np.mgrid[0 : 1 : size * 1j, 0 : 1 : size * 1j]
    centre = rng.uniform(0.2, 0.8, 2)
    away = (x - centre[0]) ** 2 + (y - centre[1]) ** 2
    return (1.05 - rng.uniform(0.1, 0.5) * away).astype(np.float32)
