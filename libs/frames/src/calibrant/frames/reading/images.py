"""Owns turning the bytes of an image HDU into an array of its physical values; must not know instruments."""

import warnings
from io import BytesIO
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from calibrant.frames.reading.hdus import Hdu
from calibrant.frames.reading.rejection import FrameRejected, RejectionReason
from calibrant.frames.reading.tiles import check_tiles

_TYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
_UNSIGNED = {(16, 1 << 15): np.uint16, (32, 1 << 31): np.uint32, (8, -128): np.int8}


def image(content: bytes, hdu: Hdu) -> NDArray[Any]:
    """Return the image of an HDU, in native byte order.

    Unsigned integers written with BZERO come back unsigned; other scaled integers as float64.

    Parameters
    ----------
    content : bytes
        The whole file, uncompressed.
    hdu : Hdu
        Its unit that holds the image, plain or tile-compressed (Rice and the others of the standard).

    Returns
    -------
    ndarray
        Of the HDU's `axes`.

    Raises
    ------
    FrameRejected
        If a compressed image does not decompress, a scaling card is no number, or pixels have no value
        (NaN, infinity, BLANK).
    """
    array = _decompressed(content, hdu) if hdu.compressed else _plain(content, hdu)
    _all_numbers(array, hdu)
    return array


def _plain(content: bytes, hdu: Hdu) -> NDArray[Any]:
    depth = integer_of(hdu, "BITPIX")
    count = int(np.prod(hdu.axes, dtype=np.int64))
    stored = np.frombuffer(content, dtype=_TYPES[depth], count=count, offset=hdu.data_offset).reshape(
        hdu.axes
    )
    if depth > 0 and "BLANK" in hdu.cards:
        blank = int((stored == integer_of(hdu, "BLANK")).sum())
        _refuse_if(blank, stored.size, f"BLANK ({hdu.cards['BLANK']})")
    scale, zero = _number(hdu, "BSCALE", 1.0), _number(hdu, "BZERO", 0.0)
    if (scale, zero) == (1.0, 0.0):
        return stored.astype(stored.dtype.newbyteorder("="))
    wanted = _UNSIGNED.get((depth, int(zero))) if scale == 1.0 and zero == int(zero) else None
    if wanted is not None:
        return (stored.astype(np.int64) + int(zero)).astype(wanted)
    with np.errstate(over="ignore", invalid="ignore"):  # what comes of it is looked at
        return stored * np.float64(scale) + zero


def _decompressed(content: bytes, hdu: Hdu) -> NDArray[Any]:
    check_tiles(content, hdu)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a fault that matters raises, or is seen in shape and values
            with fits.open(BytesIO(content), memmap=False) as file:
                data = file[hdu.index].data
                array: NDArray[Any] = np.asarray(data, dtype=data.dtype.newbyteorder("="))
    except Exception as problem:
        raise FrameRejected(
            RejectionReason.CORRUPT,
            f"the compressed image in HDU {hdu.index} does not decompress ({problem}); copy or fetch the file again",
        ) from problem
    if array.shape != hdu.axes:
        raise FrameRejected(
            RejectionReason.CORRUPT,
            f"the compressed image in HDU {hdu.index} has shape {array.shape} but its header says {hdu.axes}",
        )
    return array


def _all_numbers(array: NDArray[Any], hdu: Hdu) -> None:
    if array.dtype.kind == "f":
        bad = array.size - int(np.isfinite(array).sum())
        _refuse_if(bad, array.size, "NaN or infinite", hdu.index)


def _refuse_if(bad: int, size: int, what: str, index: int = 0) -> None:
    if bad:
        raise FrameRejected(
            RejectionReason.NOT_A_NUMBER,
            f"{bad} of the {size} pixels of HDU {index} are {what}; a raw frame has a value in every pixel",
        )


def integer_of(hdu: Hdu, name: str) -> int:
    """Return a whole number of either sign.

    Raises
    ------
    FrameRejected
        If the card holds anything else.
    """
    value = _number(hdu, name, None)
    if value != int(value):
        raise _not_a_number(hdu, name, "whole number")
    return int(value)


def _number(hdu: Hdu, name: str, default: float | None) -> float:
    value = hdu.cards.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _not_a_number(hdu, name, "number")
    return float(value)


def _not_a_number(hdu: Hdu, name: str, wanted: str) -> FrameRejected:
    return FrameRejected(
        RejectionReason.BAD_CARD,
        f"card {name} of HDU {hdu.index} is {hdu.cards.get(name)!r} but must be a {wanted}; correct the header",
    )
