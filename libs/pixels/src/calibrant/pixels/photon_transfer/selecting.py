"""The variance's model, fitted to the pairs that lie on it: outliers out, the end of the curve found.

It must not know covariances or how a result is shown.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.clipping import MAD_TO_SIGMA
from calibrant.pixels.levenberg_marquardt import Observed, Solved, least_squares
from calibrant.pixels.photon_transfer.fit_settings import FitSettings
from calibrant.pixels.photon_transfer.models import Law, Model, exponential, polynomial
from calibrant.pixels.photon_transfer.points import Points

Numbers = NDArray[np.float64]
Kept = NDArray[np.bool_]

ROBUST_ROUNDS: Final = 10
"""Fits with Cauchy's weights before the first selection."""
ROBUST_STEPS: Final = 20
"""Of each of those fits: the next one goes on from there."""
CAUCHY: Final = 2.385
"""Scale of Cauchy's weights in standard deviations, for 95 % efficiency with normal noise."""


@dataclass(frozen=True, eq=False)
class Selected:
    """A fit and the points that it is of.

    Parameters
    ----------
    solved
        Parameters (gain, a00, noise2, …) of each amplifier.
    kept
        (A, P), in the order of the points.
    errors
        (A, P), standard errors of the variances, in ADU squared.
    residuals
        (A, P), of the variances, in standard errors.
    """

    solved: Solved
    kept: Kept
    errors: Numbers
    residuals: Numbers


def select(found: Points, settings: FitSettings, given: Numbers | None) -> Selected:
    """Fit all amplifiers, leave out what lies off, and fit again until the choice stays the same.

    Parameters
    ----------
    found
        Points of amplifiers that can be fitted.
    settings
        How.
    given
        (A, P) standard errors of the variances, or None: those of photons.
    """
    law: Law = polynomial if settings.model is Model.POLYNOMIAL else exponential
    start = _start(found, len(settings.bounds[0]))
    errors = _errors(found, law, start, given)
    kept = _initial(found, settings)
    first = Observed(found.means, found.variances, kept / errors**2)
    solved = _robust(law, first, start, settings)
    settled = np.zeros(len(kept), bool)
    for _ in range(settings.rounds):
        errors = _errors(found, law, solved.parameters, given)
        residuals = (found.variances - law(found.means, solved.parameters)[0]) / errors
        cut = settings.sigma * np.maximum(_scatter(residuals, kept), 1)
        near = found.usable & (np.abs(residuals) <= cut[:, None])
        off = found.usable & ~near
        chosen = _before_end(near, off, settings.run)
        chosen[settled] = kept[settled]
        settled |= (chosen == kept).all(axis=1)
        kept = chosen
        data = Observed(found.means, found.variances, kept / errors**2)
        solved = least_squares(law, data, solved.parameters, settings.bounds)
    return Selected(solved, kept, errors, residuals)


def _start(found: Points, size: int) -> Numbers:
    """Begin with the gain that half the points exceed, and no other effect."""
    ratios = np.where(found.usable, found.means / found.variances, np.nan)
    start = np.zeros((len(found.means), size))
    start[:, 0] = np.nanmedian(ratios, axis=1)
    return start


def _initial(found: Points, settings: FitSettings) -> Kept:
    """Choose the lower part of a curve, but at least as many points as there are parameters and two more."""
    if settings.initial_most_adu is None:
        peak = np.where(found.usable, found.variances, -np.inf).argmax(axis=1)
        most = np.take_along_axis(found.means, peak[:, None], axis=1) / 2
    else:
        most = np.full((len(found.means), 1), settings.initial_most_adu)
    fewest = np.arange(found.means.shape[1]) < len(settings.bounds[0]) + 2
    return found.usable & ((found.means <= most) | fewest)


def _errors(found: Points, law: Law, parameters: Numbers, given: Numbers | None) -> Numbers:
    """Give the errors of photons by the model, so that a variance that is low by chance counts no more than others."""
    if given is not None:
        return given
    expected = np.nan_to_num(law(found.means, parameters)[0])
    floor = 1e-3 * found.means / np.maximum(parameters[:, [0]], 1e-9)
    return np.sqrt(2 / found.n_pixels) * np.maximum(expected, floor)


def _robust(law: Law, data: Observed, start: Numbers, settings: FitSettings) -> Solved:
    solved = least_squares(law, data, start, settings.bounds, steps=ROBUST_STEPS)
    for _ in range(ROBUST_ROUNDS):
        residuals = (data.y - law(data.x, solved.parameters)[0]) * np.sqrt(data.weights)
        scale = CAUCHY * np.maximum(_scatter(residuals, data.weights > 0), 1e-12)[:, None]
        robust = Observed(data.x, data.y, data.weights / (1 + (residuals / scale) ** 2))
        solved = least_squares(law, robust, solved.parameters, settings.bounds, steps=ROBUST_STEPS)
    return solved


def _scatter(residuals: Numbers, kept: Kept) -> Numbers:
    """Give the robust standard deviation of the residuals of the points that are kept; 0 where there are none."""
    distance = np.where(kept, np.abs(residuals), np.nan)
    some = kept.any(axis=1)
    scatter = np.zeros(len(kept))
    scatter[some] = MAD_TO_SIGMA * np.nanmedian(distance[some], axis=1)
    return scatter


def _before_end(near: Kept, off: Kept, run: int) -> Kept:
    """Keep what lies before the first `run` points in a row that are off the curve."""
    if near.shape[1] < run:
        return near
    windows = np.lib.stride_tricks.sliding_window_view(off, run, axis=1).all(axis=-1)
    ended = np.zeros_like(near)
    ended[:, : windows.shape[1]] = windows
    return near & ~np.logical_or.accumulate(ended, axis=1)
