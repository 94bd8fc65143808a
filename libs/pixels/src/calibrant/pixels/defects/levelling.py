"""What is smooth taken out of a flat, so that vignetting and gradients are not counted as scatter of its pixels.

It owns the surface; it must not know what is searched for afterwards.
"""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray


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
    rows, columns = (np.array_split(np.arange(extent), max(1, extent // cell)) for extent in plain.shape)
    medians = np.array([[_median(plain[np.ix_(y, x)]) for x in columns] for y in rows])
    level = _median(medians)
    if not level > 0:
        return plain.copy()
    medians = np.where(medians > 0, medians, level)
    surface = _stretched(_stretched(medians, rows).T, columns).T
    return np.where(surface > 0, plain * (level / np.where(surface > 0, surface, 1.0)), plain)


def _median(values: NDArray[np.float64]) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a cell without a good pixel
        return float(np.nanmedian(values))


def _stretched(points: NDArray[np.float64], parts: list[NDArray[np.intp]]) -> NDArray[np.float64]:
    """Draw straight lines along the first axis through points at the centres of parts."""
    if len(points) == 1:
        return np.repeat(points, sum(len(part) for part in parts), axis=0)
    centres = np.array([part.mean() for part in parts])
    places = np.arange(parts[-1][-1] + 1)
    first = np.clip(np.searchsorted(centres, places) - 1, 0, len(centres) - 2)
    share = ((places - centres[first]) / np.diff(centres)[first])[:, None]
    stretched: NDArray[np.float64] = points[first] * (1 - share) + points[first + 1] * share
    return stretched
