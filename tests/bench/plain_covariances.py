"""A pair of flats as one would write it down in NumPy: for each lag the products of the shifted images, with masks.

Owns the reference that the bench compares with. Clipping and equalisation are as ours, so that the numbers can be
compared; what differs is how the lags are summed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def plain_covariances(
    first: NDArray[np.float32], second: NDArray[np.float32], mask: NDArray[np.uint32], lags: int
) -> Numbers:
    """Return (lags + 1, lags + 1) covariances of one frame of the pair, without correction for the clip."""
    good = mask == 0
    levels = [flat[good].mean(dtype=np.float64) for flat in (first, second)]
    mean = sum(levels) / 2
    difference = (levels[1] * first.astype(np.float64) - levels[0] * second.astype(np.float64)) / mean
    for _ in range(3):
        kept = difference[good]
        good &= np.abs(difference - kept.mean()) < 5.5 * kept.std()
    difference = np.where(good, difference, 0)
    weight = good.astype(np.float64)
    result = np.zeros((lags + 1, lags + 1))
    for j, i in np.ndindex(result.shape):
        both = [_covariance(difference, weight, j, i)]
        if i and j:
            both.append(_covariance(difference[:, ::-1], weight[:, ::-1], j, i))
        result[j, i] = np.mean(both) / 2
    return result


def _covariance(image: Numbers, weight: Numbers, j: int, i: int) -> float:
    rows, columns = image.shape
    one, other = image[: rows - j, : columns - i], image[j:, i:]
    here, there = weight[: rows - j, : columns - i], weight[j:, i:]
    n = (here * there).sum()
    means = (one * there).sum() * (other * here).sum() / n**2
    return float((one * other).sum() / n - means)
