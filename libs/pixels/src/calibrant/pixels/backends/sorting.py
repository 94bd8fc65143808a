"""Order and moments along the frames of a tile, vectorised over its pixels.

It owns a sorting network and sums over a window of sorted samples. It must not know why a window is chosen.
Every sum runs over frames one by one, or is exact, so a pixel's result does not depend on the pixels beside it.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Window = tuple[NDArray[np.intp], NDArray[np.intp]]
"""First sample of each pixel's window, and the one behind its last."""


def sort_frames(tile: NDArray[Any]) -> NDArray[Any]:
    """Sort each pixel's samples, with Batcher's odd-even merge network (Batcher 1968).

    Parameters
    ----------
    tile
        (N, pixels), without NaN; left unchanged.

    Returns
    -------
    ndarray
        (N, pixels), ascending along the frames.
    """
    rows = [row.copy() for row in tile]
    spare = np.empty_like(tile[0])
    for one, other in _comparators(len(rows)):
        np.minimum(rows[one], rows[other], out=spare)
        np.maximum(rows[one], rows[other], out=rows[other])
        rows[one], spare = spare, rows[one]
    return np.stack(rows)


@functools.lru_cache(maxsize=64)
def _comparators(count: int) -> tuple[tuple[int, int], ...]:
    return tuple(_odd_even_merge(count))


def _odd_even_merge(count: int) -> Iterator[tuple[int, int]]:
    """Yield the pairs to put in order (Knuth, The Art of Computer Programming 3, 5.2.2, algorithm M)."""
    merged = 1
    while merged < count:
        step = merged
        while step:
            for start in range(step % merged, count - step, 2 * step):
                for one in range(start, min(start + step, count - step)):
                    if one // (2 * merged) == (one + step) // (2 * merged):
                        yield one, one + step
            step //= 2
        merged *= 2


def window_median(
    ordered: NDArray[Any],
    low: NDArray[np.intp],
    high: NDArray[np.intp],
    which: NDArray[np.intp] | None = None,
) -> NDArray[np.float64]:
    """Give the median of ``ordered[low:high]`` of each pixel; of an even number, the mean of the middle two.

    Parameters
    ----------
    ordered
        (N, pixels), sorted along the frames.
    low, high
        (pixels,), window of samples; a window must not be empty.
    which
        Columns that the windows are of; None: all of them.

    Returns
    -------
    ndarray
        (pixels,), float64.
    """
    middle = low + high
    which = np.arange(len(low)) if which is None else which
    upper = ordered[middle // 2, which].astype(np.float64)
    lower = ordered[(middle - 1) // 2, which].astype(np.float64)
    median: NDArray[np.float64] = 0.5 * (lower + upper)
    return median


def whole(ordered: NDArray[Any], low: NDArray[np.intp], high: NDArray[np.intp]) -> bool:
    """Say whether every window is the whole column."""
    return not low.any() and bool((high == len(ordered)).all())


def whole_moments(ordered: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give mean and sum of squared deviations of whole columns: :func:`window_moments` of them, in less time.

    Parameters
    ----------
    ordered
        (N, pixels), sorted along the frames.

    Returns
    -------
    tuple of ndarray
        Mean and sum of ``(x - mean)**2``, (pixels,), float64.
    """
    kind = np.int32 if _small(ordered) else np.float64
    pivot = ordered[len(ordered) // 2].astype(kind)
    total, squares, deviation = np.zeros_like(pivot), np.zeros_like(pivot), np.empty_like(pivot)
    for row in ordered:
        np.subtract(row, pivot, out=deviation)
        total += deviation
        deviation *= deviation
        squares += deviation
    shift = total / len(ordered)
    return pivot + shift, squares - total * shift


def _small(ordered: NDArray[Any]) -> bool:
    """Say whether all sums of deviations are exact in 32-bit integers, of which more are added at a time."""
    if not short(ordered):
        return False
    widest = int((ordered[-1].astype(np.int32) - ordered[0]).max())
    return len(ordered) * widest * widest < 2**31


def short(ordered: NDArray[Any]) -> bool:
    """Say whether sums of deviations, and of their squares, are exact."""
    return ordered.dtype.kind in "iu" and ordered.dtype.itemsize <= 2


Moments = Callable[
    [NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]], tuple[NDArray[np.float64], NDArray[np.float64]]
]
"""Gives moments of windows: which columns, `low` and `high` of each -> mean, sum of squared deviations."""


def moments_of(ordered: NDArray[Any]) -> Moments:
    """Give what gives :func:`window_moments` of some of the columns, again and again.

    Parameters
    ----------
    ordered
        (N, pixels), sorted along the frames.
    """
    if not short(ordered):
        return lambda which, low, high: window_moments(ordered[:, which], low, high)
    origin, totals, squares = _running_sums(ordered)

    def moments(
        which: NDArray[np.intp], low: NDArray[np.intp], high: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        count, pivot = high - low, ordered[(low + high) // 2, which].astype(np.int64)
        away = pivot - origin[which]
        total = totals[high, which].astype(np.int64) - totals[low, which]
        square = squares[high, which].astype(np.int64) - squares[low, which]
        square += away * (count * away - 2 * total)
        total -= count * away
        shift = total / count
        return pivot + shift, square - total * shift

    return moments


def _running_sums(ordered: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Give the (upper) median of each column, and sums of deviations from it and of squares below each sample."""
    kind = np.int32 if _small(ordered) else np.int64
    origin = ordered[len(ordered) // 2].astype(kind)
    deviations = np.subtract(ordered, origin, dtype=kind)
    totals, squares = (np.zeros((len(ordered) + 1, len(origin)), kind) for _ in range(2))
    for index, row in enumerate(deviations):  # quicker than along the columns, as numpy.cumsum goes
        np.add(totals[index], row, out=totals[index + 1])
        np.multiply(row, row, out=row)
        np.add(squares[index], row, out=squares[index + 1])
    return origin, totals, squares


def window_moments(
    ordered: NDArray[Any], low: NDArray[np.intp], high: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give mean and sum of squared deviations of ``ordered[low:high]`` of each pixel.

    Sums are of deviations from the (upper) median, which lies within one standard deviation of the mean: so one pass
    is enough, and nothing cancels.

    Parameters
    ----------
    ordered
        (N, pixels), sorted along the frames.
    low, high
        (pixels,), window of samples; a window must not be empty.

    Returns
    -------
    tuple of ndarray
        Mean and sum of ``(x - mean)**2``, (pixels,), float64.
    """
    all_of_them = whole(ordered, low, high)
    pivot = np.take_along_axis(ordered, ((low + high) // 2)[None], axis=0)[0].astype(np.float64)
    total = np.zeros_like(pivot)
    squares = np.zeros_like(pivot)
    deviation = np.empty_like(pivot)
    for index, row in enumerate(ordered):
        np.subtract(row, pivot, out=deviation)
        if not all_of_them:
            deviation[(index < low) | (high <= index)] = 0
        total += deviation
        deviation *= deviation
        squares += deviation
    shift = total / (high - low)
    return pivot + shift, squares - total * shift
