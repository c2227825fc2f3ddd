"""The looks of the drawn dancers: skin, hair and clothes.

As in real genres, styles have dress codes: most dancers of a style wear its two colours. Besides the motion, these
colours are what a video shows of its genre, and what the visual condition can pick up at this scale.
"""

import colorsys
from dataclasses import dataclass

import numpy as np

from pace.synthetic.shapes import Colour
from pace.synthetic.styles import STYLES

SKINS = ((241, 205, 178), (224, 177, 142), (198, 146, 108), (160, 110, 78), (116, 78, 56))
HAIRS = ((30, 24, 22), (64, 42, 28), (110, 74, 40), (176, 136, 78), (90, 90, 94))
DRESSED = 0.8  # share of dancers who wear their style's colours
SPREAD = 0.03  # largest distance between the hues of a garment and of the style, as a share of the hue circle
CONTRAST = 35  # smallest difference between the mean brightness of a garment and of the room, of 255


@dataclass(frozen=True)
class Look:
    """One dancer's looks."""

    skin: Colour
    hair: Colour
    shirt: Colour
    trousers: Colour
    shoes: Colour
    sleeve: bool
    shorts: bool
    long_hair: bool


def colours(style: str) -> tuple[float, float]:
    """Return the hues of a style's shirt and trousers, as shares of the hue circle; each style has its own."""
    number = STYLES.index(style)
    return number / len(STYLES), (3 * number + 5) % len(STYLES) / len(STYLES)


def random_look(rng: np.random.Generator, around: float, style: str | None = None) -> Look:
    """Draw a dancer's looks. The clothes differ in brightness from the room, whose mean brightness is `around` (0-255).

    style: a share DRESSED of its dancers wear its colours; with None they wear any clothes.
    """
    shirt, trousers = colours(style) if style is not None and rng.random() < DRESSED else (None, None)
    skin, hair = SKINS[rng.integers(len(SKINS))], HAIRS[rng.integers(len(HAIRS))]
    sleeve, shorts, long_hair = (bool(draw) for draw in rng.random(3) < (0.5, 0.25, 0.4))
    shoes = _rgb(rng.uniform(15, 240, 3))
    shirt_colour, trousers_colour = _garment(rng, around, shirt), _garment(rng, around, trousers)
    return Look(skin, hair, shirt_colour, trousers_colour, shoes, sleeve, shorts, long_hair)


def _garment(rng: np.random.Generator, around: float, hue: float | None) -> Colour:
    """Draw a colour near `hue`, or any colour, that stands out from a room of brightness `around`."""
    while True:
        if hue is None:
            colour = rng.uniform(20, 235, 3)
        else:
            near = (hue + rng.uniform(-SPREAD, SPREAD)) % 1
            colour = 255 * np.array(colorsys.hsv_to_rgb(near, rng.uniform(0.5, 0.95), rng.uniform(0.25, 0.95)))
        if abs(colour.mean() - around) > CONTRAST:
            return _rgb(colour)


def _rgb(colour: np.ndarray) -> Colour:
    red, green, blue = map(float, colour)
    return red, green, blue
