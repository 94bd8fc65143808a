"""Coefficients of several exposures made into one, each weighted by its errors.

It owns the mean, the rejection of exposures that stand out, and the errors that follow; it must not know pixels.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.clipping import MAD_TO_SIGMA
from calibrant.pixels.crosstalk.matrix import CrosstalkMatrix, Reason

_PRECEDENCE: Final = tuple(Reason)[1:]
"""Of several reasons for a pair that no exposure measured, the last of these is told."""


def combine_crosstalk(exposures: Sequence[CrosstalkMatrix], *, sigma: float = 5.0) -> CrosstalkMatrix:
    """Combine the coefficients of several exposures.

    For each pair, exposures whose coefficients lie more than `sigma` from the median are left out, in the
    quadratic sum of their own error and the robust scatter of all; the others are averaged with the inverse of their
    covariances as weights. Where they scatter more than their errors say, the error of the mean is enlarged by the
    square root of chi squared per degree of freedom. An exposure that measured exactly (no error) has no weight to
    give and counts alike.

    Parameters
    ----------
    exposures
        Of the same channels, terms and unit.
    sigma
        As above.

    Returns
    -------
    CrosstalkMatrix
        `count` is the sum over the exposures used. A pair that no exposure measured keeps a reason of theirs; one
        where half of the exposures or fewer agree has `Reason.EXPOSURES_DISAGREE`.

    Raises
    ------
    ValueError
        When there is no exposure, or they differ in channels, terms or unit.
    """
    _check_alike(exposures)
    first = exposures[0]
    coefficients, covariance = (
        np.full_like(first.coefficients, np.nan),
        np.full_like(first.covariance, np.nan),
    )
    count = np.zeros_like(first.count)
    reasons = [list(row) for row in first.reasons]
    for v, s in np.ndindex(count.shape):
        pair = _combined_pair(exposures, v, s, sigma)
        coefficients[v, s], covariance[v, s], count[v, s], reasons[v][s] = pair
    return replace(
        first,
        coefficients=coefficients,
        covariance=covariance,
        count=count,
        reasons=tuple(tuple(row) for row in reasons),
    )


def _check_alike(exposures: Sequence[CrosstalkMatrix]) -> None:
    if not exposures:
        raise ValueError("crosstalk: no exposures to combine; give one at least")
    first, *others = ((one.victims, one.sources, one.terms, one.unit) for one in exposures)
    for index, other in enumerate(others, start=1):
        if other != first:
            raise ValueError(f"crosstalk: exposure {index} has other channels, terms or unit than exposure 0")


def _combined_pair(
    exposures: Sequence[CrosstalkMatrix], v: int, s: int, sigma: float
) -> tuple[NDArray[np.float64] | float, NDArray[np.float64] | float, int, Reason]:
    """Give coefficients, covariance, number of pixels and reason of a victim and a source; NaN where there are none."""
    measured = [one for one in exposures if one.reasons[v][s] is Reason.MEASURED]
    if not measured:
        return math.nan, math.nan, 0, max((one.reasons[v][s] for one in exposures), key=_PRECEDENCE.index)
    values = np.stack([one.coefficients[v, s] for one in measured])
    errors = np.stack([one.covariance[v, s] for one in measured])
    kept = _agreeing(values, errors, sigma)
    count = sum(int(one.count[v, s]) for one, used in zip(measured, kept, strict=True) if used)
    if 2 * kept.sum() <= len(measured):
        return math.nan, math.nan, count, Reason.EXPOSURES_DISAGREE
    return *_mean(values[kept], errors[kept]), count, Reason.MEASURED


def _agreeing(
    values: NDArray[np.float64], covariances: NDArray[np.float64], sigma: float
) -> NDArray[np.bool_]:
    """Say which exposures lie near the median of all in every term."""
    away = np.abs(values - np.median(values, axis=0))
    scatter = MAD_TO_SIGMA * np.median(away, axis=0)
    own = np.diagonal(covariances, axis1=1, axis2=2)
    return np.asarray((away <= sigma * np.sqrt(own + scatter**2)).all(axis=1))


def _mean(
    values: NDArray[np.float64], covariances: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the weighted mean of some vectors and its covariance."""
    exact = ~(np.diagonal(covariances, axis1=1, axis2=2) > 0).all(axis=1)
    if exact.any():
        return values[exact].mean(axis=0), np.zeros_like(covariances[0])
    scale = np.sqrt(np.diagonal(covariances[0]))  # terms differ by many orders of magnitude
    weights = np.linalg.inv(covariances / np.outer(scale, scale))
    scaled = values / scale
    covariance = np.linalg.inv(weights.sum(axis=0))
    mean = covariance @ np.einsum("nij,nj->i", weights, scaled)
    freedom = (len(values) - 1) * values.shape[1]
    chi2 = float(np.einsum("ni,nij,nj->", scaled - mean, weights, scaled - mean))
    enlarged = max(1.0, chi2 / freedom) if freedom else 1.0
    return mean * scale, covariance * enlarged * np.outer(scale, scale)
