"""Deferred charge as a step of a signature: put back in each amplifier of a frame.

It owns where an amplifier's image is read out from and what is marked; it must not know the model or how it was
measured.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.charge_transfer.deferring import Transfers
from calibrant.pixels.charge_transfer.electronics import ElectronicOffset
from calibrant.pixels.charge_transfer.restoring import restore
from calibrant.pixels.geometry import Amplifier, Geometry
from calibrant.pixels.mask import Mask
from calibrant.pixels.signature import Band


@dataclass(frozen=True)
class ChargeTransfer:
    """Puts deferred charge back: the barrier at ``Step.CHARGE_TRANSFER``.

    SUSPECT is set where the iteration has not converged, and in the pixels read after one whose charge is not known
    (saturated, or not finite), as far as its trail or its offset may reach.

    Parameters
    ----------
    parallel, serial, offsets
        By the name of the amplifier, for signals in the unit of the signature; one that has none is left alone.
    read_variance
        Of the read noise, by the name of the amplifier, in the square of that unit. Where it is known, what the
        proportional part of the transfers makes of it is added to the variance.
    iterations
        At most so many; see :func:`restore`.
    tolerance
        Largest absolute residual of a pixel, in the unit of the signature.

    Raises
    ------
    ValueError
        When a number makes no sense.
    """

    parallel: Mapping[str, Transfers] = field(default_factory=dict)
    serial: Mapping[str, Transfers] = field(default_factory=dict)
    offsets: Mapping[str, ElectronicOffset] = field(default_factory=dict)
    read_variance: Mapping[str, float] = field(default_factory=dict)
    iterations: int = 5
    tolerance: float = 0.1

    def __post_init__(self) -> None:
        if self.iterations < 1:
            raise ValueError(f"charge transfer: iterations is {self.iterations}, must be at least 1")
        if not 0 <= self.tolerance < math.inf:
            raise ValueError(f"charge transfer: tolerance is {self.tolerance}, must not be negative")

    @property
    def reach(self) -> int | None:
        """Serial transfers stay in their row; parallel ones go through the whole frame."""
        return None if self.parallel else 0

    def apply(self, band: Band, geometry: Geometry) -> None:
        """Restore the amplifiers of a band, in place.

        Raises
        ------
        ValueError
            When transfers are given for an amplifier that the detector does not have.
        """
        known = {amplifier.name for amplifier in geometry.amplifiers}
        unknown = (self.parallel.keys() | self.serial.keys() | self.offsets.keys()) - known
        if unknown:
            raise ValueError(
                f"charge transfer: the detector has no amplifier {', '.join(sorted(unknown))}; it has "
                f"{', '.join(sorted(known))}"
            )
        for amplifier in geometry.amplifiers:
            self._restore(amplifier, band)

    def _restore(self, amplifier: Amplifier, band: Band) -> None:
        parallel, serial = self.parallel.get(amplifier.name), self.serial.get(amplifier.name)
        offset, part = self.offsets.get(amplifier.name), _part(amplifier, band)
        if part is None or (parallel is None and serial is None and offset is None):
            return
        data, mask = (amplifier.in_readout_order(plane[part]) for plane in (band.data, band.mask))
        unknown = ~np.isfinite(data) | ((mask & np.uint32(Mask.SATURATED)) != 0)
        found = restore(data, parallel, serial, offset, iterations=self.iterations, tolerance=self.tolerance)
        suspect = np.abs(found.residual) > self.tolerance
        along = max(_trail(serial), 0 if offset is None else math.ceil(3 * offset.length))
        suspect |= _behind(unknown, _trail(parallel)) | _behind(unknown.T, along).T
        data[...] = found.data
        mask[suspect] |= np.uint32(Mask.SUSPECT)
        read_variance = self.read_variance.get(amplifier.name, 0.0)
        if read_variance and band.variance is not None:
            variance = amplifier.in_readout_order(band.variance[part])
            for axis, transfers in enumerate((parallel, serial)):
                variance += read_variance * _restored_noise(transfers, variance.shape, axis)


def _part(amplifier: Amplifier, band: Band) -> tuple[slice, slice] | None:
    """Give the index of the amplifier's pixels in a band; None: it has none there."""
    placed = amplifier.placed
    first, last = max(placed.y0, band.rows.start), min(placed.y1, band.rows.stop)
    if first >= last:
        return None
    return slice(first - band.rows.start, last - band.rows.start), slice(placed.x0, placed.x1)


def _restored_noise(transfers: Transfers | None, shape: tuple[int, int], axis: int) -> NDArray[np.float64]:
    """Give by how much of itself a restored image's read noise grows, as variance.

    With the late share a of a pixel, ``x = (1 + a) y - a' y'``: y' was read before it, and left a' behind.
    """
    if transfers is None:
        return np.zeros((1, 1))
    late = transfers.counts(shape[axis]) * transfers.inefficiency
    growth = 2 * late + late**2
    growth[1:] += late[:-1] ** 2
    return growth[:, None] if axis == 0 else growth[None, :]


def _trail(transfers: Transfers | None) -> int:
    """Give the pixels that a trail reaches before 95 % of it have arrived."""
    if transfers is None:
        return 0
    trap = transfers.register_trap
    releases = [traps.release for traps in transfers.traps] + ([] if trap is None else [trap.release])
    return max([1, *(math.ceil(3 * release) for release in releases)])


def _behind(unknown: NDArray[np.bool_], reach: int) -> NDArray[Any]:
    """Mark what is read within so many pixels after an unknown one."""
    marked = np.zeros_like(unknown)
    if not unknown.any():
        return marked
    for late in range(1, min(reach, len(unknown) - 1) + 1):
        marked[late:] |= unknown[:-late]
    return marked
