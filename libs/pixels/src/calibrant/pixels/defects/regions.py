"""A mask as a table of rectangles, and back: what people list, and what DS9 draws.

It owns both directions, which undo each other; it must not know files or coordinates that begin at 1.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.geometry import Box
from calibrant.pixels.mask import MASK_DTYPE

_Run = tuple[int, int, int]
"""First row, end and bits of pixels of one column."""


class Region(NamedTuple):
    """A rectangle of pixels that have the same bits of :class:`calibrant.pixels.Mask`."""

    box: Box
    bits: int


def regions_of(mask: NDArray[np.uint32]) -> tuple[Region, ...]:
    """Cut a mask into rectangles, each of the same bits; they do not overlap, and cover all that is not 0.

    They are runs of equal bits along the columns, joined where the next column has the same run: a bad column is one
    region, and so is a whole bad amplifier.

    Parameters
    ----------
    mask
        uint32, (ny, nx).

    Returns
    -------
    tuple of Region
        In the order of their boxes.
    """
    done: list[Region] = []
    growing: dict[_Run, int] = {}
    for column in range(mask.shape[1] + 1):
        runs = _runs(mask[:, column]) if column < mask.shape[1] else ()
        ended = growing.keys() - set(runs)
        done += [Region(Box(y0, y1, growing[y0, y1, bits], column), bits) for y0, y1, bits in ended]
        growing = {run: growing.get(run, column) for run in runs}
    return tuple(sorted(done))


def _runs(column: NDArray[np.uint32]) -> tuple[_Run, ...]:
    if not column.any():
        return ()
    starts = np.flatnonzero(np.diff(column, prepend=~column[:1]))
    ends = np.append(starts[1:], column.size)
    return tuple(
        (y0, y1, bits)
        for y0, y1, bits in zip(starts.tolist(), ends.tolist(), column[starts].tolist(), strict=True)
        if bits
    )


def mask_of(regions: Iterable[Region], shape: tuple[int, int]) -> NDArray[np.uint32]:
    """Draw regions as a mask; where they overlap, bits are joined.

    Parameters
    ----------
    regions
        Of one detector.
    shape
        Rows and columns of the mask.

    Raises
    ------
    ValueError
        When a region is empty, leaves the mask, or has no bits that a mask could have; the message has its number.
    """
    mask = np.zeros(shape, dtype=MASK_DTYPE)
    for number, (box, bits) in enumerate(regions):
        if not box.inside(shape):
            raise ValueError(
                f"region {number}: {tuple(box)} (y0, y1, x0, x1) is empty or leaves the mask {shape}"
            )
        if not 0 < bits < 1 << 32:
            raise ValueError(f"region {number}: bits {bits}, must be 1 to {(1 << 32) - 1}")
        mask[box.slices] |= np.uint32(bits)
    return mask
