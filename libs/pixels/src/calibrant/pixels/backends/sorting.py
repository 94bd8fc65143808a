"""Order and moments along the frames of a tile, vectorised over its pixels.

It owns a sorting network and sums over a window of sorted samples. It must not know why a window is chosen.
Every sum runs over frames one by one, so a pixel's result does not depend on the pixels beside it.
"""

import functools
from collections.abc import Iterator
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
    ordered: NDArray[Any], low: NDArray[np.intp], high: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Give the median of ``ordered[low:high]`` of each pixel; of an even number, the mean of the middle two.

    Parameters
    ----------
    ordered
        (N, pixels), sorted along the frames.
    low, high
        (pixels,), window of samples; a window must not be empty.

    Returns
    -------
    ndarray
        (pixels,), float64.
    """
    middle = low + high
    upper = np.take_along_axis(ordered, (middle // 2)[None], axis=0)[0].astype(np.float64)
    lower = np.take_along_axis(ordered, ((middle - 1) // 2)[None], axis=0)[0].astype(np.float64)
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
    if ordered.dtype.kind not in "iu" or ordered.dtype.itemsize > 2:
        return False
    widest = int((ordered[-1].astype(np.int32) - ordered[0]).max())
    return len(ordered) * widest * widest < 2**31


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
