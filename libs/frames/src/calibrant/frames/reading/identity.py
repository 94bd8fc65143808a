"""Owns what makes two frames the same: their pixels and cards, however they are packed or named."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibrant.frames.reading.hdus import Scalar

_PACKING = re.compile(
    r"^(SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|PCOUNT|GCOUNT|BSCALE|BZERO|BLANK|CHECKSUM|DATASUM|EXTNAME|EXTVER"
    r"|INHERIT|TFIELDS|T(TYPE|FORM|UNIT|DIM)\d+|Z(IMAGE|CMPTYPE|BITPIX|NAXIS\d*|TILE\d+|NAME\d+|VAL\d+"
    r"|QUANTIZ|DITHER0|SIMPLE|EXTEND|BLOCKED|TENSION|PCOUNT|GCOUNT|HECKSUM|DATASUM|BLANK|SCALE|ZERO|MASKCMP))$"
)


def frame_cards(cards: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """Return the cards that speak of the frame, without those that only say how its data are stored.

    The latter change when a file is compressed; the frame does not.
    """
    return {name: value for name, value in cards.items() if _PACKING.match(name) is None}


class ContentHashes(NamedTuple):
    """SHA-256 of a frame's content, and of its pixels alone; 64 hexadecimal digits each."""

    content: str
    pixels: str


def content_hashes(
    dtype: np.dtype[Any], shape: tuple[int, ...], bands: Iterable[NDArray[Any]], cards: Mapping[str, Scalar]
) -> ContentHashes:
    """Return the hashes of a frame's content and of its pixels, in one pass.

    They are taken of the type and shape of the pixels and their bytes in big-endian order, that of the content also of
    the cards sorted by keyword. Given `frame_cards`, a gzipped, fpacked or renamed copy has the same hash.

    Parameters
    ----------
    dtype : dtype
        Type of the physical pixel values.
    shape : tuple of int
        Rows and columns.
    bands : iterable of ndarray
        The values, some rows at a time, in order.
    cards : mapping
        `frame_cards` of the header.
    """
    digest = hashlib.sha256()
    digest.update(f"{dtype.kind}{dtype.itemsize}{list(shape)}\n".encode())
    for band in bands:
        digest.update(np.ascontiguousarray(band, dtype=dtype.newbyteorder(">")).data)
    pixels = digest.hexdigest()
    for name, value in sorted(cards.items()):
        digest.update(f"\n{name}={value!r}".encode())
    return ContentHashes(digest.hexdigest(), pixels)


def frame_id(content: str, detector: int) -> str:
    """Return the id of a frame: the first 24 digits of its content's hash, and its detector."""
    return f"{content[:24]}-{detector}"
