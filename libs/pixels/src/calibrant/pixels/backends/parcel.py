"""One band as it goes to a device and comes back: what lies where in one piece of memory, so that one copy takes it.

It must not know streams or devices; addresses are those that a device gave.
"""

import ctypes
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.backends.blocks import block_of
from calibrant.pixels.backends.library import TYPES, Block, Frame
from calibrant.pixels.backends.specialised import stored_type
from calibrant.pixels.mask import MASK_DTYPE
from calibrant.pixels.plan import Combined, Plan
from calibrant.pixels.rows import RowSource, load

ALIGNMENT: Final = 256
PLANES: Final = ("data", "variance", "count", "mask")
PLANE_ITEM: Final = 4
"""Bytes of a pixel in each of the planes."""


@dataclass(frozen=True)
class Parcel:
    """What lies where for one band, in bytes from the beginning: its description, its samples, then its planes.

    Parameters
    ----------
    plan
        What is combined and how.
    rows
        Which rows.
    propagate
        Whether the variances of the inputs go along.
    """

    plan: Plan
    rows: slice
    propagate: bool

    @property
    def pixels(self) -> int:
        """Pixels of the band."""
        rows: int = self.rows.stop - self.rows.start
        return rows * self.plan.shape[1]

    @property
    def frames_at(self) -> int:
        """Where the descriptions of the frames begin, behind that of the block."""
        return _aligned(ctypes.sizeof(Block))

    @property
    def planes_at(self) -> int:
        """Where the combined planes begin: what lies before is sent, what lies from here on comes back."""
        return self._inputs_at + sum(
            len(self.plan.stack) * self._plane(dtype) for dtype in self._input_types()
        )

    @property
    def size(self) -> int:
        """All of it."""
        return self.planes_at + len(PLANES) * self._plane(MASK_DTYPE)

    def pack(self, host: NDArray[np.uint8], address: int, base: float, into: Combined) -> None:
        """Read the frames' rows into host memory, and describe where they will be on the device.

        Parameters
        ----------
        host
            At least `size` bytes.
        address
            Where they will be.
        base
            What sorted samples lack to be values.
        into
            The planes that they are combined into in the end.
        """
        plan, (stored, zero) = self.plan, stored_type(self.plan)
        frames = (Frame * len(plan.stack)).from_buffer(host.data, self.frames_at)
        at = self._inputs_at
        for index, frame in enumerate(frames):
            frame.samples, frame.row_step = address + at, plan.shape[1] * stored.itemsize
            frame.column_step, frame.zero = stored.itemsize, zero - base
            frame.type, frame.swapped = TYPES[stored.str[1:]], not stored.isnative
            frame.scale = 1.0 if plan.scales is None else plan.scales[index]
            frame.weight = 1.0 if plan.weights is None else plan.weights[index]
            at = self._read(plan.stack[index], host, at, stored)
        for frame, plane in zip(frames, plan.masks or (), strict=False):
            frame.bits, frame.bits_step = address + at, plan.shape[1] * MASK_DTYPE.itemsize
            at = self._read(plane, host, at, MASK_DTYPE)
        if self.propagate:
            noise = self._input_types()[-1]
            for frame, plane in zip(frames, plan.variances or (), strict=True):
                frame.variances, frame.variances_step = address + at, plan.shape[1] * noise.itemsize
                frame.wide = noise == np.float64
                at = self._read(plane, host, at, noise)
        block = block_of(plan, into, self.rows, base=base, propagate=self.propagate)
        step = self._plane(MASK_DTYPE)
        block.data, block.variance, block.count, block.mask = (
            address + self.planes_at + index * step for index in range(len(PLANES))
        )
        ctypes.memmove(host.ctypes.data, ctypes.byref(block), ctypes.sizeof(block))

    def unpack(self, host: NDArray[np.uint8], into: Combined) -> None:
        """Take the planes that came back out of host memory, which begins with them."""
        for index, name in enumerate(PLANES):
            plane = getattr(into, name)[self.rows]
            at = index * self._plane(MASK_DTYPE)
            plane[...] = host[at : at + plane.nbytes].view(plane.dtype).reshape(plane.shape)

    @property
    def _inputs_at(self) -> int:
        return _aligned(self.frames_at + len(self.plan.stack) * ctypes.sizeof(Frame))

    def _plane(self, dtype: np.dtype[Any]) -> int:
        return _aligned(self.pixels * dtype.itemsize)

    def _input_types(self) -> list[np.dtype[Any]]:
        """Give the types of samples, masks and variances, as far as they go along."""
        types = [stored_type(self.plan)[0]]
        if self.plan.masks is not None:
            types.append(MASK_DTYPE)
        if self.propagate and self.plan.variances is not None:
            single = all(plane.dtype == np.float32 for plane in self.plan.variances)
            types.append(np.dtype(np.float32 if single else np.float64))
        return types

    def _read(self, plane: RowSource, host: NDArray[np.uint8], at: int, dtype: np.dtype[Any]) -> int:
        """Read rows as numbers of a type; give where the next plane begins."""
        into = host[at : at + self.pixels * dtype.itemsize].view(dtype).reshape(-1, self.plan.shape[1])
        if plane.dtype == dtype:
            plane.read_rows(self.rows.start, self.rows.stop, into)
        else:
            into[...] = load([plane], self.rows, dtype.newbyteorder("=")).reshape(into.shape)
        return at + self._plane(dtype)


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
