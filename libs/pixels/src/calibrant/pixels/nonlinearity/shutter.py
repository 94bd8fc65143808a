"""What a shutter adds to the time that it was asked for.

It owns the offset from sets of exposures with one and with several openings; it must not know curves. Signals are
linear, or so alike that it does not matter: one long exposure against several short ones collected before a readout.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.nonlinearity.least_squares import Solution, least_squares
from calibrant.pixels.nonlinearity.ramp import Values
from calibrant.pixels.nonlinearity.reasons import Reason


@dataclass(frozen=True, eq=False)
class ShutterOffset:
    """How much longer a shutter is open than it was told.

    Parameters
    ----------
    offset_s
        Of each opening, in s.
    response
        Signal per second.
    covariance
        (2, 2), of offset and response.
    chi2, dof
        Sum of squared residuals over their variances; exposures less 2.
    """

    offset_s: float
    response: float
    covariance: Values
    chi2: float
    dof: int

    @property
    def error_s(self) -> float:
        """Standard deviation of the offset, in s."""
        return float(np.sqrt(self.covariance[0, 0]))


def shutter_offset(
    time_s: Values, openings: NDArray[np.intp], signal: Values, error: Values
) -> tuple[ShutterOffset | Reason, ...]:
    """Fit ``signal = response * openings * (time_s + offset_s)`` to the exposures of each amplifier.

    With one long exposure of T and one of n openings of t it is exact: ``offset_s = (T - R n t) / (R n - 1)``, where R is
    the ratio of their signals.

    Parameters
    ----------
    time_s
        (exposures,): time asked for, of each opening, in s. NaN where it is not known.
    openings
        (exposures,): how often the shutter opened before the readout.
    signal, error
        (amplifiers, exposures), and their standard deviations. NaN where there is none.

    Returns
    -------
    tuple
        For each amplifier the offset, or ONE_LEVEL where all times are the same, TOO_FEW_POINTS where there are fewer
        than two exposures, NOT_RISING where the signal does not grow with the time.
    """
    kept = np.isfinite(signal) & np.isfinite(error) & (error > 0) & np.isfinite(time_s)
    weight = kept / np.where(kept, error, 1)
    design = np.stack([openings * np.where(np.isfinite(time_s), time_s, 0), openings], axis=-1)
    if len(time_s) < 2:
        return (Reason.TOO_FEW_POINTS,) * len(signal)
    target = np.where(kept, signal, 0)
    found = least_squares(np.broadcast_to(design, (*signal.shape, 2)).astype(float), target, weight)
    chi2 = (((design @ found.values.T).T - target) ** 2 * weight**2).sum(axis=1)
    return tuple(_offset(found, one, float(chi2[one]), int(mine.sum())) for one, mine in enumerate(kept))


def _offset(found: Solution, one: int, chi2: float, exposures: int) -> ShutterOffset | Reason:
    """Make an offset of the response and the signal at no time."""
    if exposures < 2:
        return Reason.TOO_FEW_POINTS
    if found.singular[one]:
        return Reason.ONE_LEVEL
    response, above = map(float, found.values[one])
    if response <= 0:
        return Reason.NOT_RISING
    rates = np.array([[-above / response**2, 1 / response], [1.0, 0.0]])
    return ShutterOffset(
        above / response, response, rates @ found.covariance[one] @ rates.T, chi2, exposures - 2
    )


def common_offset(offsets: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """Give the weighted mean of offsets of the same shutter, for instance of a detector's amplifiers.

    Parameters
    ----------
    offsets
        Offsets and their standard deviations, in s, independent of each other; one at least.

    Returns
    -------
    tuple
        Mean and its standard deviation, in s, and chi2 of the offsets about it.
    """
    values, errors = np.array(offsets).T
    weight = errors**-2.0
    mean = float((values * weight).sum() / weight.sum())
    return mean, float(weight.sum() ** -0.5), float(((values - mean) ** 2 * weight).sum())
