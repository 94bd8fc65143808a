"""Owns looking at the tiles of a compressed image before they are unpacked; must not know what is in them.

The decoders believe what a file says of itself: how many tiles there are, where each lies, what it unpacks to. All of
that is checked here, so that unpacking costs no more than the image that the header promises.

Source: FITS standard 4.0, section 10.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any, Final

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from calibrant.frames.reading.content import Content
from calibrant.frames.reading.hdus import Hdu, integer
from calibrant.frames.reading.rejection import FrameRejected, RejectionReason

_METHODS: Final = ("RICE_1", "RICE_ONE", "GZIP_1", "GZIP_2", "NOCOMPRESS")
_MOST_TILES: Final = 1 << 17
_MOST_COLUMNS: Final = 50
_FORM: Final = re.compile(r"(\d{0,9})([LXBIJKAEDCMPQ])")
_WIDTHS: Final = {
    "L": 1,
    "B": 1,
    "I": 2,
    "J": 4,
    "K": 8,
    "A": 1,
    "E": 4,
    "D": 8,
    "C": 8,
    "M": 16,
    "P": 8,
    "Q": 16,
}
_GZIPPED: Final = "GZIP_COMPRESSED_DATA"
_PACKED: Final = ("COMPRESSED_DATA", _GZIPPED, "UNCOMPRESSED_DATA")
_GZIP: Final = b"\x1f\x8b"
_LENGTH: Final = Struct("<I")
_WITH_HEADER: Final = isal_zlib.MAX_WBITS | 16


@dataclass(frozen=True, eq=False, slots=True)
class Packed:
    """One column of packed tiles.

    Parameters
    ----------
    name, form : str
        Name and item type of the column (``B`` for bytes).
    start, count : ndarray
        Where each tile's data begin in the file, and how many bytes they are; all within the HDU.
    """

    name: str
    form: str
    start: NDArray[np.int64]
    count: NDArray[np.int64]


def packed_columns(content: Content, hdu: Hdu) -> list[Packed]:
    """Return where the tiles of a compressed image lie.

    Parameters
    ----------
    content : Content
        The whole file, uncompressed.
    hdu : Hdu
        Its unit that holds the image.

    Raises
    ------
    FrameRejected
        UNKNOWN_COMPRESSION, MALFORMED_HEADER or CORRUPT; the message names the card or the tile.
    """
    method = hdu.cards.get("ZCMPTYPE")
    if method not in _METHODS:
        raise FrameRejected(
            RejectionReason.UNKNOWN_COMPRESSION,
            f"card ZCMPTYPE of HDU {hdu.index} is {method!r} but {', '.join(_METHODS)} are read; "
            "compress the file by Rice or gzip",
        )
    tile_bytes(hdu)
    columns = list(_columns(hdu))
    rows, width = integer(hdu.cards, "NAXIS2", hdu.index), integer(hdu.cards, "NAXIS1", hdu.index)
    if rows * width > hdu.data_size:
        raise _malformed(hdu, "it is no table of NAXIS1 x NAXIS2 bytes")
    table = np.frombuffer(content.read(hdu.data_offset, rows * width), np.uint8).reshape(rows, width)
    return [_packed(hdu, name, form, table[:, at:]) for name, at, form in columns]


def check_tiles(content: Content, hdu: Hdu) -> None:
    """Refuse a compressed image that unpacks to more than it says, or cannot be unpacked safely.

    Raises
    ------
    FrameRejected
        As `packed_columns`, or TOO_LARGE; the message names the card or the tile.
    """
    columns, most = packed_columns(content, hdu), tile_bytes(hdu)
    for column in columns:
        if column.name != _GZIPPED and not str(hdu.cards["ZCMPTYPE"]).startswith("GZIP"):
            continue
        for row, (start, count) in enumerate(zip(column.start.tolist(), column.count.tolist(), strict=True)):
            piece = content.read(start, count)
            if piece.startswith(_GZIP):
                _check_size(unzipped(piece, most), most, f"tile {row} of HDU {hdu.index}")


def unzipped(piece: bytes | memoryview, most: int) -> bytes | None:
    """Return what a gzipped tile holds, or one byte more than it may; None if it does not gunzip.

    Parameters
    ----------
    piece : bytes or memoryview
        The tile.
    most : int
        Most bytes that it may hold; hardly more is unpacked.
    """
    try:
        unpacked: bytes = isal_zlib.decompressobj(_WITH_HEADER).decompress(piece, most + 1)
    except isal_zlib.error:
        return None
    return unpacked


def unzipped_together(source: memoryview, places: Sequence[tuple[int, int]], into: memoryview) -> bool:
    """Unpack gzipped tiles that lie one after the other straight into a buffer; tell whether that went well.

    That saves a copy of every tile. Where it did not go well, unpacking one by one finds out why, if anything is wrong.

    Parameters
    ----------
    source : memoryview
        What the tiles lie in.
    places : sequence of tuple of int
        Where each tile begins, and how many bytes it is.
    into : memoryview
        Is filled; each tile must hold the same part of it, which its last four bytes tell.
    """
    size = len(into) // len(places)
    begin, end = places[0][0], places[0][0]
    for place, count in places:
        if place != end or count < len(_GZIP) + _LENGTH.size:
            return False
        end += count
        if _LENGTH.unpack_from(source, end - _LENGTH.size)[0] != size:
            return False
    stream, done = isal_zlib._GzipReader(source[begin:end], 1), 0  # noqa: SLF001 (igzip's public names copy)
    try:
        while done < len(into):
            read = stream.readinto(into[done:])
            if not read:
                return False
            done += read
        return not stream.readinto(memoryview(bytearray(1)))
    except (OSError, EOFError, isal_zlib.error):
        return False


def _check_size(tile: bytes | None, most: int, name: str) -> None:
    if tile is None:
        raise FrameRejected(RejectionReason.CORRUPT, f"{name} does not gunzip; copy or fetch the file again")
    if len(tile) > most:
        raise FrameRejected(
            RejectionReason.TOO_LARGE,
            f"{name} unpacks to more than the {most} bytes that it can have; write the file anew",
        )


def _packed(hdu: Hdu, name: str, form: str, table: NDArray[np.uint8]) -> Packed:
    """Look up the tiles of a column, which must lie within the HDU."""
    half = 4 if form.startswith("P") else 8
    rows, width = integer(hdu.cards, "NAXIS2", hdu.index), integer(hdu.cards, "NAXIS1", hdu.index)
    heap = integer(hdu.cards, "THEAP", hdu.index, default=width * rows)
    pairs: NDArray[Any] = np.ascontiguousarray(table[:, : 2 * half]).view(f">u{half}")
    items, first = pairs[:, 0].astype(np.uint64), pairs[:, 1].astype(np.uint64)
    item = _WIDTHS.get(form[1:], 1)
    most = max(0, hdu.data_size - heap)
    outside = (items > most // item) | (first > most) | (items * np.uint64(item) + first > most)
    if (bad := np.flatnonzero(outside & (items > 0))).size:
        tile = int(bad[0])
        raise FrameRejected(
            RejectionReason.CORRUPT,
            f"tile {tile} of HDU {hdu.index} lies beyond its data ({int(items[tile]) * item} bytes from byte "
            f"{int(first[tile])} of the heap); copy or fetch the file again",
        )
    first[items == 0] = 0
    start = first.astype(np.int64) + (hdu.data_offset + min(heap, hdu.data_size))
    return Packed(name, form[1:], start, items.astype(np.int64) * item)


def tile_bytes(hdu: Hdu) -> int:
    """Return the bytes of a whole tile; the table must have a row for each."""
    lengths = [integer(hdu.cards, f"ZNAXIS{n}", hdu.index) for n in range(1, len(hdu.axes) + 1)]
    tiles = [
        # a tile larger than the image would only serve a bomb
        integer(hdu.cards, f"ZTILE{n}", hdu.index, most=length, default=length if n == 1 else 1)
        for n, length in enumerate(lengths, start=1)
    ]
    if 0 in tiles:
        raise _malformed(hdu, "a card ZTILEn is 0")
    wanted = math.prod(-(-length // tile) for length, tile in zip(lengths, tiles, strict=True))
    rows = integer(hdu.cards, "NAXIS2", hdu.index)
    if rows != wanted or wanted > _MOST_TILES:
        raise _malformed(hdu, f"its table has {rows} rows for {wanted} tiles ({_MOST_TILES} at most)")
    return math.prod(tiles) * 8  # pixels of 8 bytes at most


def _columns(hdu: Hdu) -> Iterator[tuple[str, int, str]]:
    """Yield name, place in the row and form of each column with packed data."""
    at, width = 0, integer(hdu.cards, "NAXIS1", hdu.index)
    for number in range(1, integer(hdu.cards, "TFIELDS", hdu.index, most=_MOST_COLUMNS) + 1):
        match = _FORM.match(str(hdu.cards.get(f"TFORM{number}", "")))
        if match is None:
            raise _malformed(hdu, f"card TFORM{number} is {hdu.cards.get(f'TFORM{number}')!r}")
        name, count, form = str(hdu.cards.get(f"TTYPE{number}", "")).strip().upper(), match[1], match[2]
        size = -(-int(count or 1) // 8) if form == "X" else int(count or 1) * _WIDTHS[form]
        if at + size > width:
            raise _malformed(hdu, f"its columns are wider than NAXIS1 = {width}")
        if name in _PACKED and form in "PQ" and size:
            yield name, at, str(match.string[match.start(2) : match.start(2) + 2])
        at += size


def _malformed(hdu: Hdu, what: str) -> FrameRejected:
    return FrameRejected(
        RejectionReason.MALFORMED_HEADER,
        f"the compressed image in HDU {hdu.index} breaks the FITS standard: {what}; write the file anew",
    )
