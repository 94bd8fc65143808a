"""Variances of the inputs, looked at as they are read: one that is negative is an error, not a result."""

from typing import Any

from numpy.typing import NDArray

from calibrant.pixels.rows import RowSource


class Variances:
    """A plane of variances as a :class:`RowSource`.

    Parameters
    ----------
    frame
        Its number, for messages.
    plane
        The plane; NaN where a variance is not known.
    """

    def __init__(self, frame: int, plane: RowSource) -> None:
        self._frame, self._plane = frame, plane
        self.shape, self.dtype, self.zero = plane.shape, plane.dtype, plane.zero

    def read_rows(self, first: int, last: int, into: NDArray[Any], /) -> None:
        """Read rows ``first <= y < last``.

        Raises
        ------
        ValueError
            When a variance is negative.
        """
        self._plane.read_rows(first, last, into)
        if (into < -self.zero).any():
            raise ValueError(f"variances[{self._frame}]: negative in rows {first} to {last - 1}")
