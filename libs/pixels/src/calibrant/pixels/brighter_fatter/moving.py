"""Charge that went to a neighbour because boundaries moved: how much, and what there would be without.

It owns the flows over boundaries and their inversion; it must not know masks, bands or how shifts were measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.brighter_fatter.relaxation import Convergence
from calibrant.pixels.brighter_fatter.shifts import BoundaryShifts
from calibrant.pixels.fast_lengths import fast_length
from calibrant.pixels.threads import side_by_side, thread_count

Charge = NDArray[np.float64]

ORDER: Final = 2
"""Terms of the series; where areas change by a fifth, the next is a three-thousandth of the light."""

_BAND: Final = 240
"""Rows that are transformed at a time."""

_FARTHEST: Final = 0.5
"""Shift of a boundary in pixels, to the middle of one; no light at all would be left beyond."""


Pieces = Sequence[tuple[tuple[slice, slice], BoundaryShifts]]
"""Rectangles of a plane, all of it together, and the shifts of the boundaries beyond their pixels, equally many each."""


@dataclass(frozen=True, eq=False)
class _Window:
    """Some rows of a piece, which are transformed together, and the transforms of its shifts."""

    rows: slice
    columns: slice
    padded: tuple[int, ...]
    of_columns: NDArray[Any]
    of_rows: NDArray[Any]


class Mover:
    """Moves charge on planes of one shape as an exposure does.

    Light L falls evenly in time, and what has been collected moves the boundaries: ``dq/dt = L + B(L, q)``, where
    ``B(L, q)`` is what pixels gain when boundaries are shifted by q and light falls there with the mean of L on both
    sides. At the end ``q = L + B(L, L) / 2 + B(L, B(L, L)) / 6 + ...``. Nothing flows over the edges of the plane, so
    charge is conserved to rounding; beyond them the plane is taken to go on as in a mirror. No boundary moves further than
    half a pixel, and charge that alone would move one further counts as that much.

    Parameters
    ----------
    shifts
        Of boundaries, per electron; for the whole plane, or for each of its pieces.
    shape
        Rows and columns of the planes.
    order
        Terms of the series that are computed.
    """

    def __init__(self, shifts: BoundaryShifts | Pieces, shape: tuple[int, int], order: int = ORDER) -> None:
        whole = (slice(0, shape[0]), slice(0, shape[1]))
        pieces = [(whole, shifts)] if isinstance(shifts, BoundaryShifts) else shifts
        self._order = order
        self._lags = pieces[0][1].lags
        largest = max(float(np.abs(matrix).max()) for _, one in pieces for matrix in (one.columns, one.rows))
        self._most = _FARTHEST / largest if largest > 0 else np.inf
        self._windows = [window for place, one in pieces for window in _windows(place, one)]

    def gained(self, light: Charge) -> Charge:
        """Give the charge that each pixel gains in an exposure to light, both in electrons."""
        beside, above = (light[:, :-1] + light[:, 1:]) / 2, (light[:-1] + light[1:]) / 2
        gained, term = np.zeros_like(light), light
        for number in range(1, self._order + 1):
            columns, rows = self._shifted(term)
            term = _balance(columns * beside, rows * above) / (number + 1)
            gained += term
        return gained

    def _shifted(self, charge: Charge) -> tuple[NDArray[Any], NDArray[Any]]:
        """Give how far the boundaries between columns, and between rows, are shifted by charge.

        An even charge shifts nothing, so its mean is taken away first: the rest is exact enough in float32.
        """
        even = np.clip(charge, -self._most, self._most)
        even -= even.mean()
        wide = np.pad(even.astype(np.float32), self._lags, mode="symmetric")
        columns, rows = np.empty((2, *charge.shape), dtype=np.float32)

        def transform(window: _Window) -> None:
            _shift_in(window, wide, self._lags, columns, rows)

        side_by_side(transform, self._windows, min(thread_count(None), len(self._windows)))
        return columns[:, :-1], rows[:-1]


def _shift_in(
    window: _Window, wide: NDArray[Any], lags: int, columns: NDArray[Any], rows: NDArray[Any]
) -> None:
    """Give the shifts of the boundaries beyond the pixels of a window, those between columns and between rows."""
    place = window.rows, window.columns
    ny, nx = (one.stop - one.start for one in place)
    around = wide[tuple(slice(one.start, one.stop + 2 * lags) for one in place)]
    spectrum = np.fft.rfft2(around, s=window.padded)
    side, end = 2 * lags - 1, 2 * lags
    for shifts, matrix, (y, x) in (
        (columns, window.of_columns, (side, end)),
        (rows, window.of_rows, (end, side)),
    ):
        back = np.fft.irfft2(spectrum * matrix, s=window.padded)[y : y + ny, x : x + nx]
        np.clip(back, -_FARTHEST, _FARTHEST, out=shifts[place])


def _windows(place: tuple[slice, slice], shifts: BoundaryShifts) -> list[_Window]:
    """Cut a piece into bands of rows."""
    rows, columns = place
    band = min(_BAND, rows.stop - rows.start)
    padded = tuple(fast_length(extent + 2 * shifts.lags) for extent in (band, columns.stop - columns.start))
    of_columns, of_rows = (
        np.fft.rfft2(matrix.astype(np.float32), s=padded) for matrix in (shifts.columns, shifts.rows)
    )
    return [
        _Window(slice(first, min(first + band, rows.stop)), columns, padded, of_columns, of_rows)
        for first in range(rows.start, rows.stop, band)
    ]


def _balance(to_smaller_columns: Charge, to_smaller_rows: Charge) -> Charge:
    """Give what pixels gain by flows over their boundaries: what one gains its neighbour loses."""
    gained = np.pad(to_smaller_columns, ((0, 0), (0, 1)))
    gained[:, 1:] -= to_smaller_columns
    gained[:-1] += to_smaller_rows
    gained[1:] -= to_smaller_rows
    return gained


def move_charge(light: Charge, shifts: BoundaryShifts | Pieces, *, order: int = ORDER) -> Charge:
    """Give the charge that an exposure makes of light: the brighter a spot, the wider.

    Parameters
    ----------
    light
        (ny, nx), in electrons: the charge with boundaries in their places.
    shifts
        Of boundaries, per electron; for the whole plane, or for each of its pieces.
    order
        Terms of the series, see :class:`Mover`.
    """
    return light + Mover(shifts, (light.shape[0], light.shape[1]), order).gained(light)


def move_back(
    measured: Charge,
    shifts: BoundaryShifts | Pieces,
    *,
    iterations: int = 10,
    threshold_e: float = 0.01,
    order: int = ORDER,
) -> tuple[Charge, Convergence, NDArray[np.bool_]]:
    """Find the light that :func:`move_charge` would have made into what was measured.

    Each round subtracts from the measured plane what the estimate of the last one gains; the first estimate is the
    measured plane. Each is closer than the last by about half the largest change of an area; where one is not, as with
    charge that would shift boundaries by pixels, it ends with the last.

    Parameters
    ----------
    measured
        (ny, nx), in electrons, finite.
    shifts
        Of boundaries, per electron; for the whole plane, or for each of its pieces.
    iterations
        Rounds at most.
    threshold_e
        The change of a pixel in one round, in electrons, below which it has converged.
    order
        Terms of the series, see :class:`Mover`.

    Returns
    -------
    light
        In electrons; its sum is that of `measured` to rounding.
    Convergence
        `residual` is the largest change of a pixel in the last round, in electrons.
    unsettled
        Where the last change was above the threshold.
    """
    mover = Mover(shifts, (measured.shape[0], measured.shape[1]), order)
    light, unsettled = measured, np.ones(measured.shape, dtype=bool)
    left, done = np.inf, 0
    while left > threshold_e and done < iterations:
        following = measured - mover.gained(light)
        change = np.abs(following - light)
        largest = float(change.max(initial=0))
        if not largest < left:
            break
        light, left, unsettled, done = following, largest, change > threshold_e, done + 1
    return light, Convergence(done, left, left <= threshold_e), unsettled
