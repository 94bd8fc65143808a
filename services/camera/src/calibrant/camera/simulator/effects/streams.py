"""The stream of one amplifier: its prescan, image and overscans in the order of reading.

Owns which pixel of a raw frame is read when. Must not know effects.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from calibrant.frames.instrument import Amplifier, Section

Plane = NDArray[np.float32]
Slices = tuple[slice, slice]


@dataclass(frozen=True, eq=False, slots=True)
class Stream:
    """What one amplifier reads; the pixel that is read first is the first one.

    Parameters
    ----------
    amplifier
        The amplifier.
    signal
        (rows, columns): rows of the image, then of the parallel overscan; columns of the prescan, of the image,
        then of the serial overscan. Changed in place.
    prescan
        Number of columns before the image.
    """

    amplifier: Amplifier
    signal: Plane
    prescan: int

    @classmethod
    def of(cls, amplifier: Amplifier, trimmed: Plane, placed: Section) -> Self:
        """Take an amplifier's part out of the trimmed frame (rows, columns); overscans begin empty."""
        rows, columns = placed.shape
        prescan, serial, parallel = amplifier.prescan, amplifier.serial_overscan, amplifier.parallel_overscan
        before = prescan.shape[1] if prescan else 0
        after = serial.shape[1] if serial else 0
        below = parallel.shape[0] if parallel else 0
        signal = np.zeros((rows + below, before + columns + after), np.float32)
        stream = cls(amplifier, signal, before)
        stream.image[...] = in_order(amplifier, trimmed, placed)
        return stream

    @property
    def image(self) -> Plane:
        """The image's part of the signal."""
        rows, columns = self.amplifier.image.shape
        return self.signal[:rows, self.prescan : self.prescan + columns]

    def add_to(self, raw: Plane) -> None:
        """Add the signal to a raw frame, where the amplifier's pixels are."""
        for section, turns, place in self._parts():
            part = raw[section.y0 : section.y1, section.x0 : section.x1][turns]
            read = self.signal[place]
            part[: read.shape[0], : read.shape[1]] += read[: part.shape[0], : part.shape[1]]

    def _parts(self) -> Iterator[tuple[Section, Slices, Slices]]:
        """Give each section of the raw frame, how it is turned for reading, and its place in the signal."""
        amplifier, image = self.amplifier, self.amplifier.image
        rows, columns = image.shape
        shone = slice(self.prescan, self.prescan + columns)
        yield image, (_turned(False), _turned(amplifier.image_reversed)), (slice(rows), shone)
        if (serial := amplifier.serial_overscan) is not None:
            falling = (serial.x0 >= image.x1) is amplifier.overscan_reversed
            yield serial, (_turned(False), _turned(falling)), (slice(rows), slice(shone.stop, None))
        if (parallel := amplifier.parallel_overscan) is not None:
            turns = _turned(parallel.y0 < image.y1), _turned(amplifier.image_reversed)
            yield parallel, turns, (slice(rows, None), shone)
        if (prescan := amplifier.prescan) is not None:
            turns = _turned(False), _turned(prescan.x0 >= image.x1)
            yield prescan, turns, (slice(rows), slice(self.prescan))


def in_order(amplifier: Amplifier, trimmed: NDArray[Any], placed: Section) -> NDArray[Any]:
    """Return a view of an amplifier's part of the trimmed frame, in the order of reading."""
    part = trimmed[placed.y0 : placed.y1, placed.x0 : placed.x1]
    return part[_turned(amplifier.flip_y), _turned(amplifier.flip_x is not amplifier.image_reversed)]


def _turned(falling: bool) -> slice:
    return slice(None, None, -1 if falling else 1)
