"""The solution of a fit for many amplifiers at once: corrected signals that are proportional to the light.

It owns the Gauss-Newton steps and the errors of the points; it must not know why points are left out, or what is made
of the numbers. Signals are fractions of each amplifier's highest one, lights of the highest one.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.nonlinearity.curves import Curve
from calibrant.pixels.nonlinearity.least_squares import Solution, least_squares
from calibrant.pixels.nonlinearity.ramp import Values

_STEP: Final = 1e-5
"""For slopes of shapes; of a cubic one its square is lost."""

_SETTLED: Final = 1e-3
"""Standard deviations: what moves by less stands still."""

_STEEPEST: Final = 0.1
"""Slope of a correction that is taken to be at least there, lest a point without error decide alone."""


@dataclass(frozen=True, eq=False)
class Fractions:
    """What is fitted: (amplifiers, exposures) or (exposures,).

    Parameters
    ----------
    signal, sigma
        Of each amplifier; anything finite where nothing is kept.
    light, light_sigma
        Of the exposures.
    offset_shares
        Of the exposures: how much of an offset of the light each has.
    groups
        Filter of each exposure.
    kept
        What is fitted.
    """

    signal: Values
    sigma: Values
    light: Values
    light_sigma: Values
    offset_shares: Values
    groups: NDArray[np.intp]
    kept: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Solved:
    """Of the amplifiers that were asked for.

    Parameters
    ----------
    values
        (amplifiers, parameters): factors of the curve, a response for each filter, and the light's offset if asked for.
    covariance
        (amplifiers, parameters, parameters).
    pulls
        (amplifiers, exposures): residuals over their own standard deviation, 0 where nothing is kept.
    chi2
        (amplifiers,).
    settled, singular
        (amplifiers,): the steps came to an end; the points do not determine the parameters.
    """

    values: Values
    covariance: Values
    pulls: Values
    chi2: Values
    settled: NDArray[np.bool_]
    singular: NDArray[np.bool_]


class Model:
    """``u + sum(q * shape(u)) = k * (light + d)``, with a k for each filter."""

    def __init__(self, points: Fractions, curve: Curve, *, light_offset: bool) -> None:
        self._points, self._light_offset = points, light_offset
        self._shapes = curve.shapes(points.signal)
        beyond, before = curve.shapes(points.signal + _STEP), curve.shapes(points.signal - _STEP)
        self._slopes = (beyond - before) / (2 * _STEP)
        self._filters = int(points.groups.max()) + 1
        self._of_filter = points.groups[:, None] == np.arange(self._filters)

    def begin(self) -> Values:
        """Give parameters to start from: no correction, and the responses that the signals have as they are."""
        points = self._points
        weight = (points.kept * points.light)[..., None] * self._of_filter
        above = (weight * points.signal[..., None]).sum(axis=1)
        response = above / np.maximum((weight * points.light[:, None]).sum(axis=1), np.finfo(float).tiny)
        none = np.zeros((len(response), self._shapes.shape[-1]))
        return np.concatenate([none, response, none[:, : int(self._light_offset)]], axis=1)

    def residuals(self, values: Values) -> tuple[Values, Values, Values]:
        """Give the residuals, their standard deviations, and how each grows with each parameter."""
        points, count = self._points, self._shapes.shape[-1]
        factors, response = values[:, :count, None], values[:, count : count + self._filters]
        bright = response[:, points.groups]
        offset = values[:, -1:] if self._light_offset else np.zeros((len(values), 1))
        light = points.light + offset * points.offset_shares
        residual = points.signal + (self._shapes @ factors)[..., 0] - bright * light
        slope = np.maximum(np.abs(1 + (self._slopes @ factors)[..., 0]), _STEEPEST)
        sigma = np.hypot(slope * points.sigma, bright * points.light_sigma)
        rates = [self._shapes, -light[..., None] * self._of_filter]
        return (
            residual,
            sigma,
            np.concatenate(
                [*rates, -(bright * points.offset_shares)[..., None]][: 2 + self._light_offset], axis=2
            ),
        )

    def step(self, values: Values) -> Solution:
        """Give what the parameters have to change by."""
        residual, sigma, rates = self.residuals(values)
        return least_squares(rates, -residual, self._points.kept / sigma)

    def solved(self, values: Values, settled: NDArray[np.bool_], singular: NDArray[np.bool_]) -> Solved:
        """Give what the values leave of the points."""
        step, kept = self.step(values), self._points.kept
        residual, sigma, _ = self.residuals(values)
        normalised = np.where(kept, residual / sigma, 0)
        pulls = normalised / np.sqrt(np.maximum(1 - step.leverage, 1e-6))
        chi2 = (normalised**2).sum(axis=1)
        return Solved(values, step.covariance, pulls, chi2, settled & ~step.singular, singular)


def solve(points: Fractions, curve: Curve, *, light_offset: bool, iterations: int) -> Solved:
    """Fit a curve, the responses and, if asked for, an offset of the light to the points of many amplifiers."""
    model = Model(points, curve, light_offset=light_offset)
    with np.errstate(all="ignore"):  # what runs away is not settled
        values = model.begin()
        step = model.step(values)
        singular = step.singular
        settled = np.zeros(len(values), np.bool_)
        for _ in range(iterations):
            change = np.where(step.singular[:, None], 0, step.values)
            values = values + change
            known = np.isfinite(values) & np.isfinite(step.errors)
            still = known & (np.abs(change) <= _SETTLED * step.errors + 1e-13)
            settled = np.logical_and.reduce(still, axis=1) & ~step.singular
            if (settled | singular).all():
                break
            step = model.step(values)
        return model.solved(values, settled, singular)
