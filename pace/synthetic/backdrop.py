"""The background of a rendered dance: wall, floor, pictures and light; and the camera's noise."""

from dataclasses import replace

import cv2
import numpy as np

from pace.synthetic.camera import Camera


def room(camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """Draw an empty room as the camera sees it: (size,size,3) uint8 RGB.

    The wall stands behind the dancer: of the four walls at right angles, the one that the camera faces.
    """
    size, camera = camera.size, _facing_wall(camera)
    wall = _hsv(rng.uniform(0, 180), rng.uniform(5, 90), rng.uniform(70, 235))
    floor = _hsv(rng.choice([rng.uniform(8, 25), rng.uniform(0, 180)]), rng.uniform(10, 110), rng.uniform(50, 190))
    depth = -rng.uniform(1.5, 4.0)
    image = np.empty((size, size, 3), np.float32)
    image[:] = wall
    for _ in range(rng.integers(0, 5)):
        _picture(image, camera, depth, wall, rng)
    x, z, height = _back_project(camera, depth)
    image[height < 0.09] = wall * 0.7  # skirting board
    on_floor = height < 0
    image[on_floor] = floor
    if rng.random() < 0.6:
        board, tiled = rng.uniform(0.25, 0.8), rng.uniform(0, 1) < 0.5
        seams = (np.mod(x, board) < 0.02) | ((np.mod(z, 2 * board) < 0.03) & tiled)
        image[on_floor & seams] = floor * rng.uniform(0.75, 0.92)
    image *= _light(size, rng)[..., None]
    image += cv2.GaussianBlur(rng.normal(0, 20, (size, size)).astype(np.float32), (0, 0), 3)[..., None]
    return cv2.GaussianBlur(np.clip(image, 0, 255), (0, 0), 0.003 * size).astype(np.uint8)


def noise_bank(size: int, rng: np.random.Generator, frames: int = 5) -> np.ndarray:
    """Draw sensor noise (frames,size,size,3) int16, to be added to the video's frames in turn."""
    noise = rng.standard_normal((frames, size, size, 3), dtype=np.float32)
    return np.round(noise * rng.uniform(1.0, 3.5)).astype(np.int16)


def _facing_wall(camera: Camera) -> Camera:
    """The camera in a room that is turned by quarters until it looks at the far wall, at z < 0."""
    right, _, ahead = camera.rotation[2]
    quarters = round(float(np.arctan2(-right, -ahead)) / (np.pi / 2))
    cos, sin = np.cos(quarters * np.pi / 2).round(), np.sin(quarters * np.pi / 2).round()
    turn = np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
    return replace(camera, rotation=camera.rotation @ turn.T, position=turn @ camera.position)


def _hsv(hue: float, saturation: float, value: float) -> np.ndarray:
    """A colour (3,) float32 RGB from hue in [0,180), saturation and value in [0,255]."""
    pixel = np.array([[[hue, saturation, value]]]).astype(np.uint8)
    rgb: np.ndarray = cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0].astype(np.float32)
    return rgb


def _back_project(camera: Camera, depth: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each pixel's ray: x and z on the floor, and the height at which it meets the wall; each (size,size)."""
    v, u = np.mgrid[0 : camera.size, 0 : camera.size].astype(float)
    rays = np.stack([(u - camera.centre[0]) / camera.focal, (v - camera.centre[1]) / camera.focal, np.ones_like(u)], -1)
    rays = rays @ camera.rotation
    height = camera.position[1] + rays[..., 1] * (depth - camera.position[2]) / rays[..., 2]
    reach = camera.position[1] / np.maximum(-rays[..., 1], 1e-6)
    return camera.position[0] + rays[..., 0] * reach, camera.position[2] + rays[..., 2] * reach, height


def _fill(image: np.ndarray, camera: Camera, corners: list[tuple[float, float, float]], colour: np.ndarray) -> None:
    """Fill a convex polygon whose corners are in world coordinates."""
    pixels = np.clip(camera.project(np.array(corners, float)), -3e4, 3e4)
    cv2.fillConvexPoly(image, np.round(pixels).astype(np.int32), tuple(map(float, colour)))


def _picture(image: np.ndarray, camera: Camera, depth: float, wall: np.ndarray, rng: np.random.Generator) -> None:
    """Draw a picture, window or door on the wall."""
    x, width, low, height = rng.uniform(-3, 2.5), rng.uniform(0.3, 1.4), rng.uniform(0.1, 1.4), rng.uniform(0.4, 1.6)
    corners = [(x, low), (x + width, low), (x + width, low + height), (x, low + height)]
    tint = _hsv(rng.uniform(0, 180), rng.uniform(0, 120), rng.uniform(40, 240))
    _fill(image, camera, [(a, b, depth) for a, b in corners], 0.6 * wall + 0.4 * tint)


def _light(size: int, rng: np.random.Generator) -> np.ndarray:
    """Brightness (size,size): a soft bright spot and darker corners."""
    y, x = np.mgrid[0 : 1 : size * 1j, 0 : 1 : size * 1j]
    centre = rng.uniform(0.2, 0.8, 2)
    distance = (x - centre[0]) ** 2 + (y - centre[1]) ** 2
    brightness: np.ndarray = (1.05 - rng.uniform(0.1, 0.5) * distance).astype(np.float32)
    return brightness
