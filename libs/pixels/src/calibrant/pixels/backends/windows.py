"""Which samples of each pixel are kept, vectorised over the pixels of a tile.

In a sorted column rejection only trims the ends, so what is kept is a window ``[low, high)``. It must not know
what is made of the samples that are kept.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.backends.sorting import Window, sort_frames, window_median, window_moments
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
    columns = ordered if active.size == good.size else ordered[:, active]
    iteration = 0
    while active.size and iteration != rule.iterations:
        iteration += 1
        lowest[active], highest[active] = _bounds(columns, (low[active], high[active]), rule)
        narrowed = _outside(columns, (low[active], high[active]), lowest[active], highest[active])
        active, columns = active[narrowed], columns[:, narrowed]
        below, within = _counts(columns, lowest[active], highest[active])
        low[active] = np.maximum(low[active], below)
        high[active] = np.maximum(np.minimum(high[active], within), low[active])
        left = low[active] < high[active]
        active, columns = active[left], columns[:, left]
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


def _bounds(ordered: NDArray[Any], window: Window, rule: ClipRule) -> Bounds:
    median = window_median(ordered, *window)
    mean, squares = window_moments(ordered, *window)
    if rule.spread == "std":
        spread = np.sqrt(squares / (window[1] - window[0]))
    else:
        spread = MAD_TO_SIGMA * _window_mad(ordered, *window, median)
    center = median if rule.center == "median" else mean
    return center - rule.sigma_low * spread, center + rule.sigma_high * spread


def _outside(
    ordered: NDArray[Any], window: Window, lowest: NDArray[np.float64], highest: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Say in which windows, none of them empty, a sample lies outside the bounds."""
    first = np.take_along_axis(ordered, window[0][None], axis=0)[0]
    last = np.take_along_axis(ordered, window[1][None] - 1, axis=0)[0]
    found: NDArray[np.bool_] = (first < lowest) | (last > highest)
    return found


def _whole_mad(ordered: NDArray[Any], median: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the median absolute deviation of whole columns.

    Deviations of a sorted column fall and then rise, so the lesser and the greater of each one and the one half a
    column further are the lower and the upper half of them (Batcher's half-cleaner).
    """
    half = len(ordered) // 2
    lower = np.zeros_like(median)
    upper = np.full_like(median, np.inf)
    for below, above in zip(ordered[:half], ordered[len(ordered) - half :], strict=True):
        one, other = median - below, above - median
        np.maximum(lower, np.minimum(one, other), out=lower)
        np.minimum(upper, np.maximum(one, other), out=upper)
    return lower if len(ordered) % 2 else 0.5 * (lower + upper)


def _window_mad(
    ordered: NDArray[Any], low: NDArray[np.intp], high: NDArray[np.intp], median: NDArray[np.float64]
) -> NDArray[np.float64]:
    index = np.arange(len(ordered))[:, None]
    deviations = np.where((low <= index) & (index < high), np.abs(ordered - median), np.inf)
    return window_median(sort_frames(deviations), np.zeros_like(low), high - low)


def _counts(
    ordered: NDArray[Any], lowest: NDArray[np.float64], highest: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Count each pixel's samples below the lower bound, and those not above the upper one."""
    return np.count_nonzero(ordered < lowest, axis=0), np.count_nonzero(ordered <= highest, axis=0)
