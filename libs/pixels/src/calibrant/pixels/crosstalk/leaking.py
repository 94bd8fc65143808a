"""What leaks from the pixels of a source, what is known of it, and which pixels of a band it meets.

It owns the arithmetic of a pair of amplifiers; it must not know which pairs there are.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.crosstalk.channels import channel_name
from calibrant.pixels.geometry import Amplifier, Geometry
from calibrant.pixels.image import ReadoutPlane
from calibrant.pixels.mask import Mask
from calibrant.pixels.signature import Band

_LOST: Final = np.uint32(Mask.SATURATED | Mask.NO_DATA)


@dataclass(frozen=True, eq=False, slots=True)
class Lines:
    """What a band holds of an amplifier, as views in readout order.

    Parameters
    ----------
    amplifier
        Whose pixels they are.
    data, mask, variance
        (lines, columns of the amplifier); `variance` is None where it is not wanted.
    """

    amplifier: Amplifier
    data: NDArray[Any]
    mask: NDArray[np.uint32]
    variance: NDArray[Any] | None


def lines_of(band: Band, geometry: Geometry, detector: str) -> dict[str, Lines]:
    """Cut the amplifiers out of a band, by the names of their channels."""
    found = {}
    for one in geometry.amplifiers:
        y0, y1 = max(one.placed.y0, band.rows.start), min(one.placed.y1, band.rows.stop)
        if y0 >= y1:
            continue
        part = (slice(y0 - band.rows.start, y1 - band.rows.start), slice(one.placed.x0, one.placed.x1))
        found[channel_name(one.name, detector)] = Lines(
            one,
            one.in_readout_order(band.data[part]),
            one.in_readout_order(band.mask[part]),
            None if band.variance is None else one.in_readout_order(band.variance[part]),
        )
    return found


@dataclass(frozen=True, eq=False, slots=True)
class Signal:
    """What is known of the signal of a source.

    Parameters
    ----------
    values
        (lines, columns); 0 where there is none.
    lost
        Where the true signal is not known: saturated, or no data.
    missing
        Where there is no value at all.
    amplifier
        Whose it is; None: one of another detector.
    """

    values: NDArray[Any]
    lost: NDArray[np.bool_]
    missing: NDArray[np.bool_]
    amplifier: Amplifier | None

    @classmethod
    def of(cls, plane: Lines | ReadoutPlane, dtype: np.dtype[Any]) -> "Signal":
        """Look at what there is of an amplifier as a source."""
        data, mask = plane.data.astype(dtype), plane.mask
        missing = ~np.isfinite(data)
        data[missing] = 0
        amplifier = plane.amplifier if isinstance(plane, Lines) else None
        return cls(data, (mask & _LOST) != 0, missing, amplifier)

    def read_with(self, shape: tuple[int, ...]) -> tuple["Signal", tuple[slice, slice]]:
        """Give the part that was read while pixels of a victim of this shape were, and where those are."""
        rows, columns = (min(*both) for both in zip(self.values.shape, shape, strict=True))
        part = (slice(0, rows), slice(0, columns))
        return Signal(self.values[part], self.lost[part], self.missing[part], self.amplifier), part

    def noise(self, gain: float | None) -> NDArray[Any] | float:
        """Give the variance of the values; 0 of a source in another detector: it is not known.

        Parameters
        ----------
        gain
            Electrons per unit of the values; None: that of the amplifier.
        """
        if self.amplifier is None:
            return 0.0
        gain = self.amplifier.gain_e_per_adu if gain is None else gain
        variance: NDArray[Any] = np.maximum(self.values, 0) / gain + (self.amplifier.read_noise_e / gain) ** 2
        return variance


def leak(signal: NDArray[Any], coefficients: NDArray[np.float64]) -> NDArray[Any]:
    """Give ``c0 S + c1 S**2`` in the type of the signal."""
    factors = coefficients.astype(signal.dtype)
    slope = factors[0] if len(factors) == 1 else factors[0] + factors[1] * signal
    leaks: NDArray[Any] = slope * signal
    return leaks


def leak_variance(
    signal: NDArray[Any],
    coefficients: NDArray[np.float64],
    covariance: NDArray[np.float64],
    noise: NDArray[Any] | float,
) -> NDArray[Any]:
    """Give the variance of what leaks: from the errors of the coefficients, and from the noise of the signal."""
    errors, factors = covariance.astype(signal.dtype), coefficients.astype(signal.dtype)
    error, slope = errors[0, 0], factors[0]
    if len(factors) == 2:
        error = error + (2 * errors[0, 1] + errors[1, 1] * signal) * signal
        slope = slope + 2 * factors[1] * signal
    variance: NDArray[Any] = error * signal * signal + slope * slope * noise
    return variance
