"""Owns rows whose refusals name their file; must not know how they are read."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.frames.reading.rejection import FrameRejected
from calibrant.frames.reading.rows.held import HeldRows
from calibrant.frames.reading.rows.plain import PlainRows
from calibrant.frames.reading.rows.scaled import ScaledRows
from calibrant.frames.reading.rows.tiled import TileRows


@dataclass(frozen=True, eq=False, slots=True)
class NamedRows:
    """Rows of an image in a file.

    Parameters
    ----------
    file_name : str
        Name of the file, as people know it.
    source : HeldRows, PlainRows, TileRows or ScaledRows
        What reads them.
    """

    file_name: str
    source: HeldRows | PlainRows | TileRows | ScaledRows

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.source.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the rows, with its byte order."""
        return self.source.dtype

    @property
    def zero(self) -> int:
        """What is to be added to the numbers for their values."""
        return self.source.zero

    def read_rows(self, first: int, last: int, into: NDArray[Any]) -> None:
        """Read rows ``first`` to ``last`` (not included) into a buffer.

        Raises
        ------
        FrameRejected
            They cannot be had; the message names file, HDU and row.
        """
        try:
            self.source.read_rows(first, last, into)
        except FrameRejected as refusal:
            raise refusal.in_file(self.file_name) from refusal
