"""The search of one image: level and spread of each amplifier, and the pixels outside the bounds.

It owns what a pixel outside means in which kind of image; it must not know other images, nor columns.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.defects.thresholds import Bounds, Searched, Sigmas, Thresholds
from calibrant.pixels.geometry import Amplifier, Geometry
from calibrant.pixels.mask import MASK_DTYPE, UNUSABLE, Mask
from calibrant.pixels.smooth import levelled
from calibrant.pixels.statistics import clipped_statistics

SIGMA: Final = 3.0
ITERATIONS: Final = 3
"""Of the clip of an amplifier's level and spread: those of Rubin's MEANCLIP."""


class Unsearched(StrEnum):
    """Why an amplifier was not searched; its pixels without a measurement are marked nevertheless."""

    NO_GOOD_PIXEL = "no good pixel"
    NO_SPREAD = "all good pixels have one value"
    NO_LIGHT = "its level in a flat is not above zero"
    NOT_BY_THIS_RULE = "the thresholds say nothing of such an image"


@dataclass(frozen=True, slots=True)
class Search:
    """How images are searched.

    Parameters
    ----------
    thresholds
        The rule.
    border
        Rows and columns at each edge of the detector that are not looked at, in pixels.
    cell
        Flats are divided by a smooth surface through cells of this side first, in pixels; 0: they are not.

    Raises
    ------
    ValueError
        When a number makes no sense.
    """

    thresholds: Thresholds = field(default_factory=Sigmas)
    border: int = 0
    cell: int = 0

    def __post_init__(self) -> None:
        if self.border < 0:
            raise ValueError(f"border: {self.border} pixels, must not be negative")
        if self.cell != 0 and self.cell < 2:
            raise ValueError(f"cell: {self.cell} pixels, must be 0 or at least 2")


@dataclass(frozen=True, slots=True)
class AmplifierSearch:
    """What the search of one amplifier came to.

    Parameters
    ----------
    level, spread
        Clipped mean and standard deviation of its good pixels, in the image's unit; None where there are too few.
    bounds
        Between which a pixel is good; None where it was not searched.
    n_bright, n_cold
        Pixels above and below.
    reason
        Why it was not searched; None where it was.
    """

    level: float | None
    spread: float | None
    bounds: Bounds | None = None
    n_bright: int = 0
    n_cold: int = 0
    reason: Unsearched | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Found:
    """The defects of one image.

    Parameters
    ----------
    mask
        uint32, (ny, nx): BAD at every defect; HOT with it where a bias or dark is bright, DEAD where a flat is cold.
    amplifiers
        What was measured, by the amplifier's name.
    """

    mask: NDArray[np.uint32]
    amplifiers: Mapping[str, AmplifierSearch]


def find_defects(image: Searched, geometry: Geometry, search: Search | None = None) -> Found:
    """Find the defects of an image, amplifier by amplifier.

    Pixels without a measurement (not finite, or NO_DATA) are defects; pixels that are unusable for another reason are
    not looked at, and neither is the border.

    Parameters
    ----------
    image
        Of shape ``geometry.shape``.
    geometry
        The detector.
    search
        How; None: as `Search` has it.

    Returns
    -------
    Found
        An amplifier that cannot be searched has its reason there; the others are searched.

    Raises
    ------
    ValueError
        When a plane does not have the geometry's shape.
    """
    how = search or Search()
    for name, plane in (("data", image.data), ("mask", image.mask)):
        if plane is not None and plane.shape != geometry.shape:
            raise ValueError(f"{name}: shape {plane.shape}, but the geometry says {geometry.shape}")
    good, lost = _looked_at(image, how.border)
    mask = np.where(lost, np.uint32(Mask.BAD), np.uint32(0)).astype(MASK_DTYPE)
    amplifiers = {}
    for amplifier in geometry.amplifiers:
        part = amplifier.placed.slices
        values = np.where(good[part], image.data[part], np.nan)
        amplifiers[amplifier.name] = _search(image, amplifier, values, mask[part], how)
    return Found(mask, amplifiers)


def _looked_at(image: Searched, border: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which pixels are good to be searched, and which have no measurement."""
    finite = np.isfinite(image.data)
    if image.mask is None:
        good, lost = finite, ~finite
    else:
        good = finite & ((image.mask & np.uint32(UNUSABLE)) == 0)
        lost = ~finite | ((image.mask & np.uint32(Mask.NO_DATA)) != 0)
    inside = np.zeros_like(good)
    rows, columns = good.shape
    inside[border : rows - border, border : columns - border] = True
    return good & inside, lost & inside


def _search(
    image: Searched, amplifier: Amplifier, values: NDArray[Any], mask: NDArray[np.uint32], how: Search
) -> AmplifierSearch:
    """Search one amplifier, and mark what is found in its part of the mask."""
    if image.kind == "flat" and how.cell:
        values = levelled(values, how.cell)
    found = clipped_statistics(values, SIGMA, ITERATIONS)
    if found.count < 2:
        return AmplifierSearch(None, None, reason=Unsearched.NO_GOOD_PIXEL)
    level, spread = found.mean, found.std
    if image.kind == "flat" and not level > 0:
        return AmplifierSearch(level, spread, reason=Unsearched.NO_LIGHT)
    if isinstance(how.thresholds, Sigmas) and not spread > 0:
        return AmplifierSearch(level, spread, reason=Unsearched.NO_SPREAD)
    bounds = how.thresholds.bounds(image, amplifier, level, spread)
    if bounds is None:
        return AmplifierSearch(level, spread, reason=Unsearched.NOT_BY_THIS_RULE)
    bright, cold = values > bounds.high, values < bounds.low
    lit = image.kind == "flat"
    mask[bright] |= np.uint32(Mask.BAD if lit else Mask.BAD | Mask.HOT)
    mask[cold] |= np.uint32(Mask.BAD | Mask.DEAD if lit else Mask.BAD)
    return AmplifierSearch(level, spread, bounds, int(bright.sum()), int(cold.sum()))
