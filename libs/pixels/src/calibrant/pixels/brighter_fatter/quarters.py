"""Matrices that are even in both directions, of which a quarter is kept: what an element of it stands for.

It must not know what the matrices mean.
"""

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def copies(lags: int) -> Matrix:
    """Count the elements of the whole matrix that each of a quarter (L, L) stands for: 1, 2 on the axes, else 4."""
    along = np.where(np.arange(lags) == 0, 1.0, 2.0)
    return np.outer(along, along)


def directions(lags: int) -> Matrix:
    """Count independent pairs of pixels of a covariance for each of one direction.

    Twice as many where both directions were averaged; half for the variance, which scatters by the root of 2 more.
    """
    found = np.full((lags, lags), 2.0)
    found[0], found[:, 0] = 1.0, 1.0
    found[0, 0] = 0.5
    return found
