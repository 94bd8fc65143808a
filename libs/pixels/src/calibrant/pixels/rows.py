"""How frames are handed over when a stack is larger than memory: rows on request.

It owns the :class:`RowSource` protocol and the checks of a stack; it must not know what rows are read from.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class RowSource(Protocol):
    """A plane that gives some of its rows: a 2-D array does, and so does a reader of a file.

    Rows may be asked for more than once and in any order; they may be of any real type and byte order.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the rows."""
        ...

    def __getitem__(self, rows: slice, /) -> NDArray[Any]:
        """Give rows ``rows.start`` to ``rows.stop``, of shape (rows, columns)."""
        ...


Stack = Sequence[RowSource] | NDArray[Any]
"""Planes of one shape: a sequence of 2-D arrays or row sources, or an array (N, ny, nx)."""


def checked_stack(name: str, stack: Stack, kinds: str) -> tuple[RowSource, ...]:
    """Give the planes of a stack, once they are of one shape and of an allowed kind of type.

    Parameters
    ----------
    name
        What the stack is called in messages.
    stack
        The planes.
    kinds
        Allowed ``dtype.kind`` characters.

    Raises
    ------
    ValueError
        When there is none, or one differs; the message says which.
    """
    planes = tuple(stack)
    if not planes:
        raise ValueError(f"{name}: empty; give at least one plane")
    for index, plane in enumerate(planes):
        if len(plane.shape) != 2 or plane.shape != planes[0].shape:
            raise ValueError(f"{name}[{index}]: shape {plane.shape}, but {name}[0] has {planes[0].shape}")
        if plane.dtype.kind not in kinds:
            raise ValueError(f"{name}[{index}]: type {plane.dtype} is not a number that can be used here")
    if 0 in planes[0].shape:
        raise ValueError(f"{name}: planes of shape {planes[0].shape} have no pixel")
    return planes


def working_type(planes: Sequence[RowSource]) -> np.dtype[Any]:
    """Give the smallest floating type that holds every sample exactly (64-bit integers to 53 bits)."""
    result: np.dtype[Any] = np.result_type(np.float32, *(plane.dtype.newbyteorder("=") for plane in planes))
    return np.dtype(np.float64) if result.itemsize > 4 else np.dtype(np.float32)


def load(planes: Sequence[RowSource], rows: slice, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Give rows of every plane as one array (N, pixels) of a native type."""
    columns = planes[0].shape[1]
    tile = np.empty((len(planes), (rows.stop - rows.start) * columns), dtype=dtype)
    for index, plane in enumerate(planes):
        tile[index] = plane[rows].reshape(-1)
    return tile


def row_tiles(shape: tuple[int, ...], row_bytes: int, tile_bytes: int) -> Iterator[slice]:
    """Give slices of rows that cover a plane, each as many rows as fit in `tile_bytes`, at least one."""
    step = max(1, tile_bytes // row_bytes)
    for start in range(0, shape[0], step):
        yield slice(start, min(start + step, shape[0]))
