"""Sums of products of an image with itself, shifted by a few pixels: all shifts from one transform of its rows.

It must not know what the image shows.
"""

from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.backends.arrays import ArrayBackend, array_module, on_host
from calibrant.pixels.fast_lengths import fast_length

Sums = NDArray[np.float64]

ROWS: Final = 128
"""Rows whose transforms lie in the cache together."""


def lag_sums(image: NDArray[np.floating[Any]], lags: int, backend: ArrayBackend = "numpy") -> Sums:
    """Sum the products of all pairs of pixels that are so many rows and columns apart.

    Rows are transformed, padded with zeros so that no pixel meets one across the edge; the spectra of rows so far
    apart are multiplied and added up; and what that gives is taken back for the few lags alone. Nothing larger than a
    few rows is kept, and no transform runs along the columns, which would take most of the time. Images in float32
    are transformed in float32; sums over :data:`ROWS` rows are added in float64.

    Parameters
    ----------
    image
        (ny, nx); pixels that do not count are zero.
    lags
        Pixels apart at most.
    backend
        Whose arrays are transformed and multiplied.

    Returns
    -------
    ndarray
        (lags + 1, lags + 1): at ``[j, i]`` the mean of two sums, over pixels j rows apart with the second i columns
        to the right, and i columns to the left. On the axes the two are one.
    """
    xp, length = array_module(backend), fast_length(image.shape[1] + lags)
    spectra = xp.zeros((lags + 1, 2 * (length // 2 + 1)))
    for begin in range(0, len(image), ROWS):
        rows = xp.asarray(image[begin : begin + ROWS + lags])
        parts = xp.fft.rfft(rows, n=length, axis=1)
        reals = parts.view(parts.real.dtype)  # real, imaginary, real ...
        for lag in range(min(lags + 1, len(rows))):
            later = reals[lag : lag + ROWS]
            spectra[lag] += xp.einsum("yk,yk->k", reals[: len(later)], later)
    summed = on_host(spectra)
    power = summed[:, ::2] + summed[:, 1::2]
    power[:, 1 : (length + 1) // 2] *= 2  # the half that a real transform leaves out
    sums: Sums = power @ _cosines(length, lags).T / length
    return sums


def pair_counts(good: NDArray[np.bool_], lags: int, backend: ArrayBackend = "numpy") -> Sums:
    """Count the pairs of good pixels for :func:`lag_sums`, in its order.

    Returns
    -------
    ndarray
        (lags + 1, lags + 1), whole or half numbers: the mean of the two directions.
    """
    if good.all():
        rows, columns = (np.maximum(extent - np.arange(lags + 1.0), 0) for extent in good.shape)
        return np.outer(rows, columns)
    return (
        np.round(2 * lag_sums(good.astype(np.float64), lags, backend)) / 2
    )  # float32 would be out by a pair or two


@lru_cache(maxsize=16)
def _cosines(length: int, lags: int) -> Sums:
    turns = np.outer(np.arange(lags + 1), np.arange(length // 2 + 1)) % length
    cosines: Sums = np.cos(2 * np.pi / length * turns)
    return cosines
