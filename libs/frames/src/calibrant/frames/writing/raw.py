"""Owns writing raw frames, as a camera does; must not know where their pixels come from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from calibrant.frames.writing.atomic import write_bytes
from calibrant.frames.writing.fits_bytes import fits_bytes, set_card

CardValue = str | int | float | bool
Cards = Mapping[str, CardValue | tuple[CardValue, str]]


def raw_bytes(array: NDArray[np.uint16], cards: Cards) -> bytes:
    """Return a raw frame as a FITS file: one primary image, unsigned by BZERO, with checksums.

    Parameters
    ----------
    array : ndarray
        (rows, columns) uint16, in ADU.
    cards : mapping
        Values, or (value, comment), by keyword, in the order to be written.

    Returns
    -------
    bytes
        The same for the same arguments, on any day.

    Raises
    ------
    ValueError
        If the array is not uint16, or a card cannot be written in FITS; it names the card.
    """
    if array.dtype != np.uint16 or array.ndim != 2:
        raise ValueError(f"a raw frame is a uint16 image, not {array.dtype} of {array.ndim} axes")
    unit: Any = fits.PrimaryHDU(data=array)
    for name, value in cards.items():
        pair = value if isinstance(value, tuple) else (value, "")
        set_card(unit.header, name, *pair)
    return fits_bytes([unit])


def write_raw(path: Path, array: NDArray[np.uint16], cards: Cards) -> None:
    """Write `raw_bytes` to a file: a temporary name, forced to disk, renamed.

    Raises
    ------
    ValueError
        As `raw_bytes`.
    OSError
        If the file cannot be written; nothing is left behind.
    """
    write_bytes(path, raw_bytes(array, cards))
