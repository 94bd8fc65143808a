"""Owns the rows of a tile-compressed image, each tile a row; must not know instruments.

Only the tiles of the rows that are asked for are read and unpacked.

Source: FITS standard 4.0, section 10.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.frames.reading.content import Content
from calibrant.frames.reading.encoding import Encoding
from calibrant.frames.reading.hdus import Hdu, Scalar, integer
from calibrant.frames.reading.rejection import FrameRejected, RejectionReason
from calibrant.frames.reading.rows.request import check_request, told_of
from calibrant.frames.reading.rows.rice import BLOCK_SIZES, MARGIN, rice_decoder
from calibrant.frames.reading.tiles import Packed, packed_columns, unzipped, unzipped_together

_RICE: Final = ("RICE_1", "RICE_ONE")
_AT_ONCE: Final = 64

_Places = list[tuple[int, int]]
_Unpack = Callable[[NDArray[np.uint8], _Places, NDArray[Any]], int | None]


class TileRows:
    """Rows as their tiles hold them, unpacked into the caller's buffer by as many threads as like.

    Parameters
    ----------
    content : Content
        The file.
    hdu : Hdu
        Its unit that holds the image; see `by_row`.
    shape : tuple of int
        Rows and columns.
    encoding : Encoding
        What the stored numbers mean.

    Raises
    ------
    FrameRejected
        The table of the tiles is not sound.
    """

    def __init__(self, content: Content, hdu: Hdu, shape: tuple[int, int], encoding: Encoding) -> None:
        self._content = content
        (self._tiles,) = packed_columns(content, hdu)
        self.shape = shape
        self.encoding = encoding
        self.zero = encoding.offset or 0
        method = hdu.cards["ZCMPTYPE"]
        self.dtype = encoding.stored if method == "GZIP_1" else encoding.stored.newbyteorder("=")
        self._unpack = (
            _rice(hdu, encoding) if method in _RICE else _gzip(encoding, shuffled=method == "GZIP_2")
        )

    def read_rows(self, first: int, last: int, into: NDArray[Any]) -> None:
        """Unpack rows ``first`` to ``last`` (not included) into a buffer, a few at a time.

        Raises
        ------
        FrameRejected
            A tile does not unpack, the file is cut, written to or unreadable meanwhile, or a pixel has no value;
            the message names HDU and row. What the buffer holds then means nothing.
        """
        check_request(self.shape, self.dtype, first, last, into)
        for row in range(first, last, _AT_ONCE):
            end = min(row + _AT_ONCE, last)
            self._unpack_rows(row, end, into[row - first : end - first])

    def _unpack_rows(self, first: int, last: int, into: NDArray[Any]) -> None:
        start, count = self._tiles.start[first:last], self._tiles.count[first:last]
        begin, end = int(start.min()), int((start + count).max())
        packed = np.empty(end - begin + MARGIN, np.uint8)
        packed[-MARGIN:] = 0xFF
        with told_of(self.encoding.index, first, 0):
            self._content.fill(begin, packed[:-MARGIN].data)
        places = zip((start - begin).tolist(), count.tolist(), strict=True)
        bad = self._unpack(packed, list(places), into)
        if bad is not None:
            raise FrameRejected(
                RejectionReason.CORRUPT,
                f"row {first + bad} of the compressed image in HDU {self.encoding.index} does not unpack; "
                "copy or fetch the file again",
            )
        self.encoding.check(into, first)


def by_row(content: Content, hdu: Hdu, shape: tuple[int, int]) -> bool:
    """Tell whether a compressed image can be read by `TileRows`.

    That is so where each tile is a row, packed without loss by Rice or gzip: what cameras and fpack write of integers.

    Raises
    ------
    FrameRejected
        The table of the tiles is not sound.
    """
    columns = packed_columns(content, hdu)
    if len(columns) != 1 or columns[0].name != "COMPRESSED_DATA" or columns[0].form != "B":
        return False
    names = {str(hdu.cards.get(f"TTYPE{n}")) for n in range(1, integer(hdu.cards, "TFIELDS", hdu.index) + 1)}
    lossless = not {*names, *hdu.cards} & {"ZSCALE", "ZZERO"} and "ZBLANK" not in names
    return lossless and _a_row_each(hdu, shape, columns[0]) and _known(hdu)


def _a_row_each(hdu: Hdu, shape: tuple[int, int], tiles: Packed) -> bool:
    width = integer(hdu.cards, "ZTILE1", hdu.index, default=hdu.axes[-1])
    return width == shape[1] and len(tiles.count) == shape[0] and bool((tiles.count > 0).all())


def _known(hdu: Hdu) -> bool:
    """Tell whether the pixels are packed in a way that is unpacked here."""
    if hdu.cards["ZCMPTYPE"] not in _RICE:
        return str(hdu.cards["ZCMPTYPE"]).startswith("GZIP")
    width = _setting(hdu, "BYTEPIX", 4)
    return (
        width in (2, 4)
        and hdu.cards["ZBITPIX"] == 8 * int(width)
        and _setting(hdu, "BLOCKSIZE", 32) in BLOCK_SIZES
    )


def _setting(hdu: Hdu, name: str, default: int) -> Scalar:
    """Return a parameter of the compression, from its pair of cards ZNAMEn and ZVALn."""
    for number in range(1, 10):
        if str(hdu.cards.get(f"ZNAME{number}", "")).strip().upper() == name:
            return hdu.cards.get(f"ZVAL{number}", default)
    return default


def _rice(hdu: Hdu, encoding: Encoding) -> _Unpack:
    decode, block = rice_decoder(encoding.stored.itemsize), int(_setting(hdu, "BLOCKSIZE", 32))

    def unpack(packed: NDArray[np.uint8], places: _Places, into: NDArray[Any]) -> int | None:
        source, target, step = packed.ctypes.data, into.ctypes.data, into.strides[0]
        for row, (place, size) in enumerate(places):
            if not decode(source + place, size, target + row * step, into.shape[1], block):
                return row
        return None

    return unpack


def _gzip(encoding: Encoding, *, shuffled: bool) -> _Unpack:
    width = encoding.stored.itemsize

    def unpack(packed: NDArray[np.uint8], places: _Places, into: NDArray[Any]) -> int | None:
        source, pixels = packed.data, into.reshape(-1).view(np.uint8)
        if shuffled:
            pixels = np.empty_like(pixels)
        target, size_of_row = pixels.data, into.shape[1] * width
        if not unzipped_together(source, places, target):
            for row, (place, size) in enumerate(places):
                tile = unzipped(source[place : place + size], size_of_row)
                if tile is None or len(tile) != size_of_row:
                    return row
                target[row * size_of_row : (row + 1) * size_of_row] = tile
        if shuffled:
            _unshuffle(pixels.reshape(len(into), width, -1), into.view(f"u{width}"))
        return None

    return unpack


def _unshuffle(planes: NDArray[np.uint8], pixels: NDArray[Any]) -> None:
    """Bring the bytes of each pixel together: rows come as all first bytes, all second ones, and so on."""
    np.copyto(pixels, planes[:, 0])
    wide = np.empty_like(pixels)
    for byte in range(1, planes.shape[1]):
        np.copyto(wide, planes[:, byte])
        pixels *= 256
        pixels |= wide
