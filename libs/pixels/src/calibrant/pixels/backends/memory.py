"""Where rows are in memory: an array's own, or read for the kernel and converted only where it cannot read them.

It owns what the kernel can read; it must not know what is done with the rows.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.backends.library import TYPES, Frame
from calibrant.pixels.rows import ArrayRows, RowSource, load


def stored_rows(plane: RowSource, rows: slice, working: np.dtype[Any]) -> NDArray[Any]:
    """Give rows as they are stored; as values of the working type where the kernel does not know theirs."""
    if plane.dtype.str[1:] not in TYPES:
        return load([plane], rows, working).reshape(-1, plane.shape[1])
    if isinstance(plane, ArrayRows):
        part: NDArray[Any] = plane.array[rows]
        if part.flags.aligned and all(step % part.itemsize == 0 for step in part.strides):
            return part
    stored = np.empty((rows.stop - rows.start, plane.shape[1]), dtype=plane.dtype)
    plane.read_rows(rows.start, rows.stop, stored)
    return stored


def plain_rows(plane: RowSource, rows: slice, types: tuple[np.dtype[Any], ...]) -> NDArray[Any]:
    """Give rows of native numbers of one of the types, each row contiguous; else converted to the first one."""
    if isinstance(plane, ArrayRows) and plane.dtype in types:
        part: NDArray[Any] = plane.array[rows]
        if part.flags.aligned and part.strides[1] == part.itemsize:
            return part
    return load([plane], rows, types[0]).reshape(-1, plane.shape[1])


def hand_over(samples: NDArray[Any], plane: RowSource, frame: Frame, base: float = 0.0) -> None:
    """Tell the kernel where a frame's samples are, and what they lack to be values above `base`."""
    frame.samples, (frame.row_step, frame.column_step) = samples.ctypes.data, samples.strides
    frame.type, frame.swapped = TYPES[samples.dtype.str[1:]], not samples.dtype.isnative
    frame.zero = (plane.zero if plane.dtype.str[1:] in TYPES else 0) - base
