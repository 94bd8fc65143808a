"""Which samples of each pixel are kept, vectorised over the pixels of a tile.

In a sorted column rejection only trims the ends, so what is kept is a window ``[low, high)``. It must not know
what is made of the samples that are kept.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.backends.sorting import (
    Moments,
    Window,
    moments_of,
    short,
    window_median,
)
from calibrant.pixels.clipping import MAD_TO_SIGMA, ClipRule

Bounds = tuple[NDArray[np.float64], NDArray[np.float64]]


def kept_window(ordered: NDArray[Any], good: NDArray[np.intp], rule: ClipRule) -> Window:
    """Clip each pixel's samples.

    Parameters
    ----------
    ordered
        (N, pixels), sorted along the frames; those not to be used come last, at the type's greatest value.
    good
        (pixels,), how many samples may be used.
    rule
        How.

    Returns
    -------
    tuple of ndarray
        `low` and `high`, (pixels,): the samples kept are ``ordered[low:high]``.
    """
    low = np.zeros_like(good)
    high = good.copy()
    lowest = np.full(good.shape, -np.inf)
    highest = np.full(good.shape, np.inf)
    active = np.flatnonzero(good)
    moments = moments_of(ordered) if rule.spread == "std" or rule.center == "mean" else None
    iteration = 0
    while active.size and iteration != rule.iterations:
        iteration += 1
        window = low[active], high[active]
        least, most = _bounds(ordered, moments, active, window, rule)
        lowest[active], highest[active] = least, most
        narrowed = (ordered[window[0], active] < least) | (ordered[window[1] - 1, active] > most)
        active, least, most = active[narrowed], least[narrowed], most[narrowed]
        below, within = _counts(ordered[:, active], least, most)
        low[active] = np.maximum(low[active], below)
        high[active] = np.maximum(np.minimum(high[active], within), low[active])
        active = active[low[active] < high[active]]
    if rule.clip == "astropy":
        clipped = np.flatnonzero((low > 0) | (high < good))
        low[clipped], within = _counts(ordered[:, clipped], lowest[clipped], highest[clipped])
        high[clipped] = np.maximum(np.minimum(good[clipped], within), low[clipped])
    return low, high


def whole_bounds(
    ordered: NDArray[Any], moments: tuple[NDArray[np.float64], NDArray[np.float64]], rule: ClipRule
) -> Bounds:
    """Give the least and greatest value that a rule lets pass in its first iteration, from whole columns."""
    count = len(ordered)
    median = 0.5 * (ordered[(count - 1) // 2].astype(np.float64) + ordered[count // 2])
    mean, squares = moments
    spread = np.sqrt(squares / count) if rule.spread == "std" else MAD_TO_SIGMA * _whole_mad(ordered, median)
    center = median if rule.center == "median" else mean
    return center - rule.sigma_low * spread, center + rule.sigma_high * spread


def _bounds(
    ordered: NDArray[Any], moments: Moments | None, which: NDArray[np.intp], window: Window, rule: ClipRule
) -> Bounds:
    median = window_median(ordered, *window, which)
    if rule.spread == "mad":
        spread = MAD_TO_SIGMA * _window_mad(ordered, which, window, median)
    if moments is not None:
        mean, squares = moments(which, *window)
    if rule.spread == "std":
        spread = np.sqrt(squares / (window[1] - window[0]))
    center = median if rule.center == "median" else mean
    return center - rule.sigma_low * spread, center + rule.sigma_high * spread


def _whole_mad(ordered: NDArray[Any], median: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the median absolute deviation of whole columns.

    Deviations of a sorted column fall and then rise, so the lesser and the greater of each one and the one half a
    column further are the lower and the upper half of them (Batcher's half-cleaner).
    """
    half = len(ordered) // 2
    middle = median.astype(
        np.float32 if short(ordered) else np.float64
    )  # holds halves of short integers exactly
    lower, upper = np.zeros_like(middle), np.full_like(middle, np.inf)
    one, other, spare = (np.empty_like(middle) for _ in range(3))
    for below, above in zip(ordered[:half], ordered[len(ordered) - half :], strict=True):
        np.subtract(middle, below, out=one)
        np.subtract(above, middle, out=other)
        np.maximum(lower, np.minimum(one, other, out=spare), out=lower)
        np.minimum(upper, np.maximum(one, other, out=spare), out=upper)
    found: NDArray[np.float64] = lower if len(ordered) % 2 else 0.5 * (lower + upper)
    return found.astype(np.float64, copy=False)


def _window_mad(
    ordered: NDArray[Any], which: NDArray[np.intp], window: Window, median: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Give the median absolute deviation within windows, none of them empty.

    Deviations below and above the median are two sorted runs; the lesser half of them are `taken` of those below and
    the rest of those above, which bisection finds.
    """
    count = window[1] - window[0]
    half = count // 2
    middle, taken, most = window[0] + half, np.zeros_like(half), half.copy()

    def deviation(rows: NDArray[np.intp], there: NDArray[np.bool_], otherwise: float) -> NDArray[np.float64]:
        away = np.abs(ordered[np.where(there, rows, 0), which] - median)
        return np.where(there, away, otherwise)

    for _ in range(int(half.max()).bit_length()):
        k, undecided = (taken + most) // 2, taken < most
        below, above = (deviation(row, undecided, 0.0) for row in (middle - 1 - k, middle + half - 1 - k))
        more = below < above
        taken = np.where(undecided & more, k + 1, taken)
        most = np.where(undecided & ~more, k, most)
    rest = half - taken
    lower = np.maximum(deviation(middle - taken, taken > 0, 0.0), deviation(middle + rest - 1, rest > 0, 0.0))
    beyond = deviation(middle + rest, count - half > rest, np.inf)
    upper = np.minimum(deviation(middle - 1 - taken, rest > 0, np.inf), beyond)
    found: NDArray[np.float64] = np.where(count % 2 == 1, upper, 0.5 * (lower + upper))
    return found


def _counts(
    ordered: NDArray[Any], lowest: NDArray[np.float64], highest: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Count each pixel's samples below the lower bound, and those not above the upper one."""
    if short(ordered):
        return _count_short(ordered, np.ceil(lowest)), _count_short(ordered, np.floor(highest) + 1)
    return np.count_nonzero(ordered < lowest, axis=0), np.count_nonzero(ordered <= highest, axis=0)


def _count_short(ordered: NDArray[Any], bounds: NDArray[np.float64]) -> NDArray[np.intp]:
    """Count samples below whole numbers, in their own type, of which more are compared at a time."""
    limits = np.iinfo(ordered.dtype)
    below = ordered < np.clip(bounds, limits.min, limits.max).astype(ordered.dtype)
    found: NDArray[np.intp] = np.count_nonzero(below, axis=0) if len(ordered) >= 2**8 else _count_few(below)
    found[bounds > limits.max] = len(ordered)
    return found


def _count_few(flags: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Count flags along the frames, of which there are fewer than a byte counts."""
    found: NDArray[np.uint8] = np.add.reduce(flags.view(np.uint8), axis=0, dtype=np.uint8)
    return found.astype(np.intp)
