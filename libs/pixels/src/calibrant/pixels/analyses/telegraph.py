"""Telegraph pixels: pixels that jump to and fro between two levels from frame to frame.

It owns the test of each pixel's series; it must not know which frames were taken when.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

FEWEST_FRAMES: Final = 8

AT_ONCE: Final = 4096
"""Pixels whose series are looked at together, so that memory has a bound."""


@dataclass(frozen=True, eq=False)
class TelegraphPixels:
    """Those that were found, pixel by pixel.

    Parameters
    ----------
    row, column
        (n,): where.
    low, high
        (n,): mean of either level, in the unit of the frames.
    share
        (n,): share of the frames at the high level.
    jumps
        (n,): how often it jumps.
    tested
        Pixels that had enough frames.
    """

    row: NDArray[np.intp]
    column: NDArray[np.intp]
    low: Values
    high: Values
    share: Values
    jumps: NDArray[np.intp]
    tested: int


def telegraph_pixels(
    frames: NDArray[Any], noise: float, *, sigma: float = 6.0, fewest: int = 3, per_signal: float = 0.0
) -> TelegraphPixels:
    """Find pixels with two levels.

    The values of each pixel are sorted and cut where the squares about the means of both parts are least. A pixel jumps
    when each part has `fewest` values at least, the means are `sigma` standard deviations of a frame's noise apart, and
    either part scatters by no more than twice that noise: pixels that only are noisy, or drift, have broad parts.

    Parameters
    ----------
    frames
        (frames, rows, columns), of one amplifier, alike but for noise: biases, or darks of one dark time. What is not
        finite is left out.
    noise
        Standard deviation of a good pixel in one frame, in their unit, positive.
    sigma
        Standard deviations.
    fewest
        Values of either level, 2 to 4: a cosmic ray is one.
    per_signal
        Variance of the noise of charge per unit of it: 1 in electrons, one over the gain in ADU; 0: the levels are none of
        charge, or have a pedestal. Each pixel's noise has that of its high level in it then: a hot one has more than others.

    Raises
    ------
    ValueError
        When `noise` is not positive, `fewest` out of range, or there are fewer than eight frames.
    """
    if not (math.isfinite(noise) and noise > 0):
        raise ValueError(f"telegraph pixels: noise is {noise}, must be positive")
    if not 2 <= fewest <= FEWEST_FRAMES // 2:
        raise ValueError(f"telegraph pixels: fewest is {fewest}, must be 2 to {FEWEST_FRAMES // 2}")
    if len(frames) < FEWEST_FRAMES:
        raise ValueError(f"telegraph pixels: {len(frames)} frames, give at least {FEWEST_FRAMES}")
    spread, known = _spread(frames)
    row, column = np.nonzero((known >= FEWEST_FRAMES) & (spread > sigma * noise))
    parts = [slice(first, first + AT_ONCE) for first in range(0, len(row), AT_ONCE)]
    levels = [_two_levels(frames[:, row[one], column[one]].T, fewest) for one in parts]
    low, high, share, jumps, widest = np.concatenate([np.empty((5, 0)), *levels], axis=1)
    own = np.sqrt(noise**2 + per_signal * np.maximum(high, 0))
    found = (high - low >= sigma * own) & (widest <= 2 * own)
    return TelegraphPixels(
        row[found],
        column[found],
        low[found],
        high[found],
        share[found],
        jumps[found].astype(np.intp),
        int((known >= FEWEST_FRAMES).sum()),
    )


def _spread(frames: NDArray[Any]) -> tuple[Values, NDArray[np.intp]]:
    """Give greatest less least of each pixel's finite values, and their number; a frame at a time."""
    low, high = np.full(frames.shape[1:], np.inf), np.full(frames.shape[1:], -np.inf)
    known = np.zeros(frames.shape[1:], np.intp)
    for frame in frames:
        finite = np.isfinite(frame)
        np.minimum(low, frame, out=low, where=finite)
        np.maximum(high, frame, out=high, where=finite)
        known += finite
    return np.where(known > 0, high - low, 0), known


def _two_levels(series: NDArray[Any], fewest: int) -> Values:
    """Cut each series, (n, frames), into two levels: (5, n) of both means, the share of the high one, jumps, the wider scatter."""
    finite = np.isfinite(series)
    count = finite.sum(axis=1)
    values = np.where(finite, series, 0).astype(np.float64)
    level = values.sum(axis=1) / count
    values = np.where(finite, values - level[:, None], np.inf)  # no digits are lost to the pedestal
    ordered = np.sort(values, axis=1)
    known = np.where(np.isfinite(ordered), ordered, 0)
    sums, squares = np.cumsum(known, axis=1), np.cumsum(known * known, axis=1)
    below, total = np.arange(1, series.shape[1]), sums[:, -1:]
    above = count[:, None] - below
    possible = (below >= fewest) & (above >= fewest)
    between = sums[:, :-1] ** 2 / below + (total - sums[:, :-1]) ** 2 / np.maximum(above, 1)
    cut = np.where(possible, between, -np.inf).argmax(axis=1)
    each = np.arange(len(series))
    n, sum_low, squares_low = cut + 1, sums[each, cut], squares[each, cut]
    rest, sum_high, squares_high = count - n, total[:, 0] - sum_low, squares[:, -1] - squares_low
    scatter = np.maximum(
        (squares_low - sum_low**2 / n) / (n - 1), (squares_high - sum_high**2 / rest) / (rest - 1)
    )
    jumps = _changes(values >= ordered[each, n][:, None], finite)
    return np.stack(
        [sum_low / n + level, sum_high / rest + level, rest / count, jumps, np.sqrt(np.maximum(scatter, 0))]
    )


def _changes(state: NDArray[np.bool_], known: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Count how often each known state, (n, frames), differs from the known one before it."""
    last = np.maximum.accumulate(np.where(known, np.arange(known.shape[1]), 0), axis=1)
    last = np.maximum(last, known.argmax(axis=1)[:, None])
    held = np.take_along_axis(state, last, axis=1)
    changes: NDArray[np.intp] = (held[:, 1:] != held[:, :-1]).sum(axis=1)
    return changes
