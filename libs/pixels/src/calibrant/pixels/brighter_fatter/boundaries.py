"""Shifts of boundaries from changes of areas: what the measurement leaves open, a smooth law decides.

It owns the solution of Guyonnet et al. 2015 in our notation; it must not know covariances or frames.
"""

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.brighter_fatter.shifts import BoundaryShifts, check_areas, from_quarters
from calibrant.pixels.brighter_fatter.smooth_law import SCALES, SmoothLaw, area_matrix, fit_law

Matrix = NDArray[np.float64]


class ShiftReason(enum.StrEnum):
    """Why there are, or are not, shifts."""

    SOLVED = "solved"
    NO_AREAS = "no level of the flats could be used"
    NOT_REPELLING = "charge does not repel: no smooth law can be fitted"
    NO_SCALE = "the areas do not say how shifts fall with distance"


@dataclass(frozen=True, eq=False)
class SolvedShifts:
    """Shifts of boundaries by charge at the origin.

    Parameters
    ----------
    columns, rows
        (L, L), in pixels per electron: at ``[j, i]`` the boundary beyond column i in row j, and beyond row j in column
        i; positive: away from the origin. NaN where `reason` says why.
    columns_error, rows_error
        Standard errors with the law held fixed; NaN where those of the areas are not known.
    law
        The smooth law, or None.
    reason
        `ShiftReason.SOLVED`, or why there are none.
    """

    columns: Matrix
    rows: Matrix
    columns_error: Matrix
    rows_error: Matrix
    law: SmoothLaw | None
    reason: ShiftReason = ShiftReason.SOLVED

    @property
    def shifts(self) -> BoundaryShifts:
        """The shifts on all sides of the origin.

        Raises
        ------
        ValueError
            When there are none.
        """
        if self.reason is not ShiftReason.SOLVED:
            raise ValueError(f"brighter-fatter: there are no shifts: {self.reason}")
        return from_quarters(self.columns, self.rows)


def solve_shifts(areas: Matrix, errors: Matrix | None = None) -> SolvedShifts:
    """Find shifts of boundaries that change areas exactly as measured, and depart least from a smooth law.

    There are L**2 - 1 changes of area (that of the origin is left out, since the gain is in it) and 2 L**2 boundaries. A
    law ``-p E1(r / s) cos`` is fitted to the areas first. The shifts are then those with the smallest sum of
    squares of the relative departures from it, under the condition that the areas come out as measured.

    Parameters
    ----------
    areas
        (L, L), per electron, L at least 3: the change of area of the pixel j rows and i columns away.
    errors
        Their standard errors, or None.

    Raises
    ------
    ValueError
        When shapes do not fit.

    Notes
    -----
    A. Guyonnet et al. 2015 (A&A 575, A41), section 5; the law is their eq. 18. Departure: they hold the ratio of the two
    boundaries of each pixel at that of the law, here both may depart from it a little.
    """
    check_areas(areas, errors, least=3)
    if not np.isfinite(areas).all():
        return _none(areas, None, ShiftReason.NO_AREAS)
    law = fit_law(areas, errors)
    if not (areas[0, 0] < 0 and law.strength > 0):
        return _none(areas, law, ShiftReason.NOT_REPELLING)
    if not SCALES[0] < law.scale < SCALES[1]:
        return _none(areas, law, ShiftReason.NO_SCALE)
    return _closest(areas, errors, law)


def _closest(areas: Matrix, errors: Matrix | None, law: SmoothLaw) -> SolvedShifts:
    """Move the shifts of the law as little as makes the areas right."""
    lags = len(areas)
    model = law.columns(lags)
    smooth = np.concatenate([model.ravel(), model.T.ravel()])
    to_areas = area_matrix(lags)[1:]
    weighted = smooth[:, None] ** 2 * to_areas.T
    back = weighted @ np.linalg.inv(to_areas @ weighted)
    columns, rows = (smooth + back @ (areas.ravel()[1:] - to_areas @ smooth)).reshape(2, lags, lags)
    spread = np.full(smooth.shape, np.nan)
    if errors is not None:
        spread = np.sqrt(((back * errors.ravel()[1:]) ** 2).sum(axis=1))
    columns_error, rows_error = spread.reshape(2, lags, lags)
    return SolvedShifts(columns, rows, columns_error, rows_error, law)


def _none(areas: Matrix, law: SmoothLaw | None, reason: ShiftReason) -> SolvedShifts:
    nothing = np.full(areas.shape, np.nan)
    return SolvedShifts(nothing, nothing, nothing, nothing, law, reason)
