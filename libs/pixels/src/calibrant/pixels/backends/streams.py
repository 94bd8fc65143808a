"""Combination on a device: bands of rows through page-locked memory and several streams.

Threads read bands' rows and have them copied, combined and copied back; each begins its next band while the last one is
on the device, so reading, copying and computing overlap, and memory does not grow with the frames. It must not know
whose device it is.
"""

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import chain, repeat
from queue import SimpleQueue
from typing import Final

from calibrant.pixels.backends.bands import bands
from calibrant.pixels.backends.device import Device, DeviceMemoryError
from calibrant.pixels.backends.loads import load_of
from calibrant.pixels.backends.parcel import Parcel
from calibrant.pixels.backends.specialised import source
from calibrant.pixels.plan import FEWEST_FOR_SCATTER, PLANES, Combined, Plan
from calibrant.pixels.threads import side_by_side

READERS: Final = 6
"""Threads at most: more wait for the same memory."""

LINES: Final = 6
"""At least as many as read: where few do, the device works on some while they fill others."""

ROWS: Final = 64
"""Rows that tell how much memory one takes: some of it does not depend on their number."""

STRAIGHT_LINES: Final = 3
"""Where the device copies most of what is sent from where it is: one thread has time enough to tell it so."""

TILES: Final = 8
"""Tiles in a band, since small copies are slow."""

MOST_BYTES: Final = 2**25
"""Of a band, so that six of them are 192 MiB; twice as much where one thread tells the device what to do with each."""


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
    readers, lines = (1, STRAIGHT_LINES) if straight else (min(plan.threads, READERS), LINES)
    most = 2 * MOST_BYTES if straight else min(TILES * plan.tile_bytes, MOST_BYTES)
    band_bytes = max(most, plan.fewest_rows * row_bytes)
    while True:
        try:
            parts = bands(plan.shape[0], row_bytes, band_bytes, readers)
            return _combine(device, [parcel.of(rows) for rows in parts], into, readers, lines)
        except DeviceMemoryError as problem:
            if band_bytes == row_bytes:
                raise
            band_bytes = max(band_bytes // 4, row_bytes)
            logging.getLogger(__name__).info("bands of %d bytes, since %s", band_bytes, problem)


def _combine(device: Device, parcels: Sequence[Parcel], into: Combined, readers: int, most: int) -> bool:
    sent, whole, planes = (
        max(sizes)
        for sizes in zip(*((one.sent_size, one.size, one.planes_size) for one in parcels), strict=True)
    )
    if all(device.is_page_locked(getattr(into, name)) for name in PLANES):
        planes = 0
    lines = [Line(device, into, sent, whole, planes) for _ in parcels[:most]]
    longest_ago: SimpleQueue[Line] = SimpleQueue()
    for line in lines:
        longest_ago.put(line)

    def work(parcel: Parcel | None) -> bool:
        line = longest_ago.get()
        try:
            lacking = line.finish()
            if parcel is not None:
                line.begin(parcel)
        finally:
            if parcel is not None:
                longest_ago.put(line)
        return lacking

    with ExitStack() as in_the_end:
        for line in lines:
            in_the_end.callback(line.stop)
        return any(side_by_side(work, chain(parcels, repeat(None, len(lines))), readers))


class Line:
    """A stream with memory for one band on either side.

    Parameters
    ----------
    device
        The GPU.
    into
        Where the planes belong.
    sent, whole
        Most bytes of what is put into host memory for a band, and of all of the band on the device.
    planes
        Most bytes of its planes; 0 where they are copied to where they belong, not into memory of the line first.
    """

    def __init__(self, device: Device, into: Combined, sent: int, whole: int, planes: int) -> None:
        self._device, self._into = device, into
        self._there = device.host_memory(sent)
        self._back = device.host_memory(planes) if planes else None
        self._memory = device.memory(whole)
        self._stream = device.stream()
        self._under_way: Parcel | None = None

    def begin(self, parcel: Parcel) -> None:
        """Send a parcel, have it combined and brought back, without waiting for it.

        Where there are enough samples for scatter, variances of inputs go along later, if some pixel has only one.
        """
        few = len(parcel.plan.stack) < FEWEST_FOR_SCATTER
        self._send(parcel.of(parcel.rows, propagate=few and parcel.propagate))
        self._under_way = parcel

    def finish(self) -> bool:
        """Put the planes of what has begun, if anything has, where they belong; tell whether a pixel has no good sample."""
        parcel, self._under_way = self._under_way, None
        if parcel is None:
            return False
        self._receive(parcel)
        rows = parcel.rows
        few = len(parcel.plan.stack) < FEWEST_FOR_SCATTER
        if parcel.propagate and not few and (self._into.count[rows] == 1).any():
            self._send(parcel)
            self._receive(parcel)
        return self._into.lacks(rows)

    def stop(self) -> None:
        """Wait for the device: what it works on is not to be used again before."""
        self._stream.wait()

    def _send(self, parcel: Parcel) -> None:
        stream = self._stream
        uploads, launches = parcel.pack(self._there, self._memory.address, self._into)
        kernels = [self._device.kernel(source(), one.known) for one in launches]
        for upload in uploads:
            stream.upload(*upload)
        for kernel, one in zip(kernels, launches, strict=True):
            stream.launch(kernel, one.groups, one.arguments)
        self._bring(parcel)

    def _receive(self, parcel: Parcel) -> None:
        self._stream.wait()
        if self._back is not None:
            parcel.unpack(self._back, self._into)

    def _bring(self, parcel: Parcel) -> None:
        if self._back is not None:
            self._stream.download(self._memory.address, self._back[: parcel.planes_size])
            return
        for at, piece in parcel.downloads(self._memory.address, self._into):
            self._stream.download(at, piece)
