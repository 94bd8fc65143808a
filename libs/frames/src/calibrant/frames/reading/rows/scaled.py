"""Owns the rows of images whose numbers need more than an offset; must not know where the numbers lie."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.frames.reading.rows.held import HeldRows
from calibrant.frames.reading.rows.plain import PlainRows
from calibrant.frames.reading.rows.request import check_request
from calibrant.frames.reading.rows.tiled import TileRows

_AT_ONCE: Final = 64


class ScaledRows:
    """Rows as values in float32.

    Parameters
    ----------
    stored : HeldRows, PlainRows or TileRows
        The numbers.
    """

    zero = 0

    def __init__(self, stored: HeldRows | PlainRows | TileRows) -> None:
        self._stored = stored
        self.dtype = np.dtype(np.float32)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self._stored.shape

    def read_rows(self, first: int, last: int, into: NDArray[Any]) -> None:
        """Read rows ``first`` to ``last`` (not included) into a buffer, a few at a time.

        Raises
        ------
        FrameRejected
            As the stored rows do, or a value is too large for the type.
        """
        check_request(self.shape, self.dtype, first, last, into)
        for row in range(first, last, _AT_ONCE):
            end = min(row + _AT_ONCE, last)
            stored = np.empty((end - row, self.shape[1]), self._stored.dtype)
            self._stored.read_rows(row, end, stored)
            part = into[row - first : end - first]
            with np.errstate(over="ignore"):  # what comes of it is looked at
                part[:] = self._stored.encoding.values(stored)
            self._stored.encoding.check_finite(part, row)
