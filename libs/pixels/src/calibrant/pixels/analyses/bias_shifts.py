"""Bias shifts: steps of the level from one row to the next, seen in the serial overscan.

It owns their detection in one amplifier of one frame; it must not know what is done about them.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.analyses.reasons import Reason
from calibrant.pixels.geometry import Amplifier
from calibrant.pixels.statistics import IQR_TO_SIGMA

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Shift:
    """A step of the level.

    Parameters
    ----------
    row
        First row of the new level: of the overscan in the order of its rows in the raw frame.
    size, error
        New level less old one over the window, and its standard deviation; in the unit of the frame.
    """

    row: int
    size: float
    error: float


def amplifier_shifts(
    raw: NDArray[Any], amplifier: Amplifier, *, skip: int = 3, **settings: Any
) -> tuple[Shift, ...] | Reason:
    """Find the shifts of one amplifier.

    Parameters
    ----------
    raw
        The raw frame; what is not finite is left out.
    amplifier
        Whose serial overscan is looked at.
    skip
        Overscan columns that are left out, those read first (deferred charge).
    settings
        Of :func:`bias_shifts`.

    Returns
    -------
    tuple or Reason
        The reason where there is no overscan, or too few rows of it are known.
    """
    overscan = amplifier.read_overscan(raw)
    if overscan is None:
        return Reason.NO_OVERSCAN
    pixels = overscan[:, skip:].astype(np.float64)
    if not pixels.shape[1]:
        return Reason.TOO_FEW_PIXELS
    known = np.isfinite(pixels)
    count = known.sum(axis=1)
    means = np.where(known, pixels, 0).sum(axis=1) / np.maximum(count, 1)
    return bias_shifts(np.where(count > 0, means, np.nan), **settings)


def bias_shifts(
    rows: Values, *, window: int = 30, sigma: float = 5.0, skip_rows: int = 30, flatness: float = 0.5
) -> tuple[Shift, ...] | Reason:
    """Find steps in the levels of rows.

    Before and after each row the levels of `window` rows are averaged with weights that fall linearly with the distance.
    Where their difference is largest within a window and exceeds `sigma` of its standard deviations there is a step,
    unless the levels go on in its direction on both sides: what slopes there, over a window, by more than `flatness` of
    it is a drift.

    Parameters
    ----------
    rows
        (rows,): mean overscan of each; a row that is not finite lies on the line between those around it.
    window
        Rows.
    sigma
        Standard deviations; the noise is that of the differences of neighbouring rows, which neither steps nor drifts
        enlarge.
    skip_rows
        First rows that are left out (the level settles).
    flatness
        Share of the step.

    Returns
    -------
    tuple or Reason
        In the order of the rows; the reason where there are fewer rows than two windows and those that are left out.

    Raises
    ------
    ValueError
        When `window` is below two, or `sigma` not positive.

    Notes
    -----
    eo_pipe's biasShifts has this window and these rows, 3 sigma of a high-pass filtered noise, and a flatness test. In
    2,000 rows of white noise 3 sigma find two steps, 5 sigma one in 500 frames.
    """
    if window < 2 or not sigma > 0:
        raise ValueError(f"bias shifts: window {window} must be at least 2 and sigma {sigma} positive")
    known = np.isfinite(rows)
    if known.sum() < 2 * window + skip_rows or len(rows) < 2 * window + skip_rows:
        return Reason.TOO_FEW_PIXELS
    levels = np.interp(np.arange(len(rows)), np.flatnonzero(known), rows[known])[skip_rows:]
    noise = _noise(levels)
    step, step_noise = _steps(levels, window, noise)
    significant = np.abs(step) > sigma * step_noise
    found = []
    for place in np.flatnonzero(significant):
        near = slice(max(0, place - window), place + window)
        if np.abs(step[near]).max() > np.abs(step[place]):
            continue
        row = int(place) + window
        if _is_flat(levels, row, window, flatness):
            found.append(_shift(levels, row, window, noise, skip_rows))
    return tuple(found)


def _noise(levels: Values) -> float:
    lower, upper = np.percentile(np.diff(levels), [25, 75])
    return float(IQR_TO_SIGMA * (upper - lower) / math.sqrt(2))


def _steps(levels: Values, window: int, noise: float) -> tuple[Values, float]:
    """Give the weighted difference at each row that has a window on both sides, and its standard deviation."""
    weights = np.arange(1.0, window + 1) / (window * (window + 1) / 2)
    kernel = np.concatenate([-weights, weights[::-1]])
    step = np.lib.stride_tricks.sliding_window_view(levels, 2 * window) @ kernel
    return step, noise * math.sqrt(float((kernel**2).sum()))


def _is_flat(levels: Values, row: int, window: int, flatness: float) -> bool:
    before, after = levels[row - window : row], levels[row : row + window]
    size = after.mean() - before.mean()
    places = np.arange(window) - (window - 1) / 2
    slopes = [float(places @ side) / float(places @ places) * window for side in (before, after)]
    return not all(slope * np.sign(size) > flatness * abs(size) for slope in slopes)


def _shift(levels: Values, row: int, window: int, noise: float, skipped: int) -> Shift:
    size = levels[row : row + window].mean() - levels[row - window : row].mean()
    return Shift(row + skipped, float(size), noise * math.sqrt(2 / window))
