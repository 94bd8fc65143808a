"""One band as it goes to a device and comes back: what is sent, what is done there, and where the planes come out.

It must not know streams or devices; addresses are those that a device gave.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.backends.cargo import Berth, Cargo, Upload, aligned
from calibrant.pixels.backends.loads import Load
from calibrant.pixels.backends.specialised import GROUP, PIXELS, constants
from calibrant.pixels.plan import PLANES, Combined, Plan

PLANE_ITEM: Final = 4
"""Bytes of a pixel in each of the planes."""


@dataclass(frozen=True)
class Launch:
    """One run of the kernel: the numbers it is compiled with, its groups of threads, the addresses of its arguments."""

    known: dict[str, int]
    groups: int
    arguments: tuple[int, int]


@dataclass(frozen=True)
class Parcel:
    """A band. On the device its planes come first, one behind the other, and then what is sent.

    Parameters
    ----------
    plan
        What is combined and how.
    load
        What is sent.
    rows
        Which rows.
    propagate
        Whether the variances of the inputs go along.
    """

    plan: Plan
    load: Load
    rows: slice
    propagate: bool

    def of(self, rows: slice, *, propagate: bool | None = None) -> "Parcel":
        """Give that of other rows, or the same with or without variances."""
        return replace(self, rows=rows, propagate=self.propagate if propagate is None else propagate)

    @property
    def planes_size(self) -> int:
        """Bytes of the planes."""
        return len(PLANES) * self._plane_size

    @property
    def sent_size(self) -> int:
        """Bytes of what is put into host memory and sent, at most."""
        return self.load.size(self.rows, propagate=self.propagate)

    @property
    def size(self) -> int:
        """Bytes of all of it on the device, at most."""
        return self.planes_size + self.sent_size + self.load.straight_size(self.rows)

    def pack(
        self, host: NDArray[np.uint8], address: int, into: Combined
    ) -> tuple[list[Upload], list[Launch]]:
        """Put what is sent into host memory.

        Parameters
        ----------
        host
            The memory, page-locked.
        address
            Of the parcel on the device.
        into
            The planes that it is combined into in the end.

        Returns
        -------
        uploads : list of Upload
            What is copied to the device.
        launches : list of Launch
            What is done there.
        """
        sent = address + self.planes_size
        cargo = Cargo(Berth(host, sent, sent + self.sent_size), self.load.stored)
        launches = []
        for block, frames, first in self.load.pieces(cargo, into, self.rows, propagate=self.propagate):
            known = constants(self.plan, self.load.bits, block, frames[0], propagate=self.propagate)
            block.data, block.variance, block.count, block.mask = (
                plane + first * PLANE_ITEM for plane in self._planes(address)
            )
            groups = -(-block.rows * block.columns // (GROUP * PIXELS))
            launches.append(Launch(known, groups, (cargo.put(block), cargo.put(frames))))
        return cargo.uploads(), launches

    def unpack(self, host: NDArray[np.uint8], into: Combined) -> None:
        """Take the planes that came back out of host memory."""
        for at, piece in zip(self._planes(0), self._pieces(into), strict=True):
            piece[...] = host[at : at + piece.nbytes]

    def downloads(self, address: int, into: Combined) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Give where each plane is on the device, and the memory of its rows in the end."""
        return zip(self._planes(address), self._pieces(into), strict=True)

    def _pieces(self, into: Combined) -> list[NDArray[np.uint8]]:
        """Give the memory of the rows of each plane."""
        return [getattr(into, name)[self.rows].reshape(-1).view(np.uint8) for name in PLANES]

    def _planes(self, address: int) -> range:
        return range(address, address + self.planes_size, self._plane_size)

    @property
    def _plane_size(self) -> int:
        rows: int = self.rows.stop - self.rows.start
        return aligned(rows * self.plan.shape[1] * PLANE_ITEM)
