"""Exponential tails in the overscan: the decay of the electronic offset, with or without a bounce.

It owns the fit of one decay to the profiles of many levels, and its errors; it must not know what the tail is of.
"""

import itertools
import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.charge_transfer.reasons import Reason

Values = NDArray[np.float64]

SIGNIFICANT: Final = 11.8
"""Decrease of chi square that two parameters give by chance in 0.3 % of the cases."""

DECAYS: Final = tuple(np.geomspace(0.5, 30, 40))
"""Pixels, at which the search begins."""

WAVES: Final = tuple(np.linspace(0.1, 2.8, 28))
"""Radians a pixel, at which the search begins."""

STEPS: Final = 50


@dataclass(frozen=True, eq=False)
class Tail:
    """``scale cos(wave k) + sine sin(wave k)``, times ``exp(-k / decay)``, in overscan pixel k from 1.

    Parameters
    ----------
    scale, sine
        Share of the level; `sine` is 0 without a bounce.
    decay
        Pixels in which it falls to 1/e.
    wave
        Radians a pixel; 0 without a bounce.
    covariance
        Of (scale, decay) or, with a bounce, of (scale, sine, decay, wave).
    chi2
        Of the residuals.
    free
        Degrees of freedom.
    """

    scale: float
    sine: float
    decay: float
    wave: float
    covariance: Values
    chi2: float
    free: int

    @property
    def parameters(self) -> Values:
        """As the covariance has them."""
        if self.wave:
            return np.array([self.scale, self.sine, self.decay, self.wave])
        return np.array([self.scale, self.decay])

    @property
    def errors(self) -> Values:
        """Standard deviations of the parameters."""
        return np.sqrt(np.diag(self.covariance))

    def at(self, pixels: Values) -> Values:
        """Give the tail at overscan pixels, counted from 1, of a level of 1."""
        return _curve(self.parameters, pixels)

    def summed(self, weights: Values) -> tuple[float, float]:
        """Give the weighted sum over the overscan pixels from 1 on, of a level of 1, and its standard deviation."""
        pixels = np.arange(1.0, len(weights) + 1)
        slope = _slopes(self.parameters, pixels) @ weights
        return float(self.at(pixels) @ weights), math.sqrt(float(slope @ self.covariance @ slope))


def fit_tail(
    profiles: Values,
    errors: Values,
    levels: Values,
    *,
    columns: tuple[int, int] = (3, 13),
    bounce: bool = False,
) -> Tail | Reason:
    """Fit a tail that is proportional to the level, and a pedestal of each profile.

    Parameters
    ----------
    profiles, errors
        (levels, overscan pixels): means over the lines, and their standard deviations, without what all pixels of
        a profile share.
    levels
        (levels,): what the tail is proportional to, in the unit of the profiles: the signal of the last imaging pixel.
    columns
        First and last overscan pixel that are used, counted from 1: behind the charge that trails, as cp_pipe has
        them for the local electronic offset.
    bounce
        Fit an oscillation (of a reference voltage that the change of the signal disturbs), not only a decay.

    Returns
    -------
    Tail or Reason
        The reason where pixels are missing, no tail is significant, or the fit does not converge.

    Notes
    -----
    Snyder and Roodman 2019 (JATIS 5, 041509). Linear parameters are solved for at the places of a grid of the others,
    then Gauss and Newton's steps, halved where they lead astray, find the least squares of all.
    """
    pixels = np.arange(columns[0], columns[1] + 1, dtype=np.float64)
    count = 4 if bounce else 2
    if profiles.shape[1] < columns[1] or profiles.shape[0] * (len(pixels) - 1) <= count:
        return Reason.TOO_FEW_PIXELS
    window = slice(columns[0] - 1, columns[1])
    problem = _Problem(profiles[:, window], errors[:, window], levels, pixels)
    best, at_first = problem.search(bounce=bounce)
    if float((problem.wanted**2).sum()) - at_first < SIGNIFICANT:
        return Reason.NO_TRAIL
    found = problem.improved(best)
    if found is None:
        return Reason.NOT_CONVERGED
    parameters, covariance = found
    scale, sine, decay, wave = parameters if bounce else (parameters[0], 0.0, parameters[1], 0.0)
    free = problem.wanted.size - len(problem.levels) - count
    chi2 = problem.chi2(parameters)
    return Tail(float(scale), float(sine), float(decay), float(wave), covariance, chi2, free)


class _Problem:
    """Least squares with a pedestal for each profile, which falls out when weighted means are subtracted."""

    def __init__(self, profiles: Values, errors: Values, levels: Values, pixels: Values) -> None:
        self.weights, self.levels, self.pixels = 1 / errors, levels, pixels
        self.wanted = self._without_pedestal(profiles)

    def _without_pedestal(self, rows: Values) -> Values:
        squared = self.weights**2
        mean = (rows * squared).sum(axis=-1, keepdims=True) / squared.sum(axis=-1, keepdims=True)
        left: Values = (rows - mean) * self.weights
        return left

    def _of_levels(self, curve: Values) -> Values:
        return self._without_pedestal(self.levels[:, None] * curve)

    def residual(self, parameters: Values) -> Values:
        """Give what is left, in standard deviations."""
        return (self.wanted - self._of_levels(_curve(parameters, self.pixels))).ravel()

    def chi2(self, parameters: Values) -> float:
        """Give the sum of its squares."""
        return float((self.residual(parameters) ** 2).sum())

    def search(self, *, bounce: bool) -> tuple[Values, float]:
        """Give the best parameters of a grid, and their chi square."""
        waves = WAVES if bounce else (0.0,)
        tried = []
        for decay, wave in itertools.product(DECAYS, waves):
            curves = [np.cos(wave * self.pixels), np.sin(wave * self.pixels)][: 2 if bounce else 1]
            fall = np.exp(-self.pixels / decay)
            basis = np.stack([self._of_levels(curve * fall).ravel() for curve in curves], axis=1)
            linear = np.linalg.lstsq(basis, self.wanted.ravel(), rcond=None)[0]
            parameters = np.array([*linear, decay, wave] if bounce else [*linear, decay])
            tried.append((self.chi2(parameters), tuple(parameters)))
        chi2, best = min(tried)
        return np.array(best), chi2

    def improved(self, parameters: Values) -> tuple[Values, Values] | None:
        """Give the parameters of the least chi square, and their covariance; None: it is not found."""
        decay = -1 if len(parameters) == 2 else -2
        for _ in range(STEPS):
            slopes = np.stack([self._of_levels(one).ravel() for one in _slopes(parameters, self.pixels)], 1)
            normal, chi2 = slopes.T @ slopes, self.chi2(parameters)
            if np.linalg.cond(normal) > 1 / np.finfo(np.float64).eps:
                return None
            step = np.linalg.solve(normal, slopes.T @ self.residual(parameters))
            while parameters[decay] + step[decay] <= 0 or self.chi2(parameters + step) > chi2 + 1e-9:
                step = step / 2
                if not np.abs(step).max() > 0:
                    return None
            parameters = parameters + step
            covariance: Values = np.linalg.inv(normal).astype(np.float64)
            if (np.abs(step) <= 1e-3 * np.sqrt(np.diag(covariance))).all():
                return parameters, covariance
        return None


def _curve(parameters: Values, pixels: Values) -> Values:
    scale, *rest = parameters
    fall: Values = np.exp(-pixels / rest[0 if len(rest) == 1 else 1])
    if len(rest) == 1:
        return np.asarray(scale * fall)
    sine, _, wave = rest
    return np.asarray((scale * np.cos(wave * pixels) + sine * np.sin(wave * pixels)) * fall)


def _slopes(parameters: Values, pixels: Values) -> Values:
    """Give the derivatives of the curve after each parameter, (parameters, pixels)."""
    curve = _curve(parameters, pixels)
    if len(parameters) == 2:
        decay = parameters[1]
        return np.stack([np.exp(-pixels / decay), curve * pixels / decay**2])
    scale, sine, decay, wave = parameters
    fall, cosine, sines = np.exp(-pixels / decay), np.cos(wave * pixels), np.sin(wave * pixels)
    turned = (sine * cosine - scale * sines) * fall * pixels
    return np.stack([cosine * fall, sines * fall, curve * pixels / decay**2, turned])
