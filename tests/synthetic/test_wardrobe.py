"""The styles' dress codes, and clothes that stand out from the room."""

import colorsys

import numpy as np
import pytest

from pace.synthetic.styles import STYLES
from pace.synthetic.wardrobe import CONTRAST, DRESSED, SPREAD, colours, random_look


def hue(colour) -> float:
    return colorsys.rgb_to_hsv(*(np.array(colour) / 255))[0]


def distance(a: float, b: float) -> float:
    return abs((a - b + 0.5) % 1 - 0.5)


def test_no_two_styles_share_a_colour():
    shirts, trousers = zip(*map(colours, STYLES), strict=True)
    for hues in (shirts, trousers):
        assert min(distance(a, b) for i, a in enumerate(hues) for b in hues[:i]) > 2 * SPREAD


@pytest.mark.parametrize("style", ["break", "ballet_jazz"])
def test_most_dancers_of_a_style_wear_its_colours(style):
    rng = np.random.default_rng(5)
    looks = [random_look(rng, 120.0, style) for _ in range(2000)]
    worn = [
        all(distance(hue(c), h) <= SPREAD + 0.01 for c, h in zip((l.shirt, l.trousers), colours(style), strict=True))
        for l in looks  # noqa: E741
    ]
    by_chance = (2 * SPREAD + 0.02) ** 2
    assert np.mean(worn) == pytest.approx(DRESSED + (1 - DRESSED) * by_chance, abs=0.03)


@pytest.mark.parametrize("style", [None, "house"])
@pytest.mark.parametrize("around", [60.0, 130.0, 200.0])
def test_clothes_stand_out_from_the_room(style, around):
    rng = np.random.default_rng(6)
    for _ in range(100):
        look = random_look(rng, around, style)
        assert min(abs(np.mean(look.shirt) - around), abs(np.mean(look.trousers) - around)) > CONTRAST
        assert min(look.shirt + look.trousers) >= 0 and max(look.shirt + look.trousers) <= 255
