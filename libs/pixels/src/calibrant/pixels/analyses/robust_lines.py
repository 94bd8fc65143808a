"""A straight line through values with errors, some of which are wrong.

It owns the fit; it must not know what the values are.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.analyses.reasons import Reason
from calibrant.pixels.clipping import MAD_TO_SIGMA

Values = NDArray[np.float64]

FEWEST: Final = 3

MOST_IN_PAIRS: Final = 400
"""Values of which all pairs are made: they grow with the square."""


@dataclass(frozen=True)
class Line:
    """``y = offset + slope x``.

    Parameters
    ----------
    slope, slope_error
        In the unit of y over that of x, and its standard deviation.
    offset, offset_error
        In the unit of y.
    chi2
        Of the values that were kept, with the errors as given.
    free
        Degrees of freedom.
    n_rejected
        Values that were left out.
    """

    slope: float
    slope_error: float
    offset: float
    offset_error: float
    chi2: float
    free: int
    n_rejected: int


def robust_line(x: Values, y: Values, errors: Values, sigma: float = 5.0) -> Line | Reason:
    """Fit a line that up to a quarter of wrong values does not bend.

    The median slope of all pairs (of many values: of those of 400, evenly over x) and the median offset come first
    (Theil and Sen). Values further off than `sigma`
    times the larger of their error and the robust scatter are left out, and the others fitted by weighted least squares.

    Parameters
    ----------
    x, y, errors
        (n,); what is not finite is left out, and what has no positive error.
    sigma
        Of the rejection.

    Returns
    -------
    Line or Reason
        Errors are those that `errors` give, or more where the values scatter more (times the root of chi square by
        degree of freedom). The reason where fewer than three values, or one x, are left.
    """
    known = np.isfinite(x) & np.isfinite(y) & np.isfinite(errors) & (errors > 0)
    x, y, errors = x[known], y[known], errors[known]
    if len(x) < FEWEST:
        return Reason.TOO_FEW_FRAMES
    if not np.ptp(x) > 0:
        return Reason.ONE_TIME
    left = y - _median_slope(x, y) * x
    left = (left - np.median(left)) / errors
    spread = max(1.0, MAD_TO_SIGMA * float(np.median(np.abs(left))))
    kept = np.abs(left) <= sigma * spread
    if kept.sum() < FEWEST or not np.ptp(x[kept]) > 0:
        return Reason.TOO_FEW_FRAMES
    return _least_squares(x[kept], y[kept], errors[kept], int((~kept).sum()))


def _median_slope(x: Values, y: Values) -> float:
    places = np.linspace(0, len(x) - 1, min(len(x), MOST_IN_PAIRS)).astype(np.intp)
    chosen = np.argsort(x, kind="stable")[places]
    one, other = chosen[np.stack(np.triu_indices(len(chosen), 1))]
    apart = x[one] != x[other]
    return float(np.median((y[other] - y[one])[apart] / (x[other] - x[one])[apart]))


def _least_squares(x: Values, y: Values, errors: Values, n_rejected: int) -> Line:
    weights = errors**-2
    total = weights.sum()
    centre = (weights * x).sum() / total
    spread = (weights * (x - centre) ** 2).sum()
    slope = (weights * (x - centre) * y).sum() / spread
    level = (weights * y).sum() / total
    offset = level - slope * centre
    chi2, free = float((weights * (y - offset - slope * x) ** 2).sum()), len(x) - 2
    wider = math.sqrt(max(1.0, chi2 / free))
    return Line(
        float(slope),
        wider / math.sqrt(spread),
        float(offset),
        wider * math.sqrt(1 / total + centre**2 / spread),
        chi2,
        free,
        n_rejected,
    )
