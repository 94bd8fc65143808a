"""Lines of an arc are counted, straight or aslant; lamps, fringes, orders, stars and noise have none."""

import numpy as np
import pytest

from calibrant.pixels import Mask
from calibrant.pixels.lines import count_lines

SHAPE = (200, 900)
PLACES = np.array([40, 61, 110, 190, 220, 301, 420, 433, 560, 700, 722, 850])
ROWS, COLUMNS = np.indices(SHAPE)


def noisy(light, seed=0):
    return np.random.default_rng(seed).poisson(light).astype(np.float32) / 100


def arc(places=PLACES, slant=0.0, heights=3000.0):
    centres = places[:, None, None] + slant * ROWS
    return 200 + (heights * np.exp(-((COLUMNS - centres) ** 2) / 8)).sum(axis=0)


def lamp():
    return 20000 * np.exp(-(((COLUMNS - 450) / 250) ** 2))


@pytest.mark.parametrize("slant", [0.0, 0.04])
def test_lines_of_an_arc_are_counted_along_either_direction(slant):
    image = noisy(arc(slant=slant))
    assert count_lines(image) == count_lines(np.ascontiguousarray(image.T)) == len(PLACES)


def test_masked_lines_are_not_counted():
    mask = np.zeros(SHAPE, np.uint32)
    mask[:, 400:450] = Mask.BAD
    assert count_lines(noisy(arc()), mask) == len(PLACES) - 2


@pytest.mark.parametrize(
    "light",
    [
        lamp(),
        lamp() * (1 + 0.4 * np.sin(COLUMNS / 3)),
        arc(places=np.arange(30, 880, 25)),
        np.where((ROWS - 100) ** 2 + (COLUMNS - 450) ** 2 < 30, 90000.0, 500.0),
        np.full(SHAPE, 3.0),
        np.where(COLUMNS > 300, 20000.0, 30.0),
    ],
    ids=["lamp", "fringes", "orders", "star", "dark", "edge"],
)
def test_what_is_no_arc_has_no_lines(light):
    assert count_lines(noisy(light)) <= 1


def test_an_image_that_is_too_small_or_not_known_has_none():
    assert count_lines(np.ones((5, 20), np.float32)) == 0
    assert count_lines(np.ones(SHAPE, np.float32), np.full(SHAPE, Mask.NO_DATA, np.uint32)) == 0
