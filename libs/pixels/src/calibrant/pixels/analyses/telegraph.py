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
    frames: NDArray[Any], noise: float, *, sigma: float = 6.0, fewest: int = 3
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
    known = np.isfinite(frames).sum(axis=0)
    tested = known >= FEWEST_FRAMES
    series = np.where(tested, frames, 0)
    wide = np.nanmax(series, axis=0) - np.nanmin(series, axis=0) > sigma * noise
    row, column = np.nonzero(wide)
    found = [
        _two_levels(frames[:, y, x], sigma * noise, 2 * noise, fewest)
        for y, x in zip(row, column, strict=True)
    ]
    jumping = np.array([one is not None for one in found], dtype=bool)
    low, high, share, jumps = np.array([one for one in found if one is not None]).reshape(-1, 4).T
    return TelegraphPixels(
        row[jumping], column[jumping], low, high, share, jumps.astype(np.intp), int(tested.sum())
    )


def _two_levels(
    series: NDArray[Any], apart: float, widest: float, fewest: int
) -> tuple[float, float, float, float] | None:
    """Give both levels, the share of the high one, and the jumps; None: it does not jump."""
    values = series[np.isfinite(series)].astype(np.float64)
    level = values.mean()
    values -= level  # no digits are lost to the pedestal
    ordered = np.sort(values)
    count = len(ordered)
    below = np.arange(fewest, count - fewest + 1)
    sums = np.cumsum(ordered)
    between = sums[below - 1] ** 2 / below + (sums[-1] - sums[below - 1]) ** 2 / (count - below)
    cut = int(below[between.argmax()])
    low, high = ordered[:cut], ordered[cut:]
    if high.mean() - low.mean() < apart or max(low.std(ddof=1), high.std(ddof=1)) > widest:
        return None
    is_high = values >= ordered[cut]
    return (
        float(low.mean() + level),
        float(high.mean() + level),
        (count - cut) / count,
        float((is_high[1:] != is_high[:-1]).sum()),
    )
