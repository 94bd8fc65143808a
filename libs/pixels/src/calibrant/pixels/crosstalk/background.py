"""The smooth level of an amplifier below its bright sources.

It owns the fit of a polynomial surface to most pixels; it must not know crosstalk.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.clipping import MAD_TO_SIGMA

BLOCK: Final = 16
"""Side, in pixels, of the squares whose medians the surface goes through."""

_MOST_MASKED: Final = 0.75
_MOST_ROUNDS: Final = 20


def smooth_level(data: NDArray[Any], good: NDArray[np.bool_], degree: int) -> NDArray[np.float64]:
    """Give the level of a plane: a polynomial surface through medians of squares, outlying ones left out.

    A square counts where at least a quarter of its pixels are good. Squares more than 3 robust standard deviations
    from the median of all, and then from the surface, are left out and it is fitted again.

    Parameters
    ----------
    data
        (rows, columns).
    good
        The same shape: pixels that count. Where no square counts, the level is 0.
    degree
        Of the surface in rows and columns together; lowered to what the squares determine.
    """
    medians, rows, columns = _blocks(data, good)
    if not medians.size:
        return np.zeros(data.shape)
    while degree and len(medians) < 3 * _count(degree):
        degree -= 1
    height, width = data.shape
    basis = _basis(rows / height, columns / width, degree)
    kept = _near(medians - np.median(medians))
    for _ in range(_MOST_ROUNDS):
        solution = np.linalg.lstsq(basis[kept], medians[kept], rcond=None)[0]
        away = medians - basis @ solution
        within = _near(away - np.median(away[kept]))
        if np.array_equal(within, kept) or within.sum() < basis.shape[1]:
            break
        kept = within
    y, x = (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width
    return _surface(y, x, solution, degree)


def _near(away: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say which values are within 3 robust standard deviations of 0."""
    distance = np.abs(away)
    return distance <= 3 * MAD_TO_SIGMA * float(np.median(distance))


def surface_terms(shape: tuple[int, int], degree: int) -> NDArray[np.float64]:
    """Give the terms of a polynomial surface, (terms, rows, columns): products of powers of -1 to 1 along each axis."""
    height, width = shape
    y, x = (2 * (np.arange(extent) + 0.5) / extent - 1 for extent in (height, width))
    return np.stack([np.outer(y**i, x**j) for i, j in _powers(degree)])


def _blocks(
    data: NDArray[Any], good: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Give the medians of the squares that count, and the rows and columns of their centres."""
    height, width = (max(extent // BLOCK, 1) for extent in data.shape)
    side_y, side_x = data.shape[0] // height, data.shape[1] // width
    shape = (height, side_y, width, side_x)
    inside = (slice(0, height * side_y), slice(0, width * side_x))
    values = np.where(good, data, np.nan)[inside].reshape(shape).swapaxes(1, 2).reshape(height, width, -1)
    counts = np.isnan(values).mean(axis=-1) <= _MOST_MASKED
    medians = np.nanmedian(values[counts], axis=-1).astype(np.float64) if counts.any() else np.empty(0)
    rows, columns = np.nonzero(counts)
    return medians, (rows + 0.5) * side_y, (columns + 0.5) * side_x


def _powers(degree: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]


def _count(degree: int) -> int:
    return (degree + 1) * (degree + 2) // 2


def _basis(y: NDArray[np.float64], x: NDArray[np.float64], degree: int) -> NDArray[np.float64]:
    return np.stack([(2 * y - 1) ** i * (2 * x - 1) ** j for i, j in _powers(degree)], axis=-1)


def _surface(
    y: NDArray[np.float64], x: NDArray[np.float64], solution: NDArray[Any], degree: int
) -> NDArray[np.float64]:
    level = np.zeros((y.size, x.size))
    for (i, j), factor in zip(_powers(degree), solution, strict=True):
        level += factor * np.outer((2 * y - 1) ** i, (2 * x - 1) ** j)
    return level
