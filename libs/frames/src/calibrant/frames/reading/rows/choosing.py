"""Owns which source reads an image; must not know instruments."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from calibrant.frames.reading.content import Content
from calibrant.frames.reading.encoding import Encoding
from calibrant.frames.reading.hdus import Hdu
from calibrant.frames.reading.keeping import Keep
from calibrant.frames.reading.rows.plain import PlainRows
from calibrant.frames.reading.rows.tiled import TileRows, by_row
from calibrant.frames.reading.unpacking import unpacked

_AT_ONCE: Final = 64


def stored_rows(
    content: Content, hdu: Hdu, shape: tuple[int, int], keep: Keep, *, unpack: bool = False
) -> PlainRows | TileRows:
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
    unpack : bool
        Whether every compressed image is unpacked now, for those who read rows more than once.

    Raises
    ------
    FrameRejected
        A card is no number, a table of tiles is not sound, or the image does not unpack.
    """
    encoding = Encoding.of(hdu)
    if not hdu.compressed:
        return PlainRows(content, hdu.data_offset, shape, encoding)
    if by_row(content, hdu, shape):
        tiles = TileRows(content, hdu, shape, encoding)
        return (
            PlainRows(keep(_rows(tiles)), 0, shape, replace(encoding, stored=tiles.dtype))
            if unpack
            else tiles
        )
    pixels = unpacked(content, hdu, encoding).reshape(-1).view(np.uint8)
    return PlainRows(keep([pixels.data]), 0, shape, encoding)


def _rows(tiles: TileRows) -> Iterator[memoryview]:
    """Yield all rows, a few at a time, in memory that is used again."""
    band = np.empty((_AT_ONCE, tiles.shape[1]), tiles.dtype)
    for first in range(0, tiles.shape[0], _AT_ONCE):
        part = band[: min(_AT_ONCE, tiles.shape[0] - first)]
        tiles.read_rows(first, first + len(part), part)
        yield part.reshape(-1).view(np.uint8).data
