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

Values = NDArray[np.float64]

SIGNIFICANT: Final = {2: 11.83, 4: 16.25}
"""Decrease of chi square that so many parameters give by chance in 0.3 % of the cases."""

STEPS: Final = 50


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
        Radians in the unit of x; 0 without an oscillation.
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
    Linear parameters are solved for at the places of the grid of the others, then Gauss' and Newton's steps, halved
    where they lead astray, find the least squares of all.
    """
    count = 4 if waves else 2
    if values.size - len(values) <= count:
        return Unfitted.TOO_FEW
    problem = _Problem(values, errors, levels, places)
    best, least = problem.search(lengths, waves)
    if float((problem.wanted**2).sum()) - least < SIGNIFICANT[count]:
        return Unfitted.INSIGNIFICANT
    found = problem.improved(best)
    if found is None:
        return Unfitted.NOT_CONVERGED
    parameters, covariance = found
    scale, sine, length, wave = parameters if waves else (parameters[0], 0.0, parameters[1], 0.0)
    chi2, free = problem.chi2(parameters), values.size - len(values) - count
    return Decay(float(scale), float(sine), float(length), float(wave), covariance, chi2, free)


class _Problem:
    """Least squares with a pedestal for each series, which falls out when weighted means are subtracted."""

    def __init__(self, values: Values, errors: Values, levels: Values, places: Values) -> None:
        self.weights, self.levels, self.places = 1 / errors, levels, places
        self.wanted = self._without_pedestal(values)

    def _without_pedestal(self, rows: Values) -> Values:
        squared = self.weights**2
        mean = (rows * squared).sum(axis=-1, keepdims=True) / squared.sum(axis=-1, keepdims=True)
        left: Values = (rows - mean) * self.weights
        return left

    def _of_levels(self, curve: Values) -> Values:
        return self._without_pedestal(self.levels[:, None] * curve)

    def _residual(self, parameters: Values) -> Values:
        """Give what is left, in standard deviations."""
        return (self.wanted - self._of_levels(_curve(parameters, self.places))).ravel()

    def chi2(self, parameters: Values) -> float:
        """Give the sum of its squares."""
        return float((self._residual(parameters) ** 2).sum())

    def search(self, lengths: Sequence[float], waves: Sequence[float]) -> tuple[Values, float]:
        """Give the best parameters of a grid, and their chi square."""
        tried = []
        for length, wave in itertools.product(lengths, waves or (0.0,)):
            fall = np.exp(-self.places / length)
            curves = [np.cos(wave * self.places), np.sin(wave * self.places)][: 2 if waves else 1]
            basis = np.stack([self._of_levels(curve * fall).ravel() for curve in curves], axis=1)
            linear = np.linalg.lstsq(basis, self.wanted.ravel(), rcond=None)[0]
            parameters = (*linear, length, wave) if waves else (*linear, length)
            tried.append((self.chi2(np.array(parameters)), parameters))
        chi2, best = min(tried)
        return np.array(best), chi2

    def improved(self, parameters: Values) -> tuple[Values, Values] | None:
        """Give the parameters of the least chi square, and their covariance; None: it is not found."""
        for _ in range(STEPS):
            slopes = np.stack([self._of_levels(one).ravel() for one in _slopes(parameters, self.places)], 1)
            scales = np.linalg.norm(slopes, axis=0)
            if not (scales > 0).all() or np.linalg.cond(slopes / scales) > _SINGULAR:
                return None
            covariance: Values = np.linalg.inv((slopes / scales).T @ (slopes / scales)) / np.outer(
                scales, scales
            )
            step = self._shortened(parameters, covariance @ slopes.T @ self._residual(parameters))
            if step is None:
                return None
            parameters = parameters + step
            if (np.abs(step) <= 1e-3 * np.sqrt(np.diag(covariance))).all():
                return parameters, covariance
        return None

    def _shortened(self, parameters: Values, step: Values) -> Values | None:
        """Halve a step until it does not lead up, nor to a length below zero."""
        length, chi2 = (-1 if len(parameters) == 2 else -2), self.chi2(parameters)
        for _ in range(STEPS):
            if parameters[length] + step[length] > 0 and self.chi2(parameters + step) <= chi2 * (1 + 1e-9):
                return step
            step = step / 2
        return None


_SINGULAR: Final = 1e7


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
