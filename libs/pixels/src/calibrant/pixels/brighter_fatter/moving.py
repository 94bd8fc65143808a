"""Charge that went to a neighbour because boundaries moved: how much, and what there would be without.

It owns the flows over boundaries and their inversion; it must not know masks, bands or how shifts were measured.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.brighter_fatter.relaxation import Convergence
from calibrant.pixels.brighter_fatter.shifts import BoundaryShifts
from calibrant.pixels.photon_transfer.correlating import fast_length
from calibrant.pixels.threads import side_by_side, thread_count

Charge = NDArray[np.float64]

ORDER: Final = 2
"""Terms of the series; where areas change by a fifth, the next is a three-thousandth of the light."""

_BAND: Final = 240
"""Rows that are transformed at a time."""

_FARTHEST: Final = 0.5
"""Shift of a boundary in pixels, to the middle of one; no light at all would be left beyond."""


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
        Of boundaries, per electron.
    shape
        Rows and columns of the planes.
    order
        Terms of the series that are computed.
    """

    def __init__(self, shifts: BoundaryShifts, shape: tuple[int, int], order: int = ORDER) -> None:
        self._lags, self._order = shifts.lags, order
        largest = max(float(np.abs(matrix).max()) for matrix in (shifts.columns, shifts.rows))
        self._most = _FARTHEST / largest if largest > 0 else np.inf
        self._band = min(_BAND, shape[0])
        self._padded = tuple(fast_length(extent + 2 * self._lags) for extent in (self._band, shape[1]))
        self._columns, self._rows = (
            np.fft.rfft2(matrix.astype(np.float32), s=self._padded)
            for matrix in (shifts.columns, shifts.rows)
        )

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
        (ny, nx), lags = charge.shape, self._lags
        even = np.clip(charge, -self._most, self._most)
        even -= even.mean()
        wide = np.pad(even.astype(np.float32), lags, mode="symmetric")
        columns = np.empty((ny, nx - 1), dtype=np.float32)
        rows = np.empty((ny, nx), dtype=np.float32)
        side, end = slice(2 * lags - 1, None), slice(2 * lags, None)

        def transform(first: int) -> None:
            last = min(first + self._band, ny)
            around = np.fft.rfft2(wide[first : last + 2 * lags], s=self._padded)
            for shifts, matrix, part in (
                (columns, self._columns, (side, end)),
                (rows, self._rows, (end, side)),
            ):
                back = np.fft.irfft2(around * matrix, s=self._padded)[part]
                within = back[: last - first, : shifts.shape[1]]
                np.clip(within, -_FARTHEST, _FARTHEST, out=shifts[first:last])

        firsts = range(0, ny, self._band)
        side_by_side(transform, firsts, min(thread_count(None), len(firsts)))
        return columns, rows[:-1]


def _balance(to_smaller_columns: Charge, to_smaller_rows: Charge) -> Charge:
    """Give what pixels gain by flows over their boundaries: what one gains its neighbour loses."""
    gained = np.pad(to_smaller_columns, ((0, 0), (0, 1)))
    gained[:, 1:] -= to_smaller_columns
    gained[:-1] += to_smaller_rows
    gained[1:] -= to_smaller_rows
    return gained


def move_charge(light: Charge, shifts: BoundaryShifts, *, order: int = ORDER) -> Charge:
    """Give the charge that an exposure makes of light: the brighter a spot, the wider.

    Parameters
    ----------
    light
        (ny, nx), in electrons: the charge with boundaries in their places.
    shifts
        Of boundaries, per electron.
    order
        Terms of the series, see :class:`Mover`.
    """
    return light + Mover(shifts, (light.shape[0], light.shape[1]), order).gained(light)


def move_back(
    measured: Charge,
    shifts: BoundaryShifts,
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
        Of boundaries, per electron.
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
