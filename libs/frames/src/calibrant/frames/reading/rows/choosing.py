"""Owns which source reads an image; must not know instruments."""

import numpy as np

from calibrant.frames.reading.content import Content
from calibrant.frames.reading.encoding import Encoding
from calibrant.frames.reading.hdus import Hdu
from calibrant.frames.reading.keeping import Keep
from calibrant.frames.reading.rows.plain import PlainRows
from calibrant.frames.reading.rows.tiled import TileRows, by_row
from calibrant.frames.reading.unpacking import unpacked


def stored_rows(content: Content, hdu: Hdu, shape: tuple[int, int], keep: Keep) -> PlainRows | TileRows:
    """Return the source of an image's numbers, as they are stored.

    A compressed image whose tiles are not its rows would be unpacked again and again for a few rows each: it is
    unpacked once, and kept.

    Parameters
    ----------
    content : Content
        The whole file, uncompressed.
    hdu : Hdu
        Its unit that holds the image.
    shape : tuple of int
        Rows and columns: the image's axes, but for axes of length 1.
    keep : Keep
        What keeps an image that is unpacked.

    Raises
    ------
    FrameRejected
        A card is no number, a table of tiles is not sound, or the image does not unpack.
    """
    encoding = Encoding.of(hdu)
    if not hdu.compressed:
        return PlainRows(content, hdu.data_offset, shape, encoding)
    if by_row(content, hdu, shape):
        return TileRows(content, hdu, shape, encoding)
    pixels = unpacked(content, hdu, encoding).reshape(-1).view(np.uint8)
    return PlainRows(keep([pixels.data]), 0, shape, encoding)
