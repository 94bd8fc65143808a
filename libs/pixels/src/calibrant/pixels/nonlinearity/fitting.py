"""Fits of linearity: a curve through the signals of each amplifier against the light.

It owns the clipping and what comes out of a fit; it must not know files, or where light and signals come from.
"""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.clipping import MAD_TO_SIGMA
from calibrant.pixels.linearity import Linearity
from calibrant.pixels.nonlinearity.curves import Curve
from calibrant.pixels.nonlinearity.points import Points, is_flat
from calibrant.pixels.nonlinearity.ramp import Ramp, Values
from calibrant.pixels.nonlinearity.reasons import Reason
from calibrant.pixels.nonlinearity.rules import FitRules
from calibrant.pixels.nonlinearity.solving import Fractions, Solved, solve

_GRID: Final = np.linspace(0, 1, 65)
"""Where a curve is asked whether it rises."""

_RULES: Final = FitRules()


@dataclass(frozen=True, eq=False)
class Fit:
    """The linearity of an amplifier.

    Parameters
    ----------
    linearity
        What makes its signals linear, in their unit.
    names, values, covariance
        (P,), (P,) and (P, P), of the parameters: of the curve (coefficients, or what is too much at a knot, in units of
        the signal), "response" (signal for each unit of light at the scale of the corrected ones; one for each filter
        where there are several), and "light offset" (in the unit of the light) where it was fitted.
    chi2, dof
        Sum of squared residuals over their variances; points less parameters.
    residual
        (exposures,): corrected signal over what the light would give, less 1. NaN where there is no signal or light.
    kept
        (exposures,): which points were fitted.
    highest
        Signal up to which it was fitted.
    largest_deviation
        Largest residual of the points fitted, without its sign.
    within_limit
        Whether that is no more than the rules allow.
    """

    linearity: Linearity
    names: tuple[str, ...]
    values: Values
    covariance: Values
    chi2: float
    dof: int
    residual: Values
    kept: NDArray[np.bool_]
    highest: float
    largest_deviation: float
    within_limit: bool

    @property
    def errors(self) -> Values:
        """(P,): standard deviations of the parameters."""
        return np.sqrt(np.diagonal(self.covariance))

    def parameter(self, name: str) -> tuple[float, float]:
        """Give a parameter and its standard deviation."""
        place = self.names.index(name)
        return float(self.values[place]), float(self.errors[place])


def fit_linearity(ramp: Ramp, curve: Curve, rules: FitRules = _RULES) -> tuple[Fit | Reason, ...]:
    """Fit, for each amplifier, the correction that makes its signals proportional to the light.

    The curve and the responses of the filters are fitted together, so signals that several filters have in common tie
    them. Residuals are weighed with the errors of signal and light. The errors of what is fitted are those of the least
    squares; what the exposures of all amplifiers have in common (a lamp that flickers) moves all of them together.

    Parameters
    ----------
    ramp
        Signals and light.
    curve
        What is fitted: a :class:`PolynomialCurve` or a :class:`SplineCurve`.
    rules
        Range, clipping, limits.

    Returns
    -------
    tuple
        For each amplifier a :class:`Fit`, or the reason why there is none.
    """
    points = Points(ramp, rules)
    kept = points.within & points.lit
    parameters = len(_names(curve, ramp, rules))
    found: dict[int, Fit | Reason] = {}
    for one, mine in enumerate(kept):
        reason = points.lacking(one, mine, parameters)
        if reason is None and is_flat(points.stalls(one, mine)):
            reason = Reason.NOT_RISING
        if reason is not None:
            found[one] = reason
    while open_ := [one for one in range(len(kept)) if one not in found]:
        solved, top = _solved(points, curve, open_, kept)
        leave = _outliers(solved, kept[open_], rules.sigma)
        kept[open_] &= ~leave
        for place, one in enumerate(open_):
            if not leave[place].any():
                mine = _Amplifier(points, one, kept[one], float(top[place]))
                found[one] = _result(mine, curve, _taken(solved, place))
            elif reason := points.lacking(one, kept[one], parameters):
                found[one] = reason
    return tuple(found[one] for one in range(len(kept)))


def _names(curve: Curve, ramp: Ramp, rules: FitRules) -> tuple[str, ...]:
    filters = int(ramp.groups.max(initial=0)) + 1
    responses = ("response",) if filters == 1 else tuple(f"response {one}" for one in range(filters))
    return (*curve.names, *responses, *(("light offset",) if rules.light_offset else ()))


def _solved(
    points: Points, curve: Curve, chosen: list[int], kept: NDArray[np.bool_]
) -> tuple[Solved, Values]:
    """Solve for some amplifiers; also give the highest signal of each."""
    ramp, rules, mine = points.ramp, points.rules, kept[chosen]
    signal, sigma = (np.where(mine, one[chosen], 0) for one in (ramp.signal, ramp.error))
    top = signal.max(axis=1, keepdims=True)
    light, light_sigma = (
        np.where(mine.any(axis=0), one, 0) / points.brightest for one in (ramp.light, ramp.light_sigma)
    )
    sigma = np.where(mine, sigma, top) / top
    fractions = Fractions(signal / top, sigma, light, light_sigma, ramp.offset_shares, ramp.groups, mine)
    return solve(fractions, curve, light_offset=rules.light_offset, iterations=rules.iterations), top[:, 0]


def _outliers(solved: Solved, kept: NDArray[np.bool_], sigma: float) -> NDArray[np.bool_]:
    """Say which points are too far off; of several the worst ones first, for they draw the curve to them."""
    off = np.where(kept, np.abs(solved.pulls), np.nan)
    scatter = np.maximum(MAD_TO_SIGMA * np.nanmedian(off, axis=1), 1)
    bound = np.maximum(sigma * scatter, np.nanmax(off, axis=1) / 2)
    sound = solved.settled & ~solved.singular
    far: NDArray[np.bool_] = (np.where(kept, off, 0) > bound[:, None]) & sound[:, None]
    return far


def _taken(solved: Solved, place: int) -> Solved:
    """Take the numbers of one amplifier."""
    return Solved(**{one.name: getattr(solved, one.name)[place] for one in fields(solved)})


@dataclass(frozen=True, eq=False)
class _Amplifier:
    """One of a ramp: its number, the exposures kept, its highest signal."""

    points: Points
    number: int
    kept: NDArray[np.bool_]
    top: float


def _result(mine: _Amplifier, curve: Curve, solved: Solved) -> Fit | Reason:
    """Make a fit of the numbers of one amplifier, unless they cannot be right."""
    factors = solved.values[: len(curve.names)]
    if solved.singular:
        return Reason.TOO_FEW_POINTS
    if not solved.settled:
        return Reason.NO_CONVERGENCE
    falls = (np.diff(_GRID + curve.shapes(_GRID) @ factors) <= 0).any()
    if falls or mine.points.stalls(mine.number, mine.kept).any():
        return Reason.NOT_RISING
    return _fit(mine, curve, solved)


def _fit(mine: _Amplifier, curve: Curve, solved: Solved) -> Fit:
    ramp, rules, size = mine.points.ramp, mine.points.rules, solved.values.size
    brightest, responses = mine.points.brightest, size - len(curve.names) - int(rules.light_offset)
    scales = [*curve.scales(mine.top), *[mine.top / brightest] * responses, brightest][:size]
    values, dof = solved.values * scales, int(mine.kept.sum()) - size
    inflated = float(solved.chi2) / dof if rules.rescale else 1.0
    linearity = curve.linearity(values[: len(curve.names)], mine.top)
    light = ramp.light + (values[-1] if rules.light_offset else 0) * ramp.offset_shares
    due = values[len(curve.names) :][ramp.groups] * np.where(mine.points.lit, light, np.nan)
    signal = ramp.signal[mine.number]
    residual = linearity.apply(np.where(np.isfinite(signal), signal, np.nan))[0] / due - 1
    worst = float(np.abs(residual[mine.kept]).max())
    return Fit(
        linearity=linearity,
        names=_names(curve, ramp, rules),
        values=values,
        covariance=solved.covariance * np.outer(scales, scales) * inflated,
        chi2=float(solved.chi2),
        dof=dof,
        residual=residual,
        kept=mine.kept.copy(),
        highest=mine.top,
        largest_deviation=worst,
        within_limit=worst <= rules.max_deviation,
    )
