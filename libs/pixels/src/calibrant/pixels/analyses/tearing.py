"""Tearing: columns of a flat that stand out on both sides of the borders between amplifiers (divisadero).

It owns the statistic of a detector; it must not know where it becomes a verdict.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.analyses.reasons import Reason
from calibrant.pixels.geometry import Amplifier, Geometry
from calibrant.pixels.image import Image
from calibrant.pixels.mask import UNUSABLE

Values = NDArray[np.float64]

FEWEST_COLUMNS: Final = 10


@dataclass(frozen=True)
class Border:
    """The border of two amplifiers.

    Parameters
    ----------
    left, right
        Their names.
    largest
        Largest absolute departure from 1 of the response of the columns next to the border, on both sides.
    error
        Standard deviation of the response of one column. Where there is no tearing `largest` is that of as many
        columns of noise: about one and a half errors.
    """

    left: str
    right: str
    largest: float
    error: float


@dataclass(frozen=True)
class Tearing:
    """What a flat shows.

    Parameters
    ----------
    borders
        Of the pairs of amplifiers that lie side by side, both with a response.
    reasons
        Of the amplifiers that have none.
    """

    borders: tuple[Border, ...]
    reasons: Mapping[str, Reason]


def divisadero(
    flat: Image,
    geometry: Geometry,
    *,
    rows: tuple[int, int] = (10, 210),
    edge: int = 25,
    near: int = 2,
    degree: int = 1,
) -> Tearing:
    """Measure the tearing of a flat.

    The mean of each column over some rows, divided by the straight line, or a curve, through those of the amplifier's
    columns, is its response.

    Parameters
    ----------
    flat
        Light on all amplifiers, pedestal subtracted.
    geometry
        The detector.
    rows
        First and last row (not included) of each amplifier, counted from its readout.
    edge
        Columns at each side of an amplifier that the line does not go through.
    near
        Columns on each side of a border that are looked at.
    degree
        Of the polynomial through the columns. Where the light is not even a straight line leaves its curve, which is largest
        at the borders.

    Notes
    -----
    eo_pipe, divisaderoTearing, whose defaults these are.
    """
    data = np.where((flat.mask & np.uint32(UNUSABLE)) == 0, flat.data, np.nan)
    responses = {one.name: _response(data, one, rows, edge, degree) for one in geometry.amplifiers}
    borders = []
    for one in geometry.amplifiers:
        for other in geometry.amplifiers:
            left, right = responses[one.name], responses[other.name]
            if isinstance(left, Reason) or isinstance(right, Reason) or not _side_by_side(one, other):
                continue
            columns = np.concatenate([left[0][-near:], right[0][:near]]) - 1
            if not np.isfinite(columns).any():
                continue
            borders.append(
                Border(one.name, other.name, float(np.nanmax(np.abs(columns))), max(left[1], right[1]))
            )
    reasons = {name: one for name, one in responses.items() if isinstance(one, Reason)}
    return Tearing(tuple(borders), reasons)


def _side_by_side(left: Amplifier, right: Amplifier) -> bool:
    return left.placed.x1 == right.placed.x0 and left.placed[:2] == right.placed[:2]


def _response(
    data: NDArray[np.floating], amplifier: Amplifier, rows: tuple[int, int], edge: int, degree: int
) -> tuple[Values, float] | Reason:
    """Give the response of each column, NaN where no pixel is good, and its standard deviation."""
    pixels = data[amplifier.placed.slices]
    pixels = (pixels[::-1] if amplifier.flip_y else pixels)[slice(*rows)]
    known = np.isfinite(pixels)
    count = known.sum(axis=0)
    means = np.where(known, pixels, 0).sum(axis=0, dtype=np.float64) / np.maximum(count, 1)
    means[count == 0] = np.nan
    places = np.arange(len(means), dtype=np.float64)
    inner = np.isfinite(means)
    inner[:edge] = inner[len(means) - edge :] = False
    if inner.sum() < FEWEST_COLUMNS:
        return Reason.TOO_FEW_PIXELS
    line = np.polynomial.Polynomial.fit(places[inner], means[inner], degree)(places)
    if not (line > 0).all():
        return Reason.NO_LIGHT
    response = means / line
    error = float((response[inner] - 1).std(ddof=degree + 1))
    if not error > 1e-12:
        return Reason.CONSTANT
    return response, error
