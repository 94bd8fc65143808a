"""Which samples of a pixel are kept: iterative sigma clipping along the frames of a tile.

It owns the clip rule and its two definitions; it must not know what is made of the samples that are kept.
In a sorted column clipping only trims the ends, so what is kept is a window ``[low, high)``.
"""

import math
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.sorting import sort_frames, window_median, window_moments

Center = Literal["median", "mean"]
Spread = Literal["std", "mad"]
Clip = Literal["astropy", "cumulative"]
Window = tuple[NDArray[np.intp], NDArray[np.intp]]

MAD_TO_SIGMA: Final = 1.482602218505602
"""Standard deviation of a normal distribution over its median absolute deviation."""


@dataclass(frozen=True)
class ClipRule:
    """How samples are rejected.

    In each iteration centre and spread (population standard deviation, or 1.4826 median absolute deviations from the
    median) of the samples still kept give bounds, and samples outside them are rejected; it ends when none is, when
    none would be left, or after `iterations`.

    Parameters
    ----------
    center, spread
        Estimators.
    sigma_low, sigma_high
        Bounds in spreads below and above the centre, finite and above zero.
    iterations
        At most; None: to convergence.
    clip
        "astropy": the bounds of the last iteration decide on *all* samples, as in ``astropy.stats.sigma_clip`` along
        an axis, so a sample rejected early comes back where the bounds have moved over it. "cumulative": what is
        rejected stays rejected.

    Raises
    ------
    ValueError
        When a value is unknown or makes no sense.
    """

    center: Center = "median"
    spread: Spread = "std"
    sigma_low: float = 3.0
    sigma_high: float = 3.0
    iterations: int | None = 3
    clip: Clip = "astropy"

    def __post_init__(self) -> None:
        for name, value, allowed in [
            ("center", self.center, ("median", "mean")),
            ("spread", self.spread, ("std", "mad")),
            ("clip", self.clip, ("astropy", "cumulative")),
        ]:
            if value not in allowed:
                raise ValueError(f"{name}: {value!r}, must be one of {', '.join(allowed)}")
        for name, sigma in [("sigma_low", self.sigma_low), ("sigma_high", self.sigma_high)]:
            if not (math.isfinite(sigma) and sigma > 0):
                raise ValueError(f"{name}: {sigma}, must be a positive number of standard deviations")
        if self.iterations is not None and self.iterations < 1:
            raise ValueError(f"iterations: {self.iterations}, must be at least 1, or None for convergence")


def kept_window(ordered: NDArray[Any], good: NDArray[np.intp], rule: ClipRule) -> Window:
    """Clip each pixel's samples.

    Parameters
    ----------
    ordered
        (N, pixels), sorted along the frames; samples not to be used are +inf, so they come last.
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
        lowest[active], highest[active] = _bounds(columns, low[active], high[active], rule)
        first = np.take_along_axis(columns, low[active][None], axis=0)[0]
        last = np.take_along_axis(columns, high[active][None] - 1, axis=0)[0]
        narrowed = (first < lowest[active]) | (last > highest[active])
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


def _bounds(
    ordered: NDArray[Any], low: NDArray[np.intp], high: NDArray[np.intp], rule: ClipRule
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if rule.center == "median" or rule.spread == "mad":
        median = window_median(ordered, low, high)
    if rule.center == "mean" or rule.spread == "std":
        mean, squares = window_moments(ordered, low, high)
    center = median if rule.center == "median" else mean
    if rule.spread == "std":
        spread = np.sqrt(squares / (high - low))
    else:
        index = np.arange(len(ordered))[:, None]
        deviations = np.where((low <= index) & (index < high), np.abs(ordered - median), np.inf)
        spread = MAD_TO_SIGMA * window_median(sort_frames(deviations), np.zeros_like(low), high - low)
    return center - rule.sigma_low * spread, center + rule.sigma_high * spread


def _counts(
    ordered: NDArray[Any], lowest: NDArray[np.float64], highest: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Count each pixel's samples below the lower bound, and those not above the upper one."""
    return np.count_nonzero(ordered < lowest, axis=0), np.count_nonzero(ordered <= highest, axis=0)
