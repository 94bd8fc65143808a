"""Many masks to one: the images of a type vote, the types and the lists of people join; and what there is then.

It owns the vote, the union and the count; it must not know how a mask came about.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.defects.columns import longest_runs
from calibrant.pixels.geometry import Geometry
from calibrant.pixels.mask import MASK_DTYPE, Mask

FRACTION: Final = 0.7
"""Part of the images of a type in which a pixel has to be a defect, as Rubin's cp_pipe has it."""

BRIGHT_COLUMN: Final = 20
DARK_COLUMN: Final = 100
"""Contiguous pixels from which eo_pipe calls a column bright or dark."""


class Votes:
    """Counts of the images of one type in which each pixel is a defect; masks come one at a time and are not kept.

    Parameters
    ----------
    shape
        Rows and columns.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.images = 0
        self.votes = np.zeros(shape, dtype=np.uint32)
        self._bits = np.zeros(shape, dtype=MASK_DTYPE)

    def add(self, mask: NDArray[np.uint32]) -> None:
        """Count a mask; every pixel that is not 0 votes.

        Raises
        ------
        ValueError
            When the mask has another shape.
        """
        if mask.shape != self.votes.shape:
            raise ValueError(f"mask: shape {mask.shape}, but the others are {self.votes.shape}")
        self.images += 1
        self.votes += mask != 0
        self._bits |= mask

    def merged(self, fraction: float = FRACTION) -> NDArray[np.uint32]:
        """Give the pixels that are defects in at least this part of the images, with all the bits they had.

        Parameters
        ----------
        fraction
            Above 0, and 1 at most: 1 wants every image (AND); what is below one image's share wants one (OR).

        Raises
        ------
        ValueError
            When the fraction is out of range, or there was no mask.
        """
        if not 0 < fraction <= 1:
            raise ValueError(f"fraction: {fraction}, must be above 0 and 1 at most")
        if not self.images:
            raise ValueError("no mask to merge; add one at least")
        needed = np.ceil(fraction * self.images - 1e-9)  # 0.7 of 10 images are 7, not 8
        return np.where(self.votes >= needed, self._bits, np.uint32(0))


def any_of(masks: Iterable[NDArray[np.uint32]], shape: tuple[int, int]) -> NDArray[np.uint32]:
    """Join masks: of image types, and of lists that people keep.

    Parameters
    ----------
    masks
        uint32, each (ny, nx).
    shape
        Of the result, which is all 0 where there is no mask.

    Raises
    ------
    ValueError
        When a mask has another shape.
    """
    joined = np.zeros(shape, dtype=MASK_DTYPE)
    for mask in masks:
        if mask.shape != shape:
            raise ValueError(f"mask: shape {mask.shape}, but the detector has {shape}")
        joined |= mask
    return joined


@dataclass(frozen=True, slots=True)
class DefectCounts:
    """What defects an amplifier has.

    Parameters
    ----------
    pixels
        Defects in all.
    fraction
        Part of the amplifier's pixels.
    hot, dead
        Pixels that are HOT, and DEAD.
    bright_columns, dark_columns
        Columns with 20 contiguous HOT pixels or more, and with 100 contiguous DEAD ones (in an amplifier of fewer rows: all).
    """

    pixels: int
    fraction: float
    hot: int
    dead: int
    bright_columns: int
    dark_columns: int


def count_defects(mask: NDArray[np.uint32], geometry: Geometry) -> dict[str, DefectCounts]:
    """Count the defects of each amplifier.

    Parameters
    ----------
    mask
        (ny, nx), of the whole detector; every pixel that is not 0 is a defect.
    geometry
        The detector.

    Returns
    -------
    dict
        By the amplifier's name, in the geometry's order.
    """
    found = {}
    for amplifier in geometry.amplifiers:
        part = mask[amplifier.placed.slices]
        hot, dead = ((part & np.uint32(bit)) != 0 for bit in (Mask.HOT, Mask.DEAD))
        pixels = int(np.count_nonzero(part))
        found[amplifier.name] = DefectCounts(
            pixels=pixels,
            fraction=pixels / part.size,
            hot=int(hot.sum()),
            dead=int(dead.sum()),
            bright_columns=_columns(hot, BRIGHT_COLUMN),
            dark_columns=_columns(dead, DARK_COLUMN),
        )
    return found


def _columns(marked: NDArray[np.bool_], least: int) -> int:
    return int(np.count_nonzero(longest_runs(marked) >= min(least, marked.shape[0])))
