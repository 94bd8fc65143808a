"""What is left of covariances once a pair of flats is corrected: whether the correction takes away what was measured.

It must not know how charge was moved back, or which pair it was.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.brighter_fatter.quarters import copies, directions

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Remainder:
    """What a corrected pair still shows.

    Parameters
    ----------
    neighbours, neighbours_error
        Covariances with the eight nearest pixels, over those before; 0 where the correction is right.
    variance, variance_error
        Variance over that of photons and read noise; 1 where it is right.
    chi2, degrees_of_freedom
        Of all covariances, beside 0.
    """

    neighbours: float
    neighbours_error: float
    variance: float
    variance_error: float
    chi2: float
    degrees_of_freedom: int


def remainder(
    before: Matrix,
    after: Matrix,
    n_pairs: Matrix,
    expected_variance: float,
    expected_error: float = 0.0,
) -> Remainder:
    """Compare the covariances of a pair of flats before and after the correction.

    Parameters
    ----------
    before, after
        (L, L), L at least 2, of any unit; the variance at ``[0, 0]``.
    n_pairs
        (L, L), pairs of pixels in one direction, after.
    expected_variance, expected_error
        Of photons and read noise at the pair's level, in the same unit.

    Raises
    ------
    ValueError
        When shapes differ, or there is no neighbour.
    """
    lags = len(after)
    if not before.shape == after.shape == n_pairs.shape == (lags, lags) or lags < 2:
        raise ValueError(
            f"brighter-fatter: covariances {before.shape} and {after.shape} of {n_pairs.shape} pairs, must be three of "
            "(L, L) with L at least 2"
        )
    errors = after[0, 0] / np.sqrt(n_pairs * directions(lags))
    near = np.zeros((lags, lags))
    near[:2, :2] = copies(2)
    near[0, 0] = 0
    whole = float((near * before).sum())
    variance = float(after[0, 0]) / expected_variance
    pulls = (after / errors).ravel()[1:]
    return Remainder(
        neighbours=float((near * after).sum()) / whole,
        neighbours_error=math.sqrt(float((near**2 * errors**2).sum())) / abs(whole),
        variance=variance,
        variance_error=math.hypot(float(errors[0, 0]), variance * expected_error) / expected_variance,
        chi2=float((pulls**2).sum()),
        degrees_of_freedom=lags * lags - 1,
    )
