"""Owns the rows of an image that lies uncompressed in a file; must not know instruments."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.frames.reading.content import Content
from calibrant.frames.reading.encoding import Encoding
from calibrant.frames.reading.rows.request import check_request, told_of


class PlainRows:
    """Rows as they are stored, read straight into the caller's buffer by as many threads as like.

    Parameters
    ----------
    content : Content
        The file.
    offset : int
        Where the pixels begin in it, in bytes.
    shape : tuple of int
        Rows and columns.
    encoding : Encoding
        What the stored numbers mean.
    """

    def __init__(self, content: Content, offset: int, shape: tuple[int, int], encoding: Encoding) -> None:
        self._content = content
        self._offset = offset
        self.shape = shape
        self.encoding = encoding
        self.zero = encoding.offset or 0

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the rows: big-endian."""
        return self.encoding.stored

    def read_rows(self, first: int, last: int, into: NDArray[Any]) -> None:
        """Read rows ``first`` to ``last`` (not included) into a buffer.

        Raises
        ------
        FrameRejected
            The file is cut, written to or unreadable meanwhile, or a pixel has no value; the message names HDU
            and row. What the buffer holds then means nothing.
        """
        check_request(self.shape, self.dtype, first, last, into)
        row_bytes = self.shape[1] * self.dtype.itemsize
        with told_of(self.encoding.index, first, row_bytes):
            self._content.fill(self._offset + first * row_bytes, into.reshape(-1).view(np.uint8).data)
        self.encoding.check(into, first)
