"""Exponential decays, with or without an oscillation, fitted to several series of values at once.

It owns the least squares and the errors; it must not know what decays, in space or in time.
"""

import enum
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.levenberg_marquardt import Law, Observed, Solved, least_squares

Values = NDArray[np.float64]

SIGNIFICANT: Final = {2: 11.83, 4: 16.25}
"""Decrease of chi square that so many parameters give by chance in 0.3 % of the cases."""

LONGEST: Final = 10.0
"""Length at which a decay is none, over the longest at which the search begins."""


class Unfitted(enum.StrEnum):
    """Why there is no decay."""

    TOO_FEW = "there are fewer values than parameters"
    INSIGNIFICANT = "no significant decay"
    NOT_CONVERGED = "the fit did not converge"


@dataclass(frozen=True, eq=False)
class Decay:
    """``(scale cos(wave x) + sine sin(wave x)) exp(-x / length)``, of a level of 1.

    Parameters
    ----------
    scale, sine
        Share of the level; `sine` is 0 without an oscillation.
    length
        In which it falls to 1/e, in the unit of x.
    wave
        Radians in the unit of x, below pi; 0 without an oscillation.
    covariance
        Of (scale, length) or, with an oscillation, of (scale, sine, length, wave).
    chi2
        Of the residuals.
    free
        Degrees of freedom.
    """

    scale: float
    sine: float
    length: float
    wave: float
    covariance: Values
    chi2: float
    free: int

    @property
    def parameters(self) -> Values:
        """As the covariance has them."""
        if self.wave:
            return np.array([self.scale, self.sine, self.length, self.wave])
        return np.array([self.scale, self.length])

    @property
    def errors(self) -> Values:
        """Standard deviations of the parameters."""
        return np.sqrt(np.diag(self.covariance))

    def at(self, places: Values) -> Values:
        """Give the curve of a level of 1."""
        return _curve(self.parameters, places)

    def summed(self, places: Values, weights: Values) -> tuple[float, float]:
        """Give the weighted sum over some places, of a level of 1, and its standard deviation."""
        slope = _slopes(self.parameters, places) @ weights
        return float(self.at(places) @ weights), math.sqrt(float(slope @ self.covariance @ slope))


def fit_decay(
    values: Values,
    errors: Values,
    levels: Values,
    places: Values,
    *,
    lengths: Sequence[float],
    waves: Sequence[float] = (),
) -> Decay | Unfitted:
    """Fit one decay, proportional to a level, and a pedestal of each series.

    Parameters
    ----------
    values, errors
        (series, places), and their standard deviations without what all values of a series share.
    levels
        (series,): what the decay is proportional to.
    places
        (places,): x.
    lengths, waves
        Where the search begins; no waves: a decay without an oscillation.

    Notes
    -----
    Linear parameters are solved for at the places of the grid of the others; Levenberg's and Marquardt's steps from the
    best of them find the least squares of all.
    """
    count = 4 if waves else 2
    if values.size - len(values) <= count:
        return Unfitted.TOO_FEW
    problem = _Problem(values, errors, levels, places)
    best, least = problem.search(lengths, waves)
    if float((problem.wanted**2).sum()) - least < SIGNIFICANT[count]:
        return Unfitted.INSIGNIFICANT
    found = problem.solve(best, LONGEST * max(lengths))
    if found is None:
        return Unfitted.NOT_CONVERGED
    scale, *rest = found.parameters[0]
    sine, length, wave = rest if waves else (0.0, rest[0], 0.0)
    free = values.size - len(values) - count
    return Decay(
        float(scale),
        float(sine),
        float(length),
        float(wave),
        found.covariance[0],
        float(found.chi2[0]),
        free,
    )


class Pedestals:
    """Takes the pedestal out of each series: what is left of it when its weighted mean is subtracted.

    Parameters
    ----------
    errors
        (series, places): standard deviations of the values.
    """

    def __init__(self, errors: Values) -> None:
        self.weights = 1 / errors

    def without(self, rows: Values) -> Values:
        """Give values, or derivatives, in standard deviations and in one line; (…, series, places) to (…, values)."""
        squared = self.weights**2
        mean = (rows * squared).sum(axis=-1, keepdims=True) / squared.sum(axis=-1, keepdims=True)
        left: Values = (rows - mean) * self.weights
        return left.reshape(*left.shape[:-2], -1)


def closest(law: Law, wanted: Values, start: Values, bounds: tuple[Values, Values]) -> Solved | None:
    """Find the parameters of one law; None: the fit did not converge, or ends at a bound.

    Parameters
    ----------
    law
        As :func:`calibrant.pixels.levenberg_marquardt.least_squares` has it.
    wanted
        (values,), in standard deviations.
    start, bounds
        (parameters,).
    """
    data = Observed(np.zeros((1, len(wanted))), wanted[None], np.ones((1, len(wanted))))
    solved = least_squares(law, data, start[None], bounds)
    inside = (bounds[0] < solved.parameters[0]) & (solved.parameters[0] < bounds[1])
    return solved if solved.converged[0] and inside.all() else None


class _Problem:
    def __init__(self, values: Values, errors: Values, levels: Values, places: Values) -> None:
        self.pedestals, self.levels, self.places = Pedestals(errors), levels, places
        self.wanted = self.pedestals.without(values)

    def _of_levels(self, curves: Values) -> Values:
        return self.pedestals.without(self.levels[:, None] * curves[..., None, :])

    def _law(self, _: Values, parameters: Values) -> tuple[Values, Values]:
        values = self._of_levels(_curve(parameters[0], self.places))
        return values[None], self._of_levels(_slopes(parameters[0], self.places)).T[None]

    def search(self, lengths: Sequence[float], waves: Sequence[float]) -> tuple[Values, float]:
        """Give the best parameters of a grid, and their chi square."""
        tried = []
        for length, wave in itertools.product(lengths, waves or (0.0,)):
            curves = [np.cos(wave * self.places), np.sin(wave * self.places)][: 2 if waves else 1]
            basis = self._of_levels(np.array(curves) * np.exp(-self.places / length)).T
            linear = np.linalg.lstsq(basis, self.wanted, rcond=None)[0]
            chi2 = float(((self.wanted - basis @ linear) ** 2).sum())
            tried.append((chi2, (*linear, length, wave) if waves else (*linear, length)))
        chi2, best = min(tried)
        return np.array(best), chi2

    def solve(self, start: Values, longest: float) -> Solved | None:
        """Give the parameters of the least chi square."""
        oscillates, shortest = len(start) == 4, longest * _SHORTEST
        if not oscillates:
            return closest(
                self._law, self.wanted, start, (np.array([-np.inf, shortest]), np.array([np.inf, longest]))
            )
        low, high = [-np.inf, -np.inf, shortest, 0.0], [np.inf, np.inf, longest, np.pi]
        return closest(self._law, self.wanted, start, (np.array(low), np.array(high)))


_SHORTEST: Final = 1e-4
"""Of the longest length."""


def _curve(parameters: Values, places: Values) -> Values:
    if len(parameters) == 2:
        scale, length = parameters
        return np.asarray(scale * np.exp(-places / length))
    scale, sine, length, wave = parameters
    swing = scale * np.cos(wave * places) + sine * np.sin(wave * places)
    return np.asarray(swing * np.exp(-places / length))


def _slopes(parameters: Values, places: Values) -> Values:
    """Give the derivatives of the curve after each parameter, (parameters, places)."""
    curve = _curve(parameters, places)
    if len(parameters) == 2:
        length = parameters[1]
        return np.stack([np.exp(-places / length), curve * places / length**2])
    scale, sine, length, wave = parameters
    fall, cosine, sines = np.exp(-places / length), np.cos(wave * places), np.sin(wave * places)
    turned = (sine * cosine - scale * sines) * fall * places
    return np.stack([cosine * fall, sines * fall, curve * places / length**2, turned])
