"""How the brightness of a lamp drifts, from exposures of the same light in between.

It owns the two ways to know it at other times; it must not know what those were exposed for. A light that is multiplied
by the brightness is what a detector got.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.nonlinearity.least_squares import Solution, least_squares
from calibrant.pixels.nonlinearity.ramp import Values
from calibrant.pixels.nonlinearity.reasons import Reason


@dataclass(frozen=True, eq=False)
class Drift:
    """Brightness of a lamp at a number of times.

    Parameters
    ----------
    brightness, error
        (times,), and its standard deviation: relative to the mean of the bracketing exposures.
    bracketed
        (times,): whether it lies between two bracketing exposures. Elsewhere brightness is that of the nearest one, or
        what the polynomial says.
    stability_percent
        Standard deviation of the bracketing exposures, over their mean.
    kept
        (brackets,): those that were used.
    """

    brightness: Values
    error: Values
    bracketed: NDArray[np.bool_]
    stability_percent: float
    kept: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Brackets:
    """Exposures of the same light, taken again and again.

    Parameters
    ----------
    time_s
        (brackets,): when, in s from any moment.
    level
        (brackets,): what they measured, in any unit; NaN where there is nothing.
    error
        (brackets,): standard deviations, above zero.
    """

    time_s: Values
    level: Values
    error: Values

    @property
    def usable(self) -> NDArray[np.bool_]:
        """(brackets,): there is a level."""
        known: NDArray[np.bool_] = np.isfinite(self.time_s) & np.isfinite(self.level) & (self.error > 0)
        return known & (np.where(known, self.level, 0) > 0)


def common_level(signal: Values, error: Values) -> tuple[Values, Values]:
    """Make of the signals of all amplifiers in exposures of the same light one level for each exposure.

    Parameters
    ----------
    signal, error
        (amplifiers, exposures), in any unit, and their standard deviations; NaN where there is none. Amplifiers that lack
        an exposure that others have do not count, nor do those that saw no light.

    Returns
    -------
    tuple
        (exposures,): mean over amplifiers, weighted with their errors, of each one's signals over their mean; and its
        standard deviation. NaN where no amplifier has a signal.
    """
    known = np.isfinite(signal) & (np.nan_to_num(error) > 0)
    exposures = known.any(axis=0)
    whole = known[:, exposures].all(axis=1) & (np.where(known, signal, 0).sum(axis=1) > 0)
    level = np.full((2, signal.shape[1]), np.nan)
    if whole.any() and exposures.any():
        chosen = np.ix_(whole, exposures)
        mean = signal[chosen].mean(axis=1, keepdims=True)
        weight = (mean / error[chosen]) ** 2
        total = weight.sum(axis=0)
        level[:, exposures] = (weight * signal[chosen] / mean).sum(axis=0) / total, total**-0.5
    return level[0], level[1]


def interpolated_drift(brackets: Brackets, at_s: Values) -> Drift | Reason:
    """Interpolate between the brackets before and after each time, in a straight line.

    Parameters
    ----------
    brackets
        Two or more.
    at_s
        (times,): when brightness is asked for, on the clock of the brackets.

    Returns
    -------
    Drift or Reason
        TOO_FEW_POINTS with fewer than two brackets.
    """
    kept = brackets.usable
    order = np.flatnonzero(kept)[np.argsort(brackets.time_s[kept], kind="stable")]
    if order.size < 2:
        return Reason.TOO_FEW_POINTS
    time, level, error = (one[order] for one in (brackets.time_s, brackets.level, brackets.error))
    after = np.clip(np.searchsorted(time, at_s, side="right"), 1, len(time) - 1)
    span = time[after] - time[after - 1]
    part = np.clip((at_s - time[after - 1]) / np.where(span > 0, span, 1), 0, 1)
    shares = np.zeros((len(at_s), len(time)))
    rows = np.arange(len(at_s))
    shares[rows, after - 1], shares[rows, after] = 1 - part, part
    return _drift(
        brackets, kept, at_s, _Linear(shares, np.full(len(time), 1 / len(time)), level, np.diag(error**2))
    )


def polynomial_drift(brackets: Brackets, at_s: Values, degree: int = 2, sigma: float = 3.0) -> Drift | Reason:
    """Fit a polynomial of time to the brackets, clipped at `sigma` standard deviations of their scatter.

    Parameters
    ----------
    brackets
        More than `degree` + 1.
    at_s
        (times,): when brightness is asked for, on the clock of the brackets.
    degree, sigma
        2 and 3 are those of the two-filter measurement of ESA's VIS campaign (NL02).

    Returns
    -------
    Drift or Reason
        TOO_FEW_POINTS where brackets do not determine the polynomial. Errors are those that the scatter shows, or those
        of the brackets where these are larger.
    """
    kept = brackets.usable
    if kept.sum() < degree + 2:
        return Reason.TOO_FEW_POINTS
    middle, half = float(np.mean(brackets.time_s[kept])), float(np.ptp(brackets.time_s[kept])) or 1.0
    powers = np.arange(degree + 1)
    design = ((np.where(kept, brackets.time_s, middle) - middle) / half)[:, None] ** powers
    leave = np.zeros_like(kept)
    while True:  # each round leaves out one exposure or more
        kept &= ~leave
        if kept.sum() < degree + 2:
            return Reason.TOO_FEW_POINTS
        found, pulls, scatter = _polynomial(brackets, design, kept)
        if found.singular[0]:
            return Reason.TOO_FEW_POINTS
        leave = kept & (np.abs(pulls) > sigma * scatter)
        if not leave.any():
            break
    rates, mean = ((at_s - middle) / half)[:, None] ** powers, design[kept].mean(axis=0)
    covariance = found.covariance[0] * max(scatter, 1.0) ** 2
    return _drift(brackets, kept, at_s, _Linear(rates, mean, found.values[0], covariance))


def _polynomial(
    brackets: Brackets, design: Values, kept: NDArray[np.bool_]
) -> tuple[Solution, Values, float]:
    """Fit; also give residuals over their errors, and how much they scatter."""
    level, weight = np.where(kept, brackets.level, 0), kept / np.where(kept, brackets.error, 1)
    found = least_squares(design[None], level[None], weight[None])
    pulls = (level - design @ found.values[0]) * weight
    return found, pulls, float(np.sqrt((pulls**2).sum() / (kept.sum() - design.shape[1])))


@dataclass(frozen=True, eq=False)
class _Linear:
    """Levels at some times, and their mean over the brackets, as sums of the same numbers of known covariance."""

    rates: Values
    mean: Values
    numbers: Values
    covariance: Values

    def relative(self) -> tuple[Values, Values]:
        """Give the levels over the mean, and their standard deviations: the mean has a share in both."""
        mean = float(self.mean @ self.numbers)
        relative = self.rates @ self.numbers / mean
        slopes = (self.rates - relative[:, None] * self.mean) / mean
        return relative, np.sqrt(((slopes @ self.covariance) * slopes).sum(axis=1))


def _drift(brackets: Brackets, kept: NDArray[np.bool_], at_s: Values, levels: _Linear) -> Drift:
    used, time = brackets.level[kept], brackets.time_s[kept]
    bracketed = (at_s >= time.min()) & (at_s <= time.max())
    return Drift(*levels.relative(), bracketed, float(100 * used.std(ddof=1) / used.mean()), kept)
