"""What a photodiode collected during an exposure, from a table of its current against time.

It owns the integral and the dark current before and after; it must not know where tables come from.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.nonlinearity.ramp import Values
from calibrant.pixels.nonlinearity.reasons import Reason

_FEWEST_DARK: Final = 3
"""Readings without light, from which noise and dark current are known."""

_SURE: Final = 5.0
"""Standard deviations of a reading by which the light has to stand out."""


@dataclass(frozen=True)
class Charge:
    """Of one exposure.

    Parameters
    ----------
    charge, error
        Integral of the current less the dark one, and its standard deviation from the noise of the readings, in the
        unit of the current times seconds. What a constant error of the readings' clock makes of it is not in it.
    dark_current
        In the unit of the current.
    begin_s, end_s
        Between which it was integrated.
    """

    charge: float
    error: float
    dark_current: float
    begin_s: float
    end_s: float


def photodiode_charge(
    time_s: Values, current: Values, window_s: tuple[float, float] | None = None
) -> Charge | Reason:
    """Integrate a photodiode's current over an exposure, by trapezoids.

    Parameters
    ----------
    time_s
        (readings,): when, in s; in any order.
    current
        (readings,): in any unit, of either sign; NaN where a reading failed. Charge has the sign of the light's.
    window_s
        When light falls on it. None: found, from the reading before the first of more than half of the largest current
        to the one after the last; currents are taken from the mean of the first and the last reading, which are dark.

    Returns
    -------
    Charge or Reason
        NO_READING where readings do not cover the window, or none stands out by five standard deviations; NO_BASELINE
        where fewer than three are outside of it.
    """
    known = np.isfinite(time_s) & np.isfinite(current)
    order = np.argsort(time_s[known], kind="stable")
    time, reading = time_s[known][order], current[known][order]
    if time.size < 2:
        return Reason.NO_READING
    begin, end = _found(time, reading) if window_s is None else window_s
    if not time[0] <= begin < end <= time[-1]:
        return Reason.NO_READING
    dark = (time < begin) | (time > end)
    if dark.sum() < _FEWEST_DARK:
        return Reason.NO_BASELINE
    return _integral(time, reading, (begin, end), dark)


def _found(time: Values, reading: Values) -> tuple[float, float]:
    """Find the window of the light; where there is none, one of no length."""
    above = np.abs(reading - (reading[0] + reading[-1]) / 2)
    lit = np.flatnonzero(above > above.max() / 2)
    if not lit.size:
        return float(time[0]), float(time[0])
    return float(time[max(lit[0] - 1, 0)]), float(time[min(lit[-1] + 1, len(time) - 1)])


def _integral(
    time: Values, reading: Values, window: tuple[float, float], dark: NDArray[np.bool_]
) -> Charge | Reason:
    """Integrate over a window; the readings at its ends are interpolated."""
    base, duration = float(np.mean(reading[dark])), window[1] - window[0]
    spread = float(np.std(reading[dark], ddof=1))
    weight = _trapezoids(time, window)
    charge = float(weight @ reading) - base * duration
    error = spread * float(np.sqrt((weight**2).sum() + duration**2 / dark.sum()))
    if not abs(charge) > _SURE * error:
        return Reason.NO_READING
    return Charge(charge, error, base, *window)


def _trapezoids(time: Values, window: tuple[float, float]) -> Values:
    """Give what each reading counts for in the integral over a window, in s; at its ends they are interpolated."""
    nodes = np.array([window[0], *time[(time > window[0]) & (time < window[1])], window[1]])
    widths = np.diff(nodes)
    counts = (np.append(widths, 0) + np.append(0, widths)) / 2
    place = np.clip(np.searchsorted(time, nodes, side="right"), 1, len(time) - 1)
    span = time[place] - time[place - 1]
    part = (nodes - time[place - 1]) / np.where(span > 0, span, 1)
    weights = np.bincount(place, counts * part, len(time)) + np.bincount(
        place - 1, counts * (1 - part), len(time)
    )
    return np.asarray(weights, dtype=np.float64)
