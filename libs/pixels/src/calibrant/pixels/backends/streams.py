"""Combination on a device: bands of rows through page-locked memory and several streams.

Each stream has a thread that reads a band's rows, has them copied, combined and copied back, and waits; so reading,
copying and computing overlap, and memory does not grow with the frames. It must not know whose device it is.
"""

import logging
from collections.abc import Sequence
from queue import SimpleQueue
from typing import Final

from calibrant.pixels.backends.bands import bands, work_through
from calibrant.pixels.backends.device import Device, DeviceMemoryError
from calibrant.pixels.backends.loads import load_of
from calibrant.pixels.backends.parcel import Parcel
from calibrant.pixels.backends.specialised import source
from calibrant.pixels.plan import FEWEST_FOR_SCATTER, PLANES, Combined, Plan

STREAMS: Final = range(2, 7)
"""As many as threads are asked for, within these."""

ROWS: Final = 64
"""Rows that tell how much memory one takes: some of it does not depend on their number."""

STRAIGHT_STREAMS: Final = 3
"""Where the device copies most of what is sent from where it is: there is no work for more threads."""

TILES: Final = 8
"""Tiles in a band, since small copies are slow."""

MOST_BYTES: Final = 2**25
"""Of a band, so that six of them are 192 MiB; twice as much where most of it is copied from where it is."""


def combine_on(device: Device, plan: Plan, into: Combined) -> bool:
    """Fill the planes, and tell whether a pixel has no good sample; where the device has no room for bands, with smaller ones.

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
    load = load_of(plan, device.is_page_locked)
    some = slice(0, min(plan.shape[0], ROWS))
    parcel = Parcel(plan, load, some, propagate=plan.variances is not None)
    row_bytes = -(-parcel.size // some.stop)
    straight = load.straight_size(some) > parcel.sent_size
    streams = STRAIGHT_STREAMS if straight else max(STREAMS.start, min(plan.threads, STREAMS.stop - 1))
    most = 2 * MOST_BYTES if straight else min(TILES * plan.tile_bytes, MOST_BYTES)
    band_bytes = max(most, plan.fewest_rows * row_bytes)
    while True:
        try:
            parts = bands(plan.shape[0], row_bytes, band_bytes, streams)
            return _combine(device, [parcel.of(rows) for rows in parts], into, streams)
        except DeviceMemoryError as problem:
            if band_bytes == row_bytes:
                raise
            band_bytes = max(band_bytes // 4, row_bytes)
            logging.getLogger(__name__).info("bands of %d bytes, since %s", band_bytes, problem)


def _combine(device: Device, parcels: Sequence[Parcel], into: Combined, streams: int) -> bool:
    propagate, few = parcels[0].propagate, len(parcels[0].plan.stack) < FEWEST_FOR_SCATTER
    sent, whole, planes = (
        max(sizes)
        for sizes in zip(*((one.sent_size, one.size, one.planes_size) for one in parcels), strict=True)
    )
    if all(device.is_page_locked(getattr(into, name)) for name in PLANES):
        planes = 0
    lines: SimpleQueue[Line] = SimpleQueue()
    for _ in parcels[:streams]:
        lines.put(Line(device, sent, whole, planes))

    def work(rows: slice) -> bool:
        line = lines.get()
        try:
            line.carry(parcels[0].of(rows, propagate=few and propagate), into)
            if propagate and not few and (into.count[rows] == 1).any():
                line.carry(parcels[0].of(rows), into)
        finally:
            lines.put(line)
        return into.lacks(rows)

    return work_through(work, iter([one.rows for one in parcels]), streams)


class Line:
    """A stream with memory for one band on either side.

    Parameters
    ----------
    device
        The GPU.
    sent, whole
        Most bytes of what is put into host memory for a band, and of all of the band on the device.
    planes
        Most bytes of its planes; 0 where they are copied to where they belong, not into memory of the line first.
    """

    def __init__(self, device: Device, sent: int, whole: int, planes: int) -> None:
        self._device = device
        self._there = device.host_memory(sent)
        self._back = device.host_memory(planes) if planes else None
        self._memory = device.memory(whole)
        self._stream = device.stream()

    def carry(self, parcel: Parcel, into: Combined) -> None:
        """Send a parcel, have it combined, and put the planes where they belong."""
        address, stream = self._memory.address, self._stream
        uploads, launches = parcel.pack(self._there, address, into)
        kernels = [self._device.kernel(source(), one.known) for one in launches]
        try:
            for upload in uploads:
                stream.upload(*upload)
            for kernel, one in zip(kernels, launches, strict=True):
                stream.launch(kernel, one.groups, one.arguments)
            self._bring(parcel, into)
        finally:
            stream.wait()  # what it works on is not to be used again before
        if self._back is not None:
            parcel.unpack(self._back, into)

    def _bring(self, parcel: Parcel, into: Combined) -> None:
        if self._back is not None:
            self._stream.download(self._memory.address, self._back[: parcel.planes_size])
            return
        for at, piece in parcel.downloads(self._memory.address, into):
            self._stream.download(at, piece)
