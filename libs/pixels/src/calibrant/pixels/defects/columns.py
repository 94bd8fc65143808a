"""Columns: what lies between the defects of one, whole ones that are bad, and what is beside the saturated; the edges.

It owns what is added to a mask because of its neighbours. Columns run along the first axis, as charge does when it is
read; each amplifier has its own. It must not know how defects are found.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.geometry import Geometry
from calibrant.pixels.mask import MASK_DTYPE, Mask


@dataclass(frozen=True, slots=True)
class Filling:
    """When good pixels of a column are not trusted any more.

    Parameters
    ----------
    blinking
        From so many defects on a column of an amplifier blinks, and gaps between its defects are filled, in pixels.
    gap
        Runs of so many good pixels or more are kept in a column that blinks, in pixels.
    whole
        From so many defects on the whole column of the amplifier is bad, in pixels; None: never.

    Raises
    ------
    ValueError
        When a number is below 1.

    Notes
    -----
    Defaults of cp_pipe's MeasureDefectsTask: badOnAndOffPixelColumnThreshold 50, goodPixelColumnGapThreshold 30, and
    badPixelsToFillColumnThreshold off. vison's cosmetic masks have `whole` 200.
    """

    blinking: int = 50
    gap: int = 30
    whole: int | None = None

    def __post_init__(self) -> None:
        for name in ("blinking", "gap", "whole"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}: {value} pixels, must be at least 1")


FILL: Final = Filling()
"""Rubin's defaults."""


def fill_columns(mask: NDArray[np.uint32], geometry: Geometry, filling: Filling = FILL) -> NDArray[np.uint32]:
    """Fill the gaps of columns that blink, and columns that are bad as a whole.

    Parameters
    ----------
    mask
        uint32, (ny, nx); every pixel that is not 0 is a defect.
    geometry
        The detector.
    filling
        When.

    Returns
    -------
    ndarray
        A new mask; what is filled is BAD.

    Raises
    ------
    ValueError
        When the mask does not have the geometry's shape.
    """
    _check_shape(mask, geometry)
    filled = mask.copy()
    for amplifier in geometry.amplifiers:
        part = filled[amplifier.placed.slices]
        bad = part != 0
        number = bad.sum(axis=0)
        for column in np.flatnonzero(number >= filling.blinking):
            _fill_gaps(part[:, column], filling.gap)
        if filling.whole is not None:
            part[:, number >= filling.whole] |= np.uint32(Mask.BAD)
    return filled


def _fill_gaps(column: NDArray[np.uint32], gap: int) -> None:
    rows = np.flatnonzero(column)
    good = np.diff(rows) - 1
    for index in np.flatnonzero((good > 0) & (good < gap)):
        column[rows[index] + 1 : rows[index + 1]] |= np.uint32(Mask.BAD)


def longest_runs(marked: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Give the length of the longest run of marked pixels in each column, in pixels.

    eo_pipe calls a column bright from 20 contiguous bright pixels on, and dark from 100.
    """
    longest = np.zeros(marked.shape[1], dtype=np.intp)
    run = np.zeros_like(longest)
    for row in marked:
        run = np.where(row, run + 1, 0)
        np.maximum(longest, run, out=longest)
    return longest


def beside_saturated(mask: NDArray[np.uint32], radius: int) -> NDArray[np.uint32]:
    """Mark the saturated pixels of an image, and so many columns on either side of them.

    Parameters
    ----------
    mask
        Of the image, uint32, (ny, nx).
    radius
        Columns; 0 marks nothing at all, as cp_pipe has it.

    Returns
    -------
    ndarray
        BAD and SATURATED where pixels are saturated, BAD beside them.

    Raises
    ------
    ValueError
        When `radius` is negative.
    """
    if radius < 0:
        raise ValueError(f"radius: {radius} columns, must not be negative")
    marked = np.zeros(mask.shape, MASK_DTYPE)
    if radius == 0:
        return marked
    saturated = (mask & np.uint32(Mask.SATURATED)) != 0
    wide = np.pad(saturated, ((0, 0), (radius, radius)))
    near = np.any([wide[:, k : k + mask.shape[1]] for k in range(2 * radius + 1)], axis=0)
    marked[near] = Mask.BAD
    marked[saturated] |= np.uint32(Mask.SATURATED)
    return marked


def edges(shape: tuple[int, int], width: int = 5) -> NDArray[np.uint32]:
    """Mark the edges of a detector as BAD and EDGE.

    Parameters
    ----------
    shape
        Rows and columns of the mask.
    width
        In pixels; 0: nothing.

    Raises
    ------
    ValueError
        When `width` is negative.
    """
    if width < 0:
        raise ValueError(f"width: {width} pixels, must not be negative")
    mask = np.full(shape, Mask.BAD | Mask.EDGE, MASK_DTYPE)
    mask[width : shape[0] - width, width : shape[1] - width] = 0
    return mask


def _check_shape(mask: NDArray[np.uint32], geometry: Geometry) -> None:
    if mask.shape != geometry.shape:
        raise ValueError(f"mask: shape {mask.shape}, but the geometry says {geometry.shape}")
