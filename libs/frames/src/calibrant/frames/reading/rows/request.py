"""Owns what every source checks of a request for rows, and how trouble with one is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.frames.reading.content import ContentLost
from calibrant.frames.reading.rejection import FrameRejected


def check_request(
    shape: tuple[int, int], dtype: np.dtype[Any], first: int, last: int, into: NDArray[Any]
) -> None:
    """Check that rows ``first`` to ``last`` (not included) exist and that a buffer is made for them.

    Raises
    ------
    ValueError
        If not: a mistake of the caller's.
    """
    if not 0 <= first <= last <= shape[0]:
        raise ValueError(f"rows {first} to {last} of an image of {shape[0]} rows were asked for")
    if into.shape != (last - first, shape[1]) or into.dtype != dtype or not into.flags.c_contiguous:
        raise ValueError(
            f"the buffer for rows {first} to {last} is {into.dtype.str} of {into.shape}, but must be contiguous "
            f"{dtype.str} of {(last - first, shape[1])}"
        )


@contextmanager
def told_of(index: int, first: int, row_bytes: int) -> Iterator[None]:
    """Name HDU and row in a refusal for bytes that are lost.

    Parameters
    ----------
    index : int
        Number of the HDU.
    first : int
        The row that is read first.
    row_bytes : int
        Bytes of each row; 0 where the place of the loss tells nothing of the row.
    """
    try:
        yield
    except ContentLost as problem:
        row = first + (problem.done // row_bytes if row_bytes else 0)
        raise FrameRejected(problem.reason, f"HDU {index}, row {row}: {problem.detail}") from problem
