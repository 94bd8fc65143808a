"""Combination with NumPy alone: vectorised over the pixels of a tile, the frames one after the other.

It works everywhere. Threads work on tiles of their own, since NumPy lets go of the interpreter in its loops.
"""

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.backends.bands import bands, work_through
from calibrant.pixels.backends.sorting import (
    Window,
    sort_frames,
    whole_moments,
    window_median,
    window_moments,
)
from calibrant.pixels.backends.windows import kept_window, whole_bounds
from calibrant.pixels.mask import MASK_DTYPE
from calibrant.pixels.plan import EMPTY, FEWEST_FOR_SCATTER, Combined, Plan, Statistic
from calibrant.pixels.rows import load, value_type

FLOAT32_MAX: Final = float(np.finfo(np.float32).max)

AT_ONCE: Final = 3
"""Tiles that are worked on as one: threads wait for each other between NumPy's calls, so there should be few calls. Of
four, arrays of floats are so large that every new one is cleared by the system."""

Estimate = tuple[NDArray[np.float64], NDArray[np.float64]]


def check() -> None:
    """Do nothing: this backend is always there."""


def combine(plan: Plan, into: Combined) -> bool:
    """Fill the planes, and tell whether a pixel has no good sample.

    Parameters
    ----------
    plan
        What to combine and how.
    into
        Planes of the plan's shape.
    """
    planes = len(plan.stack) * (3 * _sample_type(plan).itemsize + (5 if plan.masks is not None else 0))
    row_bytes = plan.shape[1] * (planes + 80)  # samples, their order and masks; values of pixels on the way
    tile_bytes = AT_ONCE * plan.tile_bytes
    parts = bands(plan.shape[0], row_bytes, tile_bytes, plan.threads, plan.fewest_rows)

    def work(rows: slice) -> bool:
        _combine_rows(plan, rows, into)
        return into.lacks(rows)

    return work_through(work, parts, plan.threads)


def _combine_rows(plan: Plan, rows: slice, into: Combined) -> None:
    with np.errstate(all="ignore"):  # of pixels without a good sample, and of variances beyond float32
        data, variance, count, mask = _combine_tile(plan, rows)
        into.data[rows] = data.reshape(-1, plan.shape[1])
        into.variance[rows] = variance.reshape(-1, plan.shape[1])
    into.count[rows] = count.reshape(-1, plan.shape[1])
    into.mask[rows] = mask.reshape(-1, plan.shape[1])


def _combine_tile(
    plan: Plan, rows: slice
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp], NDArray[np.uint32]]:
    samples, masks, unusable = _load(plan, rows)
    good = np.full(samples.shape[1], len(samples))
    if unusable is not None:
        good -= np.count_nonzero(unusable, axis=0)
    ordered = sort_frames(samples)
    low, high = np.zeros_like(good), good.copy()
    moments = whole_moments(ordered)
    data, variance = _estimate_whole(plan.statistic, ordered, moments)
    unsettled = np.flatnonzero(_unsettled(plan, ordered, moments, good))
    if unsettled.size:
        columns = ordered if unsettled.size == good.size else ordered[:, unsettled]
        low[unsettled], high[unsettled] = window = _windows(plan, columns, good[unsettled])
        data[unsettled], variance[unsettled] = _estimate(plan.statistic, columns, window)
    count = high - low
    kept = None
    if masks is not None or plan.variances is not None or plan.weights is not None:
        kept = _kept(samples, ordered, (low, high))
        if unusable is not None:
            kept &= ~unusable
    if plan.weights is not None and kept is not None:
        data, variance = _weigh(samples, kept, plan.weights)
    if plan.variances is not None and kept is not None:
        few = (count > 0) & ((len(samples) < FEWEST_FOR_SCATTER) | (count == 1))
        _propagate(plan, rows, kept, np.flatnonzero(few), variance)
    data[count == 0] = variance[count == 0] = np.nan
    return data, variance, count, _join_masks(masks, kept, count)


def _sample_type(plan: Plan) -> np.dtype[Any]:
    """Give the type that samples are sorted in: short integers as they are, others as they are computed."""
    values = value_type(plan.stack[0])
    return values if values.kind in "iu" and values.itemsize <= 2 and plan.scales is None else plan.dtype


def _load(
    plan: Plan, rows: slice
) -> tuple[NDArray[Any], NDArray[np.uint32] | None, NDArray[np.bool_] | None]:
    """Give samples, those not to be used at their type's greatest value; masks; and which are not to be used."""
    kind = _sample_type(plan)
    samples, short = load(plan.stack, rows, kind), kind.kind != "f"
    masks = None if plan.masks is None else load(plan.masks, rows, MASK_DTYPE)
    if plan.scales is not None:
        samples /= plan.scales.astype(plan.dtype)[:, None]
    if not short:
        samples += 0  # no negative zero, whose order is not defined
    unusable = None if short else ~(np.abs(samples) <= FLOAT32_MAX)
    if masks is not None:
        ignored = (masks & plan.ignore) != 0
        unusable = ignored if unusable is None else unusable | ignored
    if unusable is not None:
        samples[unusable] = np.iinfo(kind).max if short else np.inf
    return samples, masks, unusable


def _unsettled(
    plan: Plan, ordered: NDArray[Any], moments: Estimate, good: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Say of which pixels not all samples are used."""
    found: NDArray[np.bool_] = good != len(ordered)
    if plan.statistic == "minmax-mean":
        return np.ones_like(found)
    if plan.statistic == "clipped-mean":
        lowest, highest = whole_bounds(ordered, moments, plan.rule)
        found |= (ordered[0] < lowest) | (ordered[-1] > highest)
    return found


def _windows(plan: Plan, ordered: NDArray[Any], good: NDArray[np.intp]) -> Window:
    if plan.statistic == "clipped-mean":
        return kept_window(ordered, good, plan.rule)
    if plan.statistic == "minmax-mean":
        return plan.reject_low * good // len(ordered), good - plan.reject_high * good // len(ordered)
    return np.zeros_like(good), good


def _estimate_whole(statistic: Statistic, ordered: NDArray[Any], moments: Estimate) -> Estimate:
    """Give the value of each pixel and its variance from the scatter of all its samples."""
    (mean, squares), count = moments, float(len(ordered))
    variance = squares / np.float64((count - 1.0) * count)
    if statistic != "median":
        return mean, variance
    middle = ordered[(len(ordered) - 1) // 2].astype(np.float64) + ordered[len(ordered) // 2]
    return 0.5 * middle, variance * (math.pi / 2 if count > 2 else 1.0)


def _estimate(statistic: Statistic, ordered: NDArray[Any], window: Window) -> Estimate:
    """Give the value of each pixel and its variance from the scatter of its samples; anything where there is none."""
    low, high = window[0], np.maximum(window[1], window[0] + 1)
    low, high = np.minimum(low, len(ordered) - 1), np.minimum(high, len(ordered))
    mean, squares = window_moments(ordered, low, high)
    count = high - low
    variance = squares / ((count - 1.0) * count)
    if statistic != "median":
        return mean, variance
    return window_median(ordered, low, high), variance * _median_factor(count)


def _median_factor(count: NDArray[np.intp]) -> NDArray[np.float64]:
    """Variance of a median over that of a mean; the median of one or two samples is their mean."""
    return np.where(count > 2, math.pi / 2, 1.0)


def _kept(samples: NDArray[Any], ordered: NDArray[Any], window: Window) -> NDArray[np.bool_]:
    """Say which samples, in the order of the frames, are in the window: equal ones are all in or all out."""
    low, high = window
    some = low < high
    least = np.take_along_axis(ordered, np.minimum(low, len(ordered) - 1)[None], axis=0)[0]
    most = np.take_along_axis(ordered, np.maximum(high - 1, 0)[None], axis=0)[0]
    kept: NDArray[np.bool_] = (samples >= least) & (samples <= most) & some
    return kept


def _weigh(samples: NDArray[Any], kept: NDArray[np.bool_], weights: NDArray[np.float64]) -> Estimate:
    each = weights[:, None]
    total = _add_kept(np.broadcast_to(each, kept.shape), kept)
    mean = _add_kept(each * samples, kept) / total
    deviations = each * (samples - mean)
    squares = _add_kept(deviations * deviations, kept)
    count = np.count_nonzero(kept, axis=0).astype(np.float64)
    variance = squares / (total * total) * (count / (count - 1))
    return mean, np.where(count > 1, variance, np.nan)


def _propagate(
    plan: Plan, rows: slice, kept: NDArray[np.bool_], which: NDArray[np.intp], variance: NDArray[np.float64]
) -> None:
    """Put the inputs' variances, propagated, into the variance of some pixels."""
    if plan.variances is None or not which.size:
        return
    kept = kept[:, which]
    inputs = load(plan.variances, rows, np.dtype(np.float64))[:, which]
    if plan.scales is not None:
        inputs /= (plan.scales * plan.scales)[:, None]
    count = np.count_nonzero(kept, axis=0)
    total = count.astype(np.float64)
    if plan.weights is not None:
        weights = plan.weights[:, None]
        total = _add_kept(np.broadcast_to(weights, kept.shape), kept)
        inputs *= weights * weights
    variance[which] = _add_kept(inputs, kept) / (total * total)
    if plan.statistic == "median":
        variance[which] *= _median_factor(count)


def _add_kept(values: NDArray[np.float64], kept: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Sum what is kept in ascending order, so that the order of the frames does not matter."""
    total = np.zeros(kept.shape[1])
    for row in sort_frames(np.where(kept, values, 0.0)):
        total += row
    return total


def _join_masks(
    masks: NDArray[np.uint32] | None, kept: NDArray[np.bool_] | None, count: NDArray[np.intp]
) -> NDArray[np.uint32]:
    joined = np.zeros(count.shape, dtype=MASK_DTYPE)
    empty = count == 0
    if masks is not None and kept is not None and masks.any():
        for plane, used in zip(masks, kept, strict=True):
            joined |= np.where(used | empty, plane, np.uint32(0))
    joined[empty] |= EMPTY
    return joined
