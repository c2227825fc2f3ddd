"""What the drawn dancers look like: skin, hair and clothes.

Styles have dress codes, as real genres have: most dancers of a style wear its two colours. That is what a video shows
of its genre beside the motion, and what the visual condition can pick up at this scale.
"""

import colorsys
from dataclasses import dataclass

import numpy as np

from pace.synthetic.shapes import Colour
from pace.synthetic.styles import STYLES

SKINS = ((241, 205, 178), (224, 177, 142), (198, 146, 108), (160, 110, 78), (116, 78, 56))
HAIRS = ((30, 24, 22), (64, 42, 28), (110, 74, 40), (176, 136, 78), (90, 90, 94))
DRESSED = 0.8  # share of dancers in their style's colours
SPREAD = 0.03  # largest distance of a cloth's hue from the style's, as a share of the hue circle
CONTRAST = 35  # least difference of a cloth's mean brightness from the room's, of 255


@dataclass(frozen=True)
class Look:
    """What the dancer wears."""

    skin: Colour
    hair: Colour
    shirt: Colour
    trousers: Colour
    shoes: Colour
    sleeve: bool
    shorts: bool
    long_hair: bool


def colours(style: str) -> tuple[float, float]:
    """Hues of a style's shirt and trousers, as shares of the hue circle; no two styles share a shirt's."""
    number = STYLES.index(style)
    return number / len(STYLES), (3 * number + 5) % len(STYLES) / len(STYLES)


def random_look(rng: np.random.Generator, around: float, style: str | None = None) -> Look:
    """Draw a dancer's looks; clothes differ in brightness from the room, whose mean is `around` (0-255).

    style: DRESSED of its dancers wear its colours; None: any clothes.
    """
    dressed = style is not None and rng.random() < DRESSED
    shirt, trousers = colours(style) if dressed else (None, None)
    skin, hair = SKINS[rng.integers(len(SKINS))], HAIRS[rng.integers(len(HAIRS))]
    sleeve, shorts, long_hair = (bool(draw) for draw in rng.random(3) < (0.5, 0.25, 0.4))
    shoes = tuple(map(float, rng.uniform(15, 240, 3)))
    return Look(skin, hair, _cloth(rng, around, shirt), _cloth(rng, around, trousers), shoes, sleeve, shorts, long_hair)


def _cloth(rng: np.random.Generator, around: float, hue: float | None) -> Colour:
    """A colour near `hue`, or any, that stands out from a room of brightness `around`."""
    while True:
        if hue is None:
            colour = rng.uniform(20, 235, 3)
        else:
            near = (hue + rng.uniform(-SPREAD, SPREAD)) % 1
            colour = 255 * np.array(colorsys.hsv_to_rgb(near, rng.uniform(0.5, 0.95), rng.uniform(0.25, 0.95)))
        if abs(colour.mean() - around) > CONTRAST:
            return tuple(map(float, colour))
