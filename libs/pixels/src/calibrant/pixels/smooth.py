"""What is smooth in an image: medians of cells, and surfaces through them, polynomial or of straight lines.

It owns the cells and the surfaces; it must not know what is searched for above them.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.clipping import MAD_TO_SIGMA

CELL: Final = 16
"""Side, in pixels, of the cells whose medians a polynomial surface goes through."""

_LEAST_FILLED: Final = 0.25
_MOST_ROUNDS: Final = 20


@dataclass(frozen=True, eq=False, slots=True)
class Surface:
    """A polynomial surface over a plane: products of powers of -1 to 1 along each axis.

    Parameters
    ----------
    shape
        (rows, columns) of the plane.
    degree
        In rows and columns together.
    factors
        float64, of the terms, in the order of `surface_terms`.
    """

    shape: tuple[int, int]
    degree: int
    factors: NDArray[np.float64]

    def plane(self) -> NDArray[np.float64]:
        """Give all of it."""
        y, x = (_along(extent, np.arange(extent)) for extent in self.shape)
        level = np.zeros(self.shape)
        for (i, j), factor in zip(_powers(self.degree), self.factors, strict=True):
            level += factor * np.outer(y**i, x**j)
        return level

    def at(self, pixels: NDArray[np.intp]) -> NDArray[np.float64]:
        """Give it at some pixels, by their numbers in the flattened plane."""
        rows, columns = np.unravel_index(pixels, self.shape)
        return _terms_at(self.shape, rows, columns, self.degree) @ self.factors


def surface_terms(shape: tuple[int, int], degree: int) -> NDArray[np.float64]:
    """Give the terms of a polynomial surface, (terms, rows, columns)."""
    y, x = (_along(extent, np.arange(extent)) for extent in shape)
    return np.stack([np.outer(y**i, x**j) for i, j in _powers(degree)])


def smooth_surface(data: NDArray[Any], good: NDArray[np.bool_], degree: int) -> Surface:
    """Fit the level of a plane: a polynomial surface through medians of cells, outlying ones left out.

    A cell counts where at least a quarter of its pixels are good. Cells more than 3 robust standard deviations from
    the median of all, and then from the surface, are left out and it is fitted again.

    Parameters
    ----------
    data
        (rows, columns).
    good
        The same shape: pixels that count. Where no cell counts, the level is 0.
    degree
        Of the surface in rows and columns together; lowered to what the cells determine.
    """
    shape = (data.shape[0], data.shape[1])
    cells, filled = cell_medians(np.where(good, data, np.nan), CELL)
    y, x = np.nonzero(filled >= _LEAST_FILLED)
    if not y.size:
        return Surface(shape, 0, np.zeros(1))
    medians = cells[y, x]
    while degree and len(medians) < 3 * len(_powers(degree)):
        degree -= 1
    rows, columns = (np.array([_centre(part) for part in _parts(extent, CELL)]) for extent in shape)
    return Surface(shape, degree, _through(medians, _terms_at(shape, rows[y], columns[x], degree)))


def levelled(values: NDArray[Any], cell: int) -> NDArray[np.float64]:
    """Divide an image by its smooth surface, and multiply it by the surface's median.

    The surface goes through the medians of cells, at their centres, with straight lines between them along rows and
    columns; beyond the outermost centres the lines go on.

    Parameters
    ----------
    values
        (ny, nx); NaN where a pixel is not to be used.
    cell
        Side of a cell, in pixels; the cells of an image that is no multiple of it are a little larger.

    Returns
    -------
    ndarray
        float64, (ny, nx), in the unit of `values`; as it was where the surface is not above zero.

    Raises
    ------
    ValueError
        When `cell` is below 2.
    """
    if cell < 2:
        raise ValueError(f"cell: {cell} pixels, must be at least 2")
    plain = np.asarray(values, dtype=np.float64)
    medians, _ = cell_medians(plain, cell)
    known = medians[~np.isnan(medians)]
    level = float(np.median(known)) if known.size else 0.0
    if not level > 0:
        return plain.copy()
    medians = np.where(medians > 0, medians, level)
    rows, columns = (_parts(extent, cell) for extent in plain.shape)
    surface = _stretched(_stretched(medians, rows).T, columns).T
    return np.where(surface > 0, plain * (level / np.where(surface > 0, surface, 1.0)), plain)


def cell_medians(values: NDArray[Any], cell: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the medians of an image's cells, and which part of each is not NaN.

    Parameters
    ----------
    values
        (ny, nx); NaN where a pixel is not to be used.
    cell
        Side of a cell, in pixels; the cells of an image that is no multiple of it are a little larger.

    Returns
    -------
    medians, filled
        float64, (cells along y, cells along x); the median of a cell without values is NaN.
    """
    parts = _parts(values.shape[1], cell)
    places = np.arange(max(map(len, parts)))
    columns = np.array([part[0] for part in parts])[:, None] + places
    beyond = places >= np.array([len(part) for part in parts])[:, None]
    columns = np.where(beyond, 0, columns)
    medians, filled = zip(
        *(_medians_across(values[part], columns, beyond) for part in _parts(values.shape[0], cell)),
        strict=True,
    )
    return np.array(medians), np.array(filled)


def _medians_across(
    strip: NDArray[Any], columns: NDArray[np.intp], beyond: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the medians of the cells of one row of cells, and how far they are filled."""
    cells = np.where(beyond, np.nan, strip[:, columns]).astype(np.float64)
    ordered = np.sort(np.moveaxis(cells, 1, 0).reshape(len(columns), -1), axis=1)  # NaN comes last
    count = (~np.isnan(ordered)).sum(axis=1)
    cell = np.arange(len(columns))
    middle = (ordered[cell, np.maximum(count - 1, 0) // 2] + ordered[cell, count // 2]) / 2
    return middle, count / (len(strip) * (~beyond).sum(axis=1))


def _parts(extent: int, cell: int) -> list[NDArray[np.intp]]:
    """Divide rows or columns into cells."""
    return np.array_split(np.arange(extent), max(1, extent // cell))


def _centre(part: NDArray[np.intp]) -> float:
    return float(part.mean())


def _through(medians: NDArray[np.float64], terms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fit factors of terms to most medians."""
    kept = _near(medians - np.median(medians))
    for _ in range(_MOST_ROUNDS):
        factors = np.linalg.lstsq(terms[kept], medians[kept], rcond=None)[0]
        away = medians - terms @ factors
        within = _near(away - np.median(away[kept]))
        if np.array_equal(within, kept) or within.sum() < terms.shape[1]:
            break
        kept = within
    return np.asarray(factors)


def _near(away: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say which values are within 3 robust standard deviations of 0."""
    distance = np.abs(away)
    return distance <= 3 * MAD_TO_SIGMA * float(np.median(distance))


def _along(extent: int, places: NDArray[Any]) -> NDArray[np.float64]:
    """Give places along an axis as numbers from -1 to 1."""
    return 2 * (places + 0.5) / extent - 1


def _terms_at(
    shape: tuple[int, int], rows: NDArray[Any], columns: NDArray[Any], degree: int
) -> NDArray[np.float64]:
    """Give the terms of a surface at some places, (places, terms)."""
    y, x = _along(shape[0], rows), _along(shape[1], columns)
    return np.stack([y**i * x**j for i, j in _powers(degree)], axis=-1)


def _powers(degree: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]


def _stretched(points: NDArray[np.float64], parts: list[NDArray[np.intp]]) -> NDArray[np.float64]:
    """Draw straight lines along the first axis through points at the centres of parts."""
    if len(points) == 1:
        return np.repeat(points, sum(len(part) for part in parts), axis=0)
    centres = np.array([_centre(part) for part in parts])
    places = np.arange(parts[-1][-1] + 1)
    first = np.clip(np.searchsorted(centres, places) - 1, 0, len(centres) - 2)
    share = ((places - centres[first]) / np.diff(centres)[first])[:, None]
    stretched: NDArray[np.float64] = points[first] * (1 - share) + points[first + 1] * share
    return stretched
