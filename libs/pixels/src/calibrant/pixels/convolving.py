"""Convolutions of small matrices that stand for symmetric ones, many at once.

A matrix (L, L) holds the quarter j, i >= 0 of one that is even in both; beyond it is zero. It must not know what they
mean.
"""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


class Evenly:
    """Products of the cosine transforms of even matrices, which are their convolutions.

    Parameters
    ----------
    size
        L. Transforms are long enough for the product of three.
    """

    def __init__(self, size: int) -> None:
        length = 4 * size - 3
        frequencies, lags = np.arange(length // 2 + 1), np.arange(size)
        cosines = np.cos(2 * np.pi / length * (np.outer(frequencies, lags) % length))
        self._forth = cosines * np.where(lags == 0, 1, 2)
        self._back = cosines.T * np.where(frequencies == 0, 1, 2) / length

    def transform(self, matrices: Numbers) -> Numbers:
        """Transform (..., L, L)."""
        result: Numbers = self._forth @ matrices @ self._forth.T
        return result

    def back(self, transforms: Numbers) -> Numbers:
        """Give the (..., L, L) that has this transform."""
        result: Numbers = self._back @ transforms @ self._back.T
        return result
