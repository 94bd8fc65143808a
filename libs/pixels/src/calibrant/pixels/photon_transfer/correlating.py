"""Sums of products of an image with itself, shifted by a few pixels: all shifts by one Fourier transform.

It must not know what the image shows.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Sums = NDArray[np.float64]


def lag_sums(image: NDArray[np.floating[Any]], lags: int) -> Sums:
    """Sum the products of all pairs of pixels that are so many rows and columns apart.

    The power spectrum of the image, padded with zeros so that no pixel meets one across the edge, is taken back
    for the few lags alone: two small products with cosines. Images in float32 are transformed in float32.

    Parameters
    ----------
    image
        (ny, nx); pixels that do not count are zero.
    lags
        Pixels apart at most.

    Returns
    -------
    ndarray
        (lags + 1, lags + 1): at ``[j, i]`` the mean of two sums, over pixels j rows apart with the second i columns
        to the right, and i columns to the left. On the axes the two are one.
    """
    rows, columns = (fast_length(extent + lags) for extent in image.shape)
    spectrum = np.fft.rfft2(image, s=(rows, columns))
    power = np.square(spectrum.real)
    power += np.square(spectrum.imag)
    along_rows, along_columns = _cosines(rows, lags), _cosines(columns, lags)[:, : columns // 2 + 1].copy()
    along_columns[:, 1 : (columns + 1) // 2] *= 2  # the half that a real transform leaves out
    sums: Sums = along_rows @ power.astype(np.float64) @ along_columns.T / (rows * columns)
    return sums


def pair_counts(good: NDArray[np.bool_], lags: int) -> Sums:
    """Count the pairs of good pixels for :func:`lag_sums`, in its order.

    Returns
    -------
    ndarray
        (lags + 1, lags + 1), whole or half numbers: the mean of the two directions.
    """
    rows, columns = (np.maximum(extent - np.arange(lags + 1.0), 0) for extent in good.shape)
    if good.all():
        return np.outer(rows, columns)
    return np.maximum(np.round(2 * lag_sums(good.astype(np.float32), lags)), 0) / 2


@lru_cache(maxsize=64)
def fast_length(least: int) -> int:
    """Give the least even number, at least so large, with no prime factor above 5: quick to transform."""
    length = max(least + least % 2, 2)
    while not _smooth(length):
        length += 2
    return length


def _smooth(number: int) -> bool:
    for factor in (2, 3, 5):
        while number % factor == 0:
            number //= factor
    return number == 1


@lru_cache(maxsize=16)
def _cosines(length: int, lags: int) -> Sums:
    turns = np.outer(np.arange(lags + 1), np.arange(length)) % length
    cosines: Sums = np.cos(2 * np.pi / length * turns)
    return cosines
