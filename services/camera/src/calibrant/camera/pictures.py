"""A picture of an image: its detectors where they sit in the focal plane, grey, on one scale. Runs in a child process.

Must not know commands, tables or clocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import BytesIO
from math import ceil, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from calibrant.bus.errors import PermanentError
from calibrant.camera.exposing import instrument_of
from calibrant.contracts.camera.v1 import StoredFile
from calibrant.frames.correcting import Choices, correction
from calibrant.frames.instrument import Instrument, Position
from calibrant.frames.reading import FrameRejected, read_frames
from calibrant.frames.writing import preview_of
from calibrant.pixels import correct_frame
from calibrant.runtime.objects import ObjectStore

LIMITS: Final = (1.0, 99.0)
"""Percentiles of the good pixels that black and white stand for."""
_GREYS: Final = 255
_NOTHING: Final = 255
_BEHIND: Final = (52, 58, 84)
_GAP: Final = 0.04
"""Part of a detector's side that is left free beside it."""


class NoPicture(PermanentError):
    """An image cannot be drawn; the text says why."""


def picture(canonical: str, files: Sequence[StoredFile], objects: ObjectStore, most: int) -> bytes:
    """Draw an image as PNG, the electronic level removed; one detector is in memory at a time.

    Parameters
    ----------
    canonical
        The instrument, as canonical JSON.
    files
        Frames of the image, one at least.
    objects
        Where they are.
    most
        Pixels along the longer side, at most.

    Raises
    ------
    NoPicture
        A file is no frame of the instrument.
    ObjectMissing, ObjectDamaged, StoreUnavailable
        A file is gone, is not what was stored, or cannot be had now.
    """
    instrument = instrument_of(canonical)
    places = placed(instrument, [file.detector for file in files])
    sheet = Sheet(list(places.values()), most)
    for file in files:
        sheet.put(places[file.detector], _seen(instrument, file, objects, sheet.side))
    return _png(sheet.pixels)


def placed(instrument: Instrument, detectors: Iterable[int]) -> dict[int, Position]:
    """Return where detectors are drawn: as they sit in the camera, or side by side where that is not told."""
    wanted = list(dict.fromkeys(detectors))
    told = {one: instrument.detector(one).position for one in wanted}
    known = {one: position for one, position in told.items() if position is not None}
    if len(known) == len(wanted):
        return known
    across = ceil(sqrt(len(wanted)))
    return {
        one: Position(column=number % across, row=-(number // across)) for number, one in enumerate(wanted)
    }


class Sheet:
    """The picture while it is drawn: values, NaN where nothing is; the first row is at the bottom.

    Parameters
    ----------
    places
        Where detectors will be put.
    most
        Pixels along the longer side, at most.
    """

    def __init__(self, places: Sequence[Position], most: int) -> None:
        columns, rows = [one.column for one in places], [one.row for one in places]
        self._left, self._bottom = min(columns), min(rows)
        width, height = max(columns) - self._left + 1, max(rows) - self._bottom + 1
        self._cell = max(1.0, most / max(width, height))
        shape = (max(1, int(height * self._cell)), max(1, int(width * self._cell)))
        self.pixels: NDArray[np.float32] = np.full(shape, np.nan, np.float32)

    @property
    def side(self) -> int:
        """Pixels that a detector may have along a side."""
        return max(1, int(self._cell * (1 - _GAP)))

    def put(self, place: Position, seen: NDArray[np.float32]) -> None:
        """Put a detector into the middle of its place, turned as it is mounted."""
        turned = np.rot90(seen, -place.turned_deg // 90)  # anticlockwise, rows being counted upwards
        corner = (place.row - self._bottom, place.column - self._left)
        y, x = (
            int(at * self._cell + (self._cell - size) / 2)
            for at, size in zip(corner, turned.shape, strict=True)
        )
        free = self.pixels[y : y + turned.shape[0], x : x + turned.shape[1]]
        free[...] = turned[: free.shape[0], : free.shape[1]]


def _seen(instrument: Instrument, file: StoredFile, objects: ObjectStore, side: int) -> NDArray[np.float32]:
    """Return a detector as it is drawn, in ADU."""
    path = objects.local_path(file.ref)
    try:
        frames = {frame.detector: frame.array for frame in read_frames(path, instrument)}
        raw = frames[file.detector]
    except FrameRejected as error:
        raise NoPicture(str(error)) from None
    geometry, signature = correction(instrument, file.detector, Choices(), "adu")
    image = correct_frame(raw, geometry, signature)
    return preview_of("", "adu", image.data, image.mask, side).data


def _png(values: NDArray[np.float32]) -> bytes:
    good = values[np.isfinite(values)]
    black, white = np.percentile(good, LIMITS) if good.size else (0.0, 0.0)
    span = (white - black) or 1.0
    greys = np.clip((np.nan_to_num(values) - black) / span, 0, 1) * (_GREYS - 1)
    drawn = np.where(np.isfinite(values), greys, _NOTHING).astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(drawn[::-1]), mode="P")
    image.putpalette([*(level for grey in range(_GREYS) for level in [grey] * 3), *_BEHIND])
    stream = BytesIO()
    image.save(stream, format="PNG")
    return stream.getvalue()
