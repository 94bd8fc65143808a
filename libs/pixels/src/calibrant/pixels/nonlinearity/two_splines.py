"""Fits of two splines: an amplifier against another one, and that one against the light.

It owns the pairing of the two; it must not know how either is fitted. What makes the lamp flicker is the same in both
amplifiers of an exposure, so the first spline is free of it.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from calibrant.pixels.linearity import DoubleSpline, Spline
from calibrant.pixels.nonlinearity.curves import SplineCurve
from calibrant.pixels.nonlinearity.fitting import Fit, fit_linearity
from calibrant.pixels.nonlinearity.ramp import Ramp
from calibrant.pixels.nonlinearity.reasons import Reason
from calibrant.pixels.nonlinearity.rules import FitRules

_RULES: Final = FitRules()
_CURVE: Final = SplineCurve()


@dataclass(frozen=True, eq=False)
class DoubleFit:
    """The linearity of an amplifier by way of a reference amplifier.

    Parameters
    ----------
    linearity
        What makes its signals linear, in their unit.
    relative
        Fit against the signals of the reference amplifier, of which "response" is the ratio; None for the reference.
    absolute
        Fit of the reference amplifier against the light, in the unit of its own signals. The two fits share the
        reference's noise, which is the photons' of one amplifier; their errors are each right by themselves.
    """

    linearity: DoubleSpline
    relative: Fit | None
    absolute: Fit


def fit_double_spline(
    ramp: Ramp, reference: int, curve: SplineCurve = _CURVE, rules: FitRules = _RULES
) -> tuple[DoubleFit | Reason, ...]:
    """Fit, for each amplifier, a spline against a reference amplifier, and the reference against the light.

    Parameters
    ----------
    ramp
        Signals and light.
    reference
        Number of the amplifier that others are compared with: one that is linear over the whole range.
    curve
        Knots of both splines.
    rules
        Of both; the offset of the light belongs to the second.

    Returns
    -------
    tuple
        For each amplifier a :class:`DoubleFit`, or the reason why there is none: NO_REFERENCE for all others where the
        reference has no fit.
    """
    only = replace(ramp, signal=ramp.signal[[reference]], error=ramp.error[[reference]])
    absolute = fit_linearity(only, curve, rules)[0]
    if isinstance(absolute, Reason):
        return tuple(absolute if one == reference else Reason.NO_REFERENCE for one in range(len(ramp.signal)))
    relative = fit_linearity(_against(ramp, reference, rules), curve, replace(rules, light_offset=False))
    return tuple(_joined(None if one == reference else fit, absolute) for one, fit in enumerate(relative))


def _against(ramp: Ramp, reference: int, rules: FitRules) -> Ramp:
    """Give the ramp with the reference's signals as the light."""
    signal, error = ramp.signal[reference], ramp.error[reference]
    within = (signal >= rules.lowest) & (signal <= rules.highest)
    return Ramp(np.where(within, signal, np.nan), ramp.signal, ramp.error, np.where(within, error, np.nan))


def _joined(relative: Fit | Reason | None, absolute: Fit) -> DoubleFit | Reason:
    if isinstance(relative, Reason):
        return Reason.TOO_FEW_POINTS if relative is Reason.NO_READING else relative
    assert isinstance(absolute.linearity, Spline)
    first, ratio = Spline(absolute.linearity.knots, (0.0,) * len(absolute.linearity.knots)), 1.0
    if relative is not None:
        assert isinstance(relative.linearity, Spline)
        first, ratio = relative.linearity, relative.parameter("response")[0]
    second = Spline(*(tuple(ratio * one for one in numbers) for numbers in _numbers(absolute.linearity)))
    return DoubleFit(DoubleSpline(first, second), relative, absolute)


def _numbers(spline: Spline) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return spline.knots, spline.values
