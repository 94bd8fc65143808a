"""Owns the rows of an image that was read once and is kept; must not know where it came from."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from calibrant.frames.reading.encoding import Encoding
from calibrant.frames.reading.rows.plain import PlainRows
from calibrant.frames.reading.rows.request import check_request
from calibrant.frames.reading.rows.tiled import TileRows


class HeldRows:
    """Rows as they were stored, in memory.

    Parameters
    ----------
    stored : ndarray
        (rows, columns): all of them, each with a value.
    encoding : Encoding
        What they mean.
    """

    def __init__(self, stored: NDArray[Any], encoding: Encoding) -> None:
        self._stored = stored
        self.shape: tuple[int, int] = (len(stored), stored.shape[1])
        self.dtype: np.dtype[Any] = stored.dtype
        self.encoding = encoding
        self.zero = encoding.offset or 0

    @classmethod
    def of(cls, source: PlainRows | TileRows) -> Self:
        """Read all rows of a source.

        Raises
        ------
        FrameRejected
            As reading rows of it does.
        """
        stored = np.empty(source.shape, source.dtype)
        source.read_rows(0, source.shape[0], stored)
        return cls(stored, source.encoding)

    def read_rows(self, first: int, last: int, into: NDArray[Any]) -> None:
        """Copy rows ``first`` to ``last`` (not included) into a buffer."""
        check_request(self.shape, self.dtype, first, last, into)
        into[...] = self._stored[first:last]
