"""Trap pumping: dipoles that traps leave in evenly injected charge which is shuffled to and fro.

It owns the dipole map, where dipoles are and how strong; it must not know pumping times or what the traps are.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.boxes import box_sums
from calibrant.pixels.charge_transfer.reasons import Reason
from calibrant.pixels.statistics import IQR_TO_SIGMA

Values = NDArray[np.float64]

SMOOTH: Final = 21
"""Side in pixels of the box whose mean is the background of a dipole map."""

_ROUNDING: Final = 1e-12


@dataclass(frozen=True, eq=False)
class DipoleMap:
    """A pumped image of one amplifier over what it would be without traps.

    Parameters
    ----------
    departure
        (rows, columns) in the order of readout: about 0; NaN where a pixel is not known.
    noise
        Standard deviation of a pixel without a trap.
    """

    departure: Values
    noise: float


@dataclass(frozen=True, eq=False)
class Dipoles:
    """Where dipoles are; position by position.

    Parameters
    ----------
    row, column
        (n,): of the pixel of each pair that is read first.
    bright_first
        (n,): whether it is the bright one.
    """

    row: NDArray[np.intp]
    column: NDArray[np.intp]
    bright_first: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.row)


def dipole_map(pumped: NDArray[Any]) -> DipoleMap | Reason:
    """Divide a pumped image by its columns' means, and subtract the mean of the pixels around.

    Parameters
    ----------
    pumped
        (rows, columns) of one amplifier in the order of readout, pedestal subtracted; injected or lit evenly along each
        column. NaN where a pixel is not to be used.

    Returns
    -------
    DipoleMap or Reason
        The reason where no column has charge, or the pixels have no noise.

    Notes
    -----
    The noise is the median over the columns of the scatter about a parabola along each, by its interquartile range, so
    that the dipoles themselves do not count; vison takes the standard deviation.
    """
    known = np.isfinite(pumped)
    means = np.where(known, pumped, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    lit = means > 0
    if not lit.any():
        return Reason.NO_CHARGE
    ratio = np.where(known & lit, pumped / np.where(lit, means, 1), 1.0)
    departure, noise = ratio - box_sums(ratio, SMOOTH // 2, "mirrored") / SMOOTH**2, _noise(ratio[:, lit])
    if not noise > _ROUNDING:
        return Reason.NO_NOISE
    return DipoleMap(np.where(known & lit, departure, np.nan), noise)


def find_dipoles(found_in: DipoleMap, *, sigma: float = 5.0) -> Dipoles:
    """Find pairs of a bright and a dark pixel along the columns, with a quiet one before and behind.

    Parameters
    ----------
    found_in
        The map.
    sigma
        Standard deviations by which both have to stand out, and the other two must not.
    """
    departure, limit = found_in.departure, sigma * found_in.noise
    with np.errstate(invalid="ignore"):
        above, below, quiet = departure > limit, departure < -limit, np.abs(departure) <= limit
    between = quiet[:-3] & quiet[3:]
    bright_first, dark_first = (between & above[1:-2] & below[2:-1]), (between & below[1:-2] & above[2:-1])
    row, column = np.nonzero(bright_first | dark_first)
    return Dipoles(row + 1, column, bright_first[row, column])


def united(catalogues: list[Dipoles]) -> Dipoles:
    """Give each dipole of several maps once."""
    rows = np.concatenate([np.stack([one.row, one.column, one.bright_first]) for one in catalogues], axis=1)
    row, column, first = np.unique(rows, axis=1)
    return Dipoles(row, column, first.astype(bool))


def dipole_amplitudes(maps: list[DipoleMap], dipoles: Dipoles) -> tuple[Values, Values]:
    """Measure dipoles in every map, found there or not.

    Parameters
    ----------
    maps
        One for each pumping time.
    dipoles
        For instance all that were found in any of them, :func:`united`.

    Returns
    -------
    tuple
        Amplitudes and standard deviations, (dipoles, maps): half of bright less dark, as share of the charge; about 0,
        of either sign, where there is none, so that a missing dipole counts as what it is.
    """
    sign = np.where(dipoles.bright_first, 0.5, -0.5)
    first, second = dipoles.row, dipoles.row + 1
    amplitudes = [
        sign * (one.departure[first, dipoles.column] - one.departure[second, dipoles.column]) for one in maps
    ]
    errors = [np.full(len(dipoles), one.noise / np.sqrt(2)) for one in maps]
    return np.stack(amplitudes, axis=1), np.stack(errors, axis=1)


def _noise(columns: Values) -> float:
    places = np.linspace(-1, 1, len(columns))
    basis = np.linalg.qr(np.stack([np.ones_like(places), places, places**2], axis=1))[0]
    left = columns - basis @ (basis.T @ columns)
    lower, upper = np.percentile(left, [25, 75], axis=0)
    return float(np.median(upper - lower)) * IQR_TO_SIGMA
