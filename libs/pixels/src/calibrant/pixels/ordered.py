"""Values in ascending order: quantiles, and moments of a run of them, from one sort.

It owns the order and the sums; it must not know why a run is chosen. Results do not depend on the order in which
values come: sums run over the sorted ones, in float64, about the median.
"""

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.backends.library import sorter

BLOCK: Final = 1024
"""Values whose sums are kept together."""


class Ordered:
    """Finite values, sorted.

    Parameters
    ----------
    values
        Of any shape, real type and byte order; what is not finite is left out.
    """

    def __init__(self, values: NDArray[Any]) -> None:
        self.values = _sorted(np.asarray(values).ravel())
        self.pivot = self.quantile(50)
        self._sums = _block_sums(self.values, self.pivot)

    def __len__(self) -> int:
        return len(self.values)

    def quantile(self, percent: float) -> float:
        """Give a percentile, interpolated between the two values beside it; NaN where there is no value."""
        if not len(self.values):
            return math.nan
        place = (len(self.values) - 1) * (percent / 100)
        below = math.floor(place)
        part = place - below
        low, high = float(self.values[below]), float(self.values[min(below + 1, len(self.values) - 1)])
        return high - (high - low) * (1 - part) if part >= 0.5 else low + (high - low) * part

    def within(self, lowest: float, highest: float) -> tuple[int, int]:
        """Give the run ``[first, last)`` of the values between two bounds, which are compared in float64."""
        kind = self.values.dtype.type
        low, high = kind(lowest), kind(highest)
        if float(low) < lowest:
            low = np.nextafter(low, kind(np.inf))
        if float(high) > highest:
            high = np.nextafter(high, kind(-np.inf))
        first = int(np.searchsorted(self.values, low, side="left"))
        return first, max(first, int(np.searchsorted(self.values, high, side="right")))

    def moments(self, first: int, last: int) -> tuple[float, float]:
        """Give mean and standard deviation (``ddof=1``) of a run; NaN where there are too few values."""
        count = last - first
        if not count:
            return math.nan, math.nan
        blocks = slice(-(-first // BLOCK), last // BLOCK)
        if blocks.start < blocks.stop:
            ends = (first, blocks.start * BLOCK), (blocks.stop * BLOCK, last)
            total, squares = (float(sums[blocks].sum()) for sums in self._sums)
        else:
            ends, total, squares = ((first, last), (last, last)), 0.0, 0.0
        for begin, end in ends:
            deviations = self.values[begin:end] - np.float64(self.pivot)
            total += float(deviations.sum())
            squares += float(np.square(deviations).sum())
        mean = self.pivot + total / count
        if count == 1:
            return mean, math.nan
        return mean, math.sqrt(max(squares - total * total / count, 0.0) / (count - 1))


def sorted_by() -> str:
    """Name the backend that sorts here: "cpu" where the compiled library is, else "numpy"."""
    return "numpy" if sorter() is None else "cpu"


def _sorted(values: NDArray[Any]) -> NDArray[Any]:
    """Sort in float32 where that holds the type exactly, else in float64."""
    kind = values.dtype.newbyteorder("=")
    if kind.kind in "iu" and kind.itemsize <= 2:
        return np.sort(values.astype(kind, copy=False), kind="stable").astype(np.float32)
    ordered = values.astype(np.result_type(np.float32, kind))
    finite = np.isfinite(ordered)
    count = np.count_nonzero(finite)
    if count < len(ordered):
        np.copyto(ordered, np.inf, where=~finite)  # to the end, which is cheaper than to take them out
    sort = sorter()
    if sort is None or ordered.dtype != np.float32:
        ordered.sort()
    else:
        sort(ordered)
    return ordered[:count]


def _block_sums(values: NDArray[Any], pivot: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the sums of the deviations of each whole block, and of their squares, a few blocks at a time."""
    blocks = values[: len(values) // BLOCK * BLOCK].reshape(-1, BLOCK)
    total, squares = np.empty(len(blocks)), np.empty(len(blocks))
    for first in range(0, len(blocks), 32):
        part = slice(first, first + 32)
        deviations = blocks[part] - np.float64(pivot)
        deviations.sum(axis=1, out=total[part])
        np.square(deviations, out=deviations)
        deviations.sum(axis=1, out=squares[part])
    return total, squares
