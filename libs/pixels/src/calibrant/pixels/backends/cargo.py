"""What goes to a device in one copy: arrays and descriptions, one behind the other in host memory, and their addresses.

It must not know what they are for.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.backends.library import TYPES
from calibrant.pixels.rows import RowSource, load, value_type

ALIGNMENT: Final = 256


def aligned(size: int) -> int:
    """Give what a piece of a size takes."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def stored_type(planes: Sequence[RowSource], working: np.dtype[Any]) -> tuple[np.dtype[Any], int]:
    """Give the type that planes are handed over in, and what stored numbers lack to be values.

    That is how they are stored where all are alike and the kernel reads it, else their values.
    """
    stored = {(plane.dtype, plane.zero) for plane in planes}
    if len(stored) == 1 and planes[0].dtype.str[1:] in TYPES:
        return stored.pop()
    values = value_type(planes[0])
    return (values if values.str[1:] in TYPES else working), 0


Upload = tuple[NDArray[np.uint8], int, int]
"""What is copied, where to, and how far apart its rows are there."""


@dataclass(frozen=True, slots=True)
class Berth:
    """Where a cargo lies.

    Parameters
    ----------
    host
        Page-locked memory to put pieces into.
    address
        Where that will be on the device.
    beyond
        Where on the device pieces will be that are copied from their own memory.
    """

    host: NDArray[np.uint8]
    address: int
    beyond: int


class Cargo:
    """Pieces in host memory that will be copied to a device.

    Parameters
    ----------
    berth
        Where they lie.
    stored
        Type of rows of samples.
    """

    def __init__(self, berth: Berth, stored: np.dtype[Any]) -> None:
        self._host, self._stored = berth.host, stored
        self._address, self._beyond = berth.address, berth.beyond
        self._shift = berth.address - berth.host.ctypes.data
        self._straight: list[Upload] = []
        self.used = 0

    def uploads(self) -> list[Upload]:
        """Give what has to be copied, and where to."""
        return [*self._straight, (self._host[: self.used], self._address, 0)]

    def room(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Give an array that is the next piece, to be filled."""
        size = int(np.prod(shape)) * dtype.itemsize
        piece = self._host[self.used : self.used + size].view(dtype).reshape(shape)
        self.used += aligned(size)
        return piece

    def array(self, array: NDArray[Any], /) -> NDArray[Any]:
        """Give a copy of an array that is the next piece."""
        piece = self.room(array.shape, array.dtype)
        piece[...] = array
        return piece

    def rows(self, plane: RowSource, rows: slice, working: np.dtype[Any], /) -> NDArray[Any]:  # noqa: ARG002
        """Read rows of samples."""
        return self.numbers(plane, rows, self._stored)

    def numbers(self, plane: RowSource, rows: slice, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Read rows as numbers of a type."""
        piece: NDArray[Any] = self.stack((plane,), rows, dtype)[0]
        return piece

    def straight(self, frames: NDArray[Any], rows: slice) -> range:
        """Let rows of page-locked frames, each contiguous, be copied from where they are; give their addresses there."""
        pieces = frames[:, rows].reshape(len(frames), -1).view(np.uint8)
        first, apart = self._beyond, aligned(pieces.shape[1])
        self._straight.append((pieces, first, apart))
        self._beyond += len(frames) * apart
        return range(first, self._beyond, apart)

    def stack(self, planes: Sequence[RowSource], rows: slice, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Read rows of several planes of one shape as numbers of a type; their pieces are as far apart as each is long."""
        shape = rows.stop - rows.start, planes[0].shape[1]
        apart = aligned(shape[0] * shape[1] * dtype.itemsize)
        strides = apart, shape[1] * dtype.itemsize, dtype.itemsize
        pieces: NDArray[Any] = np.ndarray((len(planes), *shape), dtype, self._host, self.used, strides)
        self.used += len(planes) * apart
        for plane, piece in zip(planes, pieces, strict=True):
            if plane.dtype == dtype:
                plane.read_rows(rows.start, rows.stop, piece)
            else:
                piece[...] = load([plane], rows, dtype.newbyteorder("=")).reshape(shape)
        return pieces

    def addresses(self, pieces: NDArray[Any]) -> range:
        """Give where each piece of a stack will be on the device."""
        first, apart = pieces.ctypes.data + self._shift, pieces.strides[0]
        return range(first, first + len(pieces) * apart, apart)

    def put(self, description: ctypes.Structure | ctypes.Array[Any]) -> int:
        """Copy a description; give its address on the device."""
        piece = self.room((ctypes.sizeof(description),), np.dtype(np.uint8))
        ctypes.memmove(piece.ctypes.data, ctypes.byref(description), piece.nbytes)
        return piece.ctypes.data + self._shift

    def redirect(self, description: ctypes.Structure, *names: str) -> None:
        """Let pointers to pieces point to where those will be on the device."""
        for name in names:
            pointer = getattr(description, name)
            if pointer is not None:
                setattr(description, name, pointer + self._shift)
