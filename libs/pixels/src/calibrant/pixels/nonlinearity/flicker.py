"""How much a lamp, and whatever else all amplifiers share, differs between exposures that should be the same.

It owns the scatter beyond that of the signals' own errors; it must not know curves. It is what the light's error has to
be where nothing but the exposure time is known of it.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.nonlinearity.points import Points
from calibrant.pixels.nonlinearity.ramp import Ramp
from calibrant.pixels.nonlinearity.reasons import Reason
from calibrant.pixels.nonlinearity.rules import FitRules

SAME_LIGHT: Final = 1e-3
"""Lights that differ by less, as a fraction, are meant to be the same."""

_RULES: Final = FitRules()


def flicker(ramp: Ramp, rules: FitRules = _RULES) -> float | Reason:
    """Measure the scatter of the light between repeated exposures, as a fraction.

    Each repeat has the mean, over amplifiers and weighted with their errors, of signal over light; the variance of these
    about their own mean, less what the errors of the signals make of it, is pooled over all lights that were repeated.

    Parameters
    ----------
    ramp
        Signals and light: exposure times, of which at least one occurs twice.
    rules
        Range of the signals. Outliers are not clipped.

    Returns
    -------
    float or Reason
        Standard deviation over light, 0 where signals scatter by no more than their errors: times the light it is
        `light_error`. TOO_FEW_POINTS where nothing was repeated.
    """
    points = Points(ramp, rules)
    kept = points.within & points.lit
    excess, freedom = 0.0, 0
    for same in _repeats(ramp, points.lit):
        amplifiers = np.logical_and.reduce(kept[:, same], axis=1)
        if amplifiers.any():
            excess += _excess(ramp, amplifiers, same)
            freedom += len(same) - 1
    return float(np.sqrt(max(excess, 0) / freedom)) if freedom else Reason.TOO_FEW_POINTS


def _repeats(ramp: Ramp, lit: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Give the exposures of each light and filter that has several."""
    places = np.round(np.log(np.where(lit, ramp.light, 1)) / SAME_LIGHT)
    _, number = np.unique(np.stack([ramp.groups, places]), axis=1, return_inverse=True)
    alike = [np.flatnonzero(lit & (number.ravel() == one)) for one in range(int(number.max(initial=-1)) + 1)]
    return [one for one in alike if len(one) > 1]


def _excess(ramp: Ramp, amplifiers: NDArray[np.bool_], same: NDArray[np.intp]) -> float:
    """Give the sum of squares beyond the signals' own, of repeats of the same light."""
    chosen = np.ix_(amplifiers, same)
    ratio = ramp.signal[chosen] / ramp.light[same]
    fraction = ratio / ratio.mean(axis=1, keepdims=True)
    weight = ((ramp.signal[chosen] / ramp.error[chosen]) ** 2).mean(axis=1)
    common = weight @ fraction / weight.sum()
    return float(((common - common.mean()) ** 2).sum() - (len(same) - 1) / weight.sum())
