"""How frames are handed over: rows on request, so that a stack may be larger than memory.

It owns the :class:`RowSource` protocol and the checks of a stack; it must not know what rows are read from.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

_KINDS = {"b": "booleans", "i": "integers", "f": "floating-point numbers"}


@runtime_checkable
class RowSource(Protocol):
    """A plane that gives some of its rows, as a reader of a file does.

    Rows are asked for in any order, more than once, and from several threads at the same time.
    """

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored numbers, with their byte order."""
        ...

    @property
    def zero(self) -> int:
        """What a stored number lacks to be the value: ``value = stored + zero``.

        Not 0 only where unsigned values are stored as signed integers of the same width (``2**15`` or ``2**31``,
        FITS' BZERO), or signed bytes as unsigned ones (``-2**7``).
        """
        ...

    def read_rows(self, first: int, last: int, into: NDArray[Any], /) -> None:
        """Read rows ``first <= y < last``.

        Parameters
        ----------
        first, last
            Which rows.
        into
            Is filled: (last - first, columns), contiguous, of this source's `dtype`.
        """
        ...


class ArrayRows:
    """A 2-D array as a :class:`RowSource`.

    Parameters
    ----------
    array
        (ny, nx), of any type and byte order. A backend may read its memory in place.
    """

    zero = 0

    def __init__(self, array: NDArray[Any]) -> None:
        self.array = array
        self.shape = array.shape
        self.dtype = array.dtype

    def read_rows(self, first: int, last: int, into: NDArray[Any], /) -> None:
        """Copy rows ``first <= y < last`` into `into`."""
        into[...] = self.array[first:last]


def rows_as_stored(plane: RowSource, first: int, last: int) -> NDArray[Any]:
    """Give rows ``first <= y < last`` as they are stored: an array's own memory, which is to be left alone."""
    if isinstance(plane, ArrayRows):
        own: NDArray[Any] = plane.array[first:last]
        return own
    stored = np.empty((last - first, plane.shape[1]), dtype=plane.dtype)
    plane.read_rows(first, last, stored)
    return stored


Stack = Sequence[RowSource | NDArray[Any]] | NDArray[Any]
"""Planes of one shape: a sequence of 2-D arrays or row sources, or an array (N, ny, nx)."""


def checked_stack(name: str, stack: Stack, kinds: str) -> tuple[RowSource, ...]:
    """Give the planes of a stack, once they are of one shape and of one allowed type.

    Parameters
    ----------
    name
        What the stack is called in messages.
    stack
        The planes.
    kinds
        Allowed ``dtype.kind`` characters.

    Returns
    -------
    tuple of RowSource
        Arrays as :class:`ArrayRows`.

    Raises
    ------
    ValueError
        When there is none, one is no plane, or one differs; the message says which. Byte order and storage may
        differ, the type of the values may not.
    """
    if not isinstance(stack, Iterable) or (isinstance(stack, np.ndarray) and not stack.ndim):
        raise ValueError(f"{name}: {stack!r}, must be planes: 2-D arrays or row sources")
    planes = tuple(_plane(f"{name}[{index}]", plane) for index, plane in enumerate(stack))
    if not planes:
        raise ValueError(f"{name}: empty; give at least one plane")
    for index, plane in enumerate(planes):
        if len(plane.shape) != 2:
            raise ValueError(
                f"{name}[{index}]: shape {plane.shape}, must be a 2-D array; {name} takes several, or one array (N, ny, nx)"
            )
        if plane.shape != planes[0].shape:
            raise ValueError(f"{name}[{index}]: shape {plane.shape}, but {name}[0] has {planes[0].shape}")
        if plane.dtype.kind not in kinds:
            allowed = " or ".join(_KINDS[kind] for kind in kinds if kind in _KINDS)
            raise ValueError(f"{name}[{index}]: type {plane.dtype} cannot be used here; give {allowed}")
        if value_type(plane) != value_type(planes[0]):
            raise ValueError(
                f"{name}[{index}]: values of type {value_type(plane)}, but {name}[0] has {value_type(planes[0])}; "
                "convert one of them"
            )
    if 0 in planes[0].shape:
        raise ValueError(f"{name}: planes of shape {planes[0].shape} have no pixel")
    return planes


def _plane(name: str, plane: object) -> RowSource:
    match plane:
        case np.ma.MaskedArray():
            raise ValueError(f"{name}: a masked array; give its .data here, and .mask where masks are taken")
        case np.ndarray():
            return ArrayRows(plane)
        case RowSource():
            return plane
        case _:
            raise ValueError(f"{name}: of type {type(plane).__name__}, must be a 2-D array or a row source")


def value_type(plane: RowSource) -> np.dtype[Any]:
    """Give the native type of a plane's values, which differs from that of the stored numbers where `zero` is not 0.

    Raises
    ------
    ValueError
        When `zero` is not one that the protocol knows.
    """
    stored = plane.dtype.newbyteorder("=")
    if plane.zero == 0:
        return stored
    if stored.kind == "i" and plane.zero == 2 ** (8 * stored.itemsize - 1):
        return np.dtype(f"u{stored.itemsize}")
    if stored == np.uint8 and plane.zero == -(2**7):
        return np.dtype(np.int8)
    raise ValueError(
        f"zero: {plane.zero} with stored numbers of type {plane.dtype}; convert the values and give zero 0"
    )


def working_type(planes: Sequence[RowSource]) -> np.dtype[Any]:
    """Give the smallest floating type that holds every sample exactly (64-bit integers to 53 bits)."""
    result: np.dtype[Any] = np.result_type(np.float32, *(value_type(plane) for plane in planes))
    return np.dtype(np.float64) if result.itemsize > 4 else np.dtype(np.float32)


def load(planes: Sequence[RowSource], rows: slice, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Give the values of rows of every plane as one array (N, pixels) of a native type that holds them."""
    columns = planes[0].shape[1]
    tile = np.empty((len(planes), rows.stop - rows.start, columns), dtype=dtype)
    for plane, values in zip(planes, tile, strict=True):
        if plane.dtype == dtype:
            plane.read_rows(rows.start, rows.stop, values)
            continue
        stored = np.empty(values.shape, dtype=plane.dtype)
        plane.read_rows(rows.start, rows.stop, stored)
        np.add(stored, plane.zero, out=values, dtype=dtype, casting="unsafe")
    return tile.reshape(len(planes), -1)
