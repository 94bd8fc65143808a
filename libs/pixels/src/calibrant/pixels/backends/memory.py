"""Where rows are in memory: an array's own, or read for the kernel and converted only where it cannot read them.

It owns what the kernel can read; it must not know what is done with the rows.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.backends.library import TYPES, Frame
from calibrant.pixels.rows import ArrayRows, RowSource, load


def lies_in_place(plane: RowSource, types: tuple[np.dtype[Any], ...] | None = None) -> bool:
    """Say whether the kernel reads a plane's own memory.

    Parameters
    ----------
    plane
        Which.
    types
        Those that will do, each row contiguous; None: whatever the kernel reads.
    """
    if not isinstance(plane, ArrayRows) or not plane.array.flags.aligned:
        return False
    array: NDArray[Any] = plane.array
    if types is not None:
        return array.dtype in types and array.strides[1] == array.itemsize
    return array.dtype.str[1:] in TYPES and all(step % array.itemsize == 0 for step in array.strides)


def stored_rows(plane: RowSource, rows: slice, working: np.dtype[Any]) -> NDArray[Any]:
    """Give rows as they are stored; as values of the working type where the kernel does not know theirs."""
    if isinstance(plane, ArrayRows) and lies_in_place(plane):
        own: NDArray[Any] = plane.array[rows]
        return own
    if plane.dtype.str[1:] not in TYPES:
        return load([plane], rows, working).reshape(-1, plane.shape[1])
    stored = np.empty((rows.stop - rows.start, plane.shape[1]), dtype=plane.dtype)
    plane.read_rows(rows.start, rows.stop, stored)
    return stored


def plain_rows(plane: RowSource, rows: slice, types: tuple[np.dtype[Any], ...]) -> NDArray[Any]:
    """Give rows of native numbers of one of the types, each row contiguous; else converted to the first one."""
    if isinstance(plane, ArrayRows) and lies_in_place(plane, types):
        own: NDArray[Any] = plane.array[rows]
        return own
    return load([plane], rows, types[0]).reshape(-1, plane.shape[1])


def hand_over(samples: NDArray[Any], plane: RowSource, frame: Frame, base: float = 0.0) -> None:
    """Tell the kernel where a frame's samples are, and what they lack to be values above `base`."""
    frame.samples, (frame.row_step, frame.column_step) = samples.ctypes.data, samples.strides
    frame.type, frame.swapped = TYPES[samples.dtype.str[1:]], not samples.dtype.isnative
    frame.zero = (plane.zero if plane.dtype.str[1:] in TYPES else 0) - base
