"""Combination on a device: bands of rows through page-locked memory and several streams.

Each stream has a thread that reads a band's rows, has them copied, combined and copied back, and waits; so reading,
copying and computing overlap, and memory does not grow with the frames. It must not know whose device it is.
"""

import logging
from queue import SimpleQueue
from typing import Any, Final

from calibrant.pixels.backends.bands import bands, work_through
from calibrant.pixels.backends.blocks import sorted_as
from calibrant.pixels.backends.device import Device, DeviceMemoryError
from calibrant.pixels.backends.parcel import Parcel
from calibrant.pixels.backends.specialised import constants, source
from calibrant.pixels.plan import FEWEST_FOR_SCATTER, Combined, Plan

STREAMS: Final = range(2, 5)
"""As many as threads are asked for, within these."""

TILES: Final = 8
"""Tiles in a band: 32 MiB by default, since small copies are slow."""


def combine_on(device: Device, plan: Plan, into: Combined) -> None:
    """Fill the planes; where the device has no room for bands, with smaller ones.

    Parameters
    ----------
    device
        The GPU.
    plan
        What to combine and how.
    into
        Contiguous planes of the plan's shape.

    Raises
    ------
    DeviceMemoryError
        When it has no room for bands of one row.
    """
    row_bytes = Parcel(plan, slice(0, 1), propagate=plan.variances is not None).size
    band_bytes = max(TILES * plan.tile_bytes, row_bytes)
    while True:
        try:
            _combine(device, plan, into, row_bytes, band_bytes)
        except DeviceMemoryError as problem:
            if band_bytes == row_bytes:
                raise
            band_bytes = max(band_bytes // 4, row_bytes)
            logging.getLogger(__name__).info("bands of %d bytes, since %s", band_bytes, problem)
        else:
            return


def _combine(device: Device, plan: Plan, into: Combined, row_bytes: int, band_bytes: int) -> None:
    streams = max(STREAMS.start, min(plan.threads, STREAMS.stop - 1))
    parts = list(bands(plan.shape[0], row_bytes, band_bytes, streams))
    lines: SimpleQueue[Line] = SimpleQueue()
    for _ in parts[:streams]:
        lines.put(Line(device, plan, parts[0]))

    def work(rows: slice) -> None:
        line = lines.get()
        try:
            line.combine(rows, into)
        finally:
            lines.put(line)

    work_through(work, iter(parts), streams)


class Line:
    """A stream with memory for one band on either side.

    Parameters
    ----------
    device
        The GPU.
    plan
        What is combined and how.
    largest
        Rows of the largest band.
    """

    def __init__(self, device: Device, plan: Plan, largest: slice) -> None:
        parcel = Parcel(plan, largest, propagate=plan.variances is not None)
        self._device, self._plan = device, plan
        self._there = device.host_memory(parcel.planes_at)
        self._back = device.host_memory(parcel.size - parcel.planes_at)
        self._memory = device.memory(parcel.size)
        self._stream = device.stream()
        self._bits, self._base = sorted_as(plan)

    def combine(self, rows: slice, into: Combined) -> None:
        """Combine rows; variances of the inputs are read only where they are propagated."""
        few = len(self._plan.stack) < FEWEST_FOR_SCATTER
        given = self._plan.variances is not None
        self._send(Parcel(self._plan, rows, propagate=few and given), into)
        if given and not few and (into.count[rows] == 1).any():
            self._send(Parcel(self._plan, rows, propagate=True), into)

    def _send(self, parcel: Parcel, into: Combined) -> None:
        kernel = self._kernel(propagate=parcel.propagate)
        address, stream = self._memory.address, self._stream
        parcel.pack(self._there, address, self._base, into)
        back = self._back[: parcel.size - parcel.planes_at]
        try:
            stream.upload(self._there[: parcel.planes_at], address)
            stream.launch(kernel, parcel.pixels, (address, address + parcel.frames_at))
            stream.download(address + parcel.planes_at, back)
        finally:
            stream.wait()  # what it works on is not to be used again before
        parcel.unpack(back, into)

    def _kernel(self, *, propagate: bool) -> Any:
        known = constants(self._plan, self._bits, self._base, propagate=propagate)
        return self._device.kernel(source(), known)
