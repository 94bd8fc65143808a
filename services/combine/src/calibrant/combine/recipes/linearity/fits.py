"""The fits of a linearity, of whatever curve, in one form; and what the residual test says. Must not know frames or tables."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.combine.recipes.base import RecipeRefused
from calibrant.combine.recipes.linearity.parameters import LinearityParameters
from calibrant.pixels import Linearity
from calibrant.pixels.nonlinearity import (
    Curve,
    DoubleFit,
    Fit,
    FitRules,
    PolynomialCurve,
    Ramp,
    Reason,
    SplineCurve,
    fit_double_spline,
    fit_linearity,
    halves,
    largest_nonlinearity,
    refit,
    residual_error,
    tabulate,
)

Values = NDArray[np.float64]

BELOW_ZERO: Final = 200
"""Entries of a lookup below zero, in ADU: where the noise of a bias reaches."""

FROM: Final = 0.01
"""Of the highest signal: where the largest deviation is looked for from."""


@dataclass(frozen=True, eq=False, slots=True)
class Measured:
    """The linearity of an amplifier.

    Parameters
    ----------
    linearity : Linearity
        In ADU.
    coefficient_errors : ndarray
        Standard deviations of a polynomial's coefficients; of other curves empty.
    responses, response_errors : ndarray
        (filters,): ADU for each unit of light.
    offset, offset_error : float
        Of the light, in its unit; NaN where it was not fitted.
    chi2, dof
        Of the fit; of a double spline that against the reference amplifier.
    residual : ndarray
        (exposures,): corrected signal over what the light gives, less 1; NaN where there is no signal or light.
    kept : ndarray
        (exposures,): points that were fitted.
    highest : float
        Highest signal that was, in ADU.
    reference : bool
        Whether a double spline compares the others with this one.
    """

    linearity: Linearity
    coefficient_errors: Values
    responses: Values
    response_errors: Values
    offset: float
    offset_error: float
    chi2: float
    dof: int
    residual: Values
    kept: NDArray[np.bool_]
    highest: float
    reference: bool = False

    @property
    def deviation(self) -> float:
        """Largest residual of the points fitted, without its sign."""
        return float(np.nanmax(np.abs(self.residual[self.kept])))

    @property
    def largest(self) -> tuple[float, float]:
        """Largest deviation of the signals as they are, in percent, and the signal where it is that, in ADU."""
        found = largest_nonlinearity(self.linearity, FROM * self.highest, self.highest)
        return found.percent, found.at


@dataclass(frozen=True, slots=True)
class Residual:
    """What is left of an amplifier's non-linearity, in exposures that its correction does not come from.

    Parameters
    ----------
    error : float
        Size of the correction that they still want, over the limit of its curve.
    percent : float
        Largest deviation of their corrected signals.
    """

    error: float
    percent: float


def measured(
    names: tuple[str, ...], ramp: Ramp, parameters: LinearityParameters, rules: FitRules
) -> tuple[Measured | Reason, ...]:
    """Fit the curve that the parameters ask for to every amplifier.

    Raises
    ------
    RecipeRefused
        The reference amplifier is none of the detector's.
    """
    curve = _curve(ramp, parameters, rules)
    if parameters.curve == "double-spline" and isinstance(curve, SplineCurve):
        return _doubly(names, ramp, curve, parameters.reference, rules)
    found = fit_linearity(ramp, curve, rules)
    single = tuple(one if isinstance(one, Reason) else _single(one) for one in found)
    if parameters.curve != "lookup":
        return single
    return tuple(one if isinstance(one, Reason) else _tabulated(one) for one in single)


def _curve(ramp: Ramp, parameters: LinearityParameters, rules: FitRules) -> Curve:
    shape = parameters.table_of if parameters.curve == "lookup" else parameters.curve
    if shape == "polynomial":
        return PolynomialCurve(parameters.order)
    signal = np.nan_to_num(ramp.signal)
    used = ((signal >= rules.lowest) & (signal <= rules.highest)).any(axis=0)
    return SplineCurve.spread(np.where(used, ramp.light, np.nan), parameters.knots)


def _single(fit: Fit) -> Measured:
    """Give a fit in our form."""
    named = dict(zip(fit.names, zip(fit.values.tolist(), fit.errors.tolist(), strict=True), strict=True))
    responses = np.array([both for name, both in named.items() if name.startswith("response")])
    offset = named.get("light offset", (np.nan, np.nan))
    return Measured(
        linearity=fit.linearity,
        coefficient_errors=np.array([both[1] for name, both in named.items() if name.startswith("c")]),
        responses=responses[:, 0],
        response_errors=responses[:, 1],
        offset=offset[0],
        offset_error=offset[1],
        chi2=fit.chi2,
        dof=fit.dof,
        residual=fit.residual,
        kept=fit.kept,
        highest=fit.highest,
    )


def _tabulated(found: Measured) -> Measured:
    table = tabulate(found.linearity, -BELOW_ZERO, int(np.ceil(found.highest)) + 1)
    return replace(found, linearity=table, coefficient_errors=np.zeros(0))


def _doubly(
    names: tuple[str, ...], ramp: Ramp, curve: SplineCurve, reference: str | None, rules: FitRules
) -> tuple[Measured | Reason, ...]:
    """Fit double splines against the amplifier that is named, or the first one that has a fit."""
    if reference is not None and reference not in names:
        raise RecipeRefused(f"linearity.reference: no amplifier {reference!r}; there are {', '.join(names)}")
    own: list[Reason] = []
    for one in range(len(names)) if reference is None else [names.index(reference)]:
        found = fit_double_spline(ramp, one, curve, rules)
        fit = found[one]
        if isinstance(fit, DoubleFit) or reference is not None:
            return tuple(
                each if isinstance(each, Reason) else _double(each, ramp, number)
                for number, each in enumerate(found)
            )
        own.append(fit)
    return tuple(own)


def _double(fit: DoubleFit, ramp: Ramp, number: int) -> Measured:
    """Give a fit by way of a reference in our form."""
    own, whole = fit.relative or fit.absolute, _single(fit.absolute)
    ratio, error = (1.0, 0.0) if fit.relative is None else fit.relative.parameter("response")
    responses = ratio * whole.responses
    light = ramp.light + np.nan_to_num(whole.offset) * ramp.offset_shares
    due = responses[ramp.groups] * np.where(light > 0, light, np.nan)
    return replace(
        whole,
        linearity=fit.linearity,
        responses=responses,
        response_errors=np.hypot(ratio * whole.response_errors, error * whole.responses),
        chi2=own.chi2,
        dof=own.dof,
        residual=fit.linearity.apply(ramp.signal[number])[0] / due - 1,
        kept=own.kept,
        highest=own.highest,
        reference=fit.relative is None,
    )


def residuals(
    names: tuple[str, ...], ramp: Ramp, parameters: LinearityParameters, rules: FitRules
) -> tuple[Residual | Reason, ...]:
    """Correct one half of the exposures by what the other half says, and fit what is left."""
    first, second = halves(ramp)
    found = measured(names, first, parameters, rules)
    by = tuple(None if isinstance(one, Reason) else one.linearity for one in found)
    left = refit(second, by, _curve(second, parameters, rules), rules)
    return tuple(_residual(one, of) for one, of in zip(found, left, strict=True))


def _residual(found: Measured | Reason, left: Fit | Reason | None) -> Residual | Reason:
    if isinstance(found, Reason):
        return found
    if left is None or isinstance(left, Reason):
        return left or Reason.TOO_FEW_POINTS
    deviation = largest_nonlinearity(left.linearity, FROM * left.highest, left.highest)
    return Residual(residual_error(left.linearity), abs(deviation.percent))
