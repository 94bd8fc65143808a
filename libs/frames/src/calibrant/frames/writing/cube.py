"""Owns writing cubes of small images, plane by plane; must not know where the planes come from."""

from collections.abc import Iterable
from typing import Any, BinaryIO, Final

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from calibrant.frames.writing.fits_bytes import set_card
from calibrant.frames.writing.raw import Cards

_BLOCK: Final = 2880
_ZERO: Final = 1 << 15


def write_cube(
    stream: BinaryIO, shape: tuple[int, int, int], planes: Iterable[NDArray[np.uint16]], cards: Cards
) -> None:
    """Write planes as one FITS file: a primary cube, unsigned by BZERO. One plane is in memory at a time.

    Parameters
    ----------
    stream : file
        Open for writing bytes.
    shape : tuple of int
        Planes, rows and columns.
    planes : iterable of ndarray
        As many as the shape says, (rows, columns) uint16, in ADU.
    cards : mapping
        Values, or (value, comment), by keyword, in the order to be written.

    Raises
    ------
    ValueError
        If a card cannot be written in FITS; it names the card. Or if the planes are not those of the shape.
    OSError
        If the stream takes no more.
    """
    stream.write(_header(shape, cards))
    written = 0
    for plane in planes:
        if plane.shape != shape[1:] or plane.dtype != np.uint16:
            raise ValueError(f"a plane is {plane.dtype} of {plane.shape}, not uint16 of {shape[1:]}")
        stream.write((plane.astype(np.int32) - _ZERO).astype(">i2").tobytes())
        written += 1
    if written != shape[0]:
        raise ValueError(f"{written} planes came, not {shape[0]}")
    stream.write(b"\0" * (-2 * int(np.prod(shape)) % _BLOCK))


def _header(shape: tuple[int, int, int], cards: Cards) -> bytes:
    planes, rows, columns = shape
    header: Any = fits.Header()
    layout: Cards = {
        "SIMPLE": True,
        "BITPIX": 16,
        "NAXIS": 3,
        "NAXIS1": columns,
        "NAXIS2": rows,
        "NAXIS3": planes,
        "BSCALE": 1,
        "BZERO": _ZERO,
    }
    for name, value in {**layout, **cards}.items():
        pair = value if isinstance(value, tuple) else (value, "")
        set_card(header, name, *pair)
    return bytes(header.tostring(padding=True), "ascii")
