"""How far charge in one pixel moves the boundaries of the pixels around it.

It owns the matrices, their symmetry and what they do to areas; it must not know how they were measured or applied.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BoundaryShifts:
    """Shift of boundaries by one electron at the origin, at the end of an exposure, in pixels.

    A positive shift is towards larger columns or rows: of the pixel that lies on the side of the smaller ones, the area
    grows.

    Parameters
    ----------
    columns
        (2 L - 1, 2 L): at ``[j, i]`` the boundary between the columns i - L and i - L + 1, in row j - L + 1, of the
        origin; per electron.
    rows
        (2 L, 2 L - 1): the same with rows and columns exchanged.

    Raises
    ------
    ValueError
        When the shapes do not go together, or a number is not finite.
    """

    columns: Matrix
    rows: Matrix

    def __post_init__(self) -> None:
        lags = self.columns.shape[-1] // 2
        if (
            lags < 1
            or self.columns.shape != (2 * lags - 1, 2 * lags)
            or self.rows.shape != (2 * lags, 2 * lags - 1)
        ):
            raise ValueError(
                f"boundary shifts: columns {self.columns.shape} and rows {self.rows.shape}, must be (2 L - 1, 2 L) "
                "and (2 L, 2 L - 1)"
            )
        if not (np.isfinite(self.columns).all() and np.isfinite(self.rows).all()):
            raise ValueError("boundary shifts: a shift is not finite")

    @property
    def lags(self) -> int:
        """L: the shifts of boundaries so many pixels away are known."""
        return int(self.columns.shape[-1]) // 2

    @property
    def areas(self) -> Matrix:
        """(2 L - 1, 2 L - 1): change of the area of each pixel, in pixels per electron; the origin is in the middle.

        To first order, covariances of flats are the square of their level times these.
        """
        areas: Matrix = np.diff(self.columns, axis=1) + np.diff(self.rows, axis=0)
        return areas


def from_quarters(columns: Matrix, rows: Matrix) -> BoundaryShifts:
    """Give the shifts around a pixel from those on one side of it.

    Parameters
    ----------
    columns, rows
        (L, L): at ``[j, i]`` the boundary beyond column i in row j, and beyond row j in column i.
    """
    return BoundaryShifts(_around(columns), _around(rows.T).T)


def _around(quarter: Matrix) -> Matrix:
    """Mirror shifts of the columns' boundaries: the other way on the other side, the same above and below."""
    half = np.concatenate([-quarter[:, ::-1], quarter], axis=1)
    return np.concatenate([half[:0:-1], half])


def check_areas(areas: Matrix, errors: Matrix | None, least: int = 1) -> None:
    """Check that changes of areas, and their errors if there are, are known equally far along rows and columns.

    Parameters
    ----------
    areas, errors
        (L, L).
    least
        The smallest L.

    Raises
    ------
    ValueError
        When they are not.
    """
    square = areas.ndim == 2 and areas.shape[0] == areas.shape[1] >= least
    if not square or (errors is not None and errors.shape != areas.shape):
        told = "" if errors is None else f" and errors {errors.shape}"
        raise ValueError(
            f"brighter-fatter: areas {areas.shape}{told}, must be (L, L) with L at least {least}"
        )
