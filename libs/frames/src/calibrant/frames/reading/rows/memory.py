"""Owns the rows of an array in memory; must not know where it came from."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.frames.reading.rows.request import check_request


class ArrayRows:
    """Rows of a 2-D array, of any real type and byte order.

    Parameters
    ----------
    array : ndarray
        (rows, columns).
    zero : int
        What is to be added to its numbers for their values.

    Raises
    ------
    ValueError
        If it is no image.
    """

    def __init__(self, array: NDArray[Any], zero: int = 0) -> None:
        if array.ndim != 2 or array.dtype.kind not in "iuf":
            raise ValueError(f"an image has two axes of numbers, not {array.ndim} of {array.dtype}")
        self._array = array
        self.zero = zero

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self._array.shape
        return rows, columns

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the rows, with its byte order."""
        return self._array.dtype

    def read_rows(self, first: int, last: int, into: NDArray[Any]) -> None:
        """Copy rows ``first`` to ``last`` (not included) into a buffer."""
        check_request(self.shape, self.dtype, first, last, into)
        into[:] = self._array[first:last]
