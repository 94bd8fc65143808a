"""How far from linear: what a correction changes, and what is left of it once it was applied.

It owns the two measures; it must not know which limits a calibration is held to beyond those of its own test.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.linearity import DoubleSpline, Linearity, Lookup, Polynomial, Spline
from calibrant.pixels.nonlinearity.curves import Curve
from calibrant.pixels.nonlinearity.fitting import Fit, fit_linearity
from calibrant.pixels.nonlinearity.flicker import SAME_LIGHT
from calibrant.pixels.nonlinearity.ramp import Ramp
from calibrant.pixels.nonlinearity.reasons import Reason
from calibrant.pixels.nonlinearity.rules import FitRules

_SQUARED: Final = 1e-6
"""Of the coefficient of the square, at most; of the power n ``sqrt(1e-6)**n``."""

_FRACTION: Final = 0.01
"""Of a spline's value to its knot, at most."""

_ENTRY: Final = 1.0
"""Of an entry of a table to its signal, at most."""

_RULES: Final = FitRules()


@dataclass(frozen=True)
class Nonlinearity:
    """The largest deviation of the signals as they are.

    Parameters
    ----------
    percent
        Signal over corrected signal, less 1, in percent.
    at
        Signal where it is that.
    """

    percent: float
    at: float


def largest_nonlinearity(linearity: Linearity, lowest: float, highest: float) -> Nonlinearity:
    """Find where signals within a range deviate most from the corrected ones, on a grid of a thousand.

    Parameters
    ----------
    linearity
        The correction.
    lowest, highest
        Signals, in its unit: above zero, where a deviation is no fraction of anything, and ascending.

    Raises
    ------
    ValueError
        When they are not.
    """
    if not 0 < lowest < highest:
        raise ValueError(f"largest non-linearity: from {lowest} to {highest}, must ascend from above zero")
    signal = np.linspace(lowest, highest, 1000)
    percent = 100 * (signal / linearity.apply(signal)[0] - 1)
    worst = int(np.abs(percent).argmax())
    return Nonlinearity(float(percent[worst]), float(signal[worst]))


def residual_error(linearity: Linearity) -> float:
    """Give the size of a residual correction over the limit of its type, those of Rubin's cp_verify.

    Returns
    -------
    float
        At most 1 where the test passes. A spline: the largest value over its knot, by 1 %. A polynomial: the largest
        coefficient, of power n by ``sqrt(1e-6)**n``. A table: the largest entry over its signal, by 1.
    """
    if isinstance(linearity, Polynomial):
        powers = np.arange(2, 2 + len(linearity.coefficients))
        return float((np.abs(linearity.coefficients) / _SQUARED ** (powers / 2)).max())
    if isinstance(linearity, Lookup):
        signal = np.arange(linearity.first, linearity.first + linearity.table.size)
        return float(np.abs(linearity.table[signal > 0] / signal[signal > 0]).max(initial=0)) / _ENTRY
    if isinstance(linearity, DoubleSpline):
        return max(residual_error(linearity.first), residual_error(linearity.second))
    return _of_spline(linearity)


def _of_spline(spline: Spline) -> float:
    knots, values = np.array(spline.knots), np.array(spline.values)
    return float(np.abs(values[knots > 0] / knots[knots > 0]).max(initial=0)) / _FRACTION


def refit(
    ramp: Ramp, linearities: tuple[Linearity | None, ...], curve: Curve, rules: FitRules = _RULES
) -> tuple[Fit | Reason | None, ...]:
    """Correct a ramp and fit it again: what is found is the residual correction, for :func:`residual_error`.

    Parameters
    ----------
    ramp
        Signals and light; better not those that the corrections come from.
    linearities
        Of each amplifier; None where there is none.
    curve, rules
        As for :func:`fit_linearity`.

    Returns
    -------
    tuple
        As of :func:`fit_linearity`; None where there is no correction.
    """
    signal = np.array(
        [one if by is None else by.apply(one)[0] for one, by in zip(ramp.signal, linearities, strict=True)]
    ).reshape(ramp.signal.shape)
    fits = fit_linearity(replace(ramp, signal=signal), curve, rules)
    return tuple(None if by is None else fit for fit, by in zip(fits, linearities, strict=True))


def halves(ramp: Ramp) -> tuple[Ramp, Ramp]:
    """Split a ramp so that one half can test what comes out of the other.

    Exposures of each filter are taken in the order of their light, repeats of one light in the order in which they
    stand, and dealt out in turn: the halves have the same levels where each was repeated.
    """
    lit = np.nan_to_num(ramp.light) > 0
    level = np.round(np.log(np.where(lit, ramp.light, 1)) / SAME_LIGHT)
    order = np.lexsort((np.arange(len(level)), level, ramp.groups))
    dealt = np.zeros(len(order), np.bool_)
    for group in np.unique(ramp.groups):
        dealt[order[ramp.groups[order] == group][1::2]] = True
    return _of(ramp, ~dealt), _of(ramp, dealt)


def _of(ramp: Ramp, chosen: NDArray[np.bool_]) -> Ramp:
    """Give some exposures of a ramp."""
    beside = {name: getattr(ramp, name) for name in ("light_error", "filters", "brightness")}
    return Ramp(
        ramp.light[chosen],
        ramp.signal[:, chosen],
        ramp.error[:, chosen],
        **{name: one if one is None else one[chosen] for name, one in beside.items()},
    )
