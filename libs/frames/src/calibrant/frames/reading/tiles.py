"""Owns looking at the tiles of a compressed image before they are unpacked; must not know what is in them.

The decoders believe what a file says of itself: how many tiles there are, where each lies, what it unpacks to. All of
that is checked here, so that unpacking costs no more than the image that the header promises.

Source: FITS standard 4.0, section 10.
"""

import math
import re
import zlib
from collections.abc import Iterator
from typing import Final

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


def check_tiles(content: bytes, hdu: Hdu) -> None:
    """Refuse a compressed image that unpacks to more than it says, or cannot be unpacked safely.

    Parameters
    ----------
    content : bytes
        The whole file, uncompressed.
    hdu : Hdu
        Its unit that holds the image.

    Raises
    ------
    FrameRejected
        UNKNOWN_COMPRESSION, MALFORMED_HEADER, CORRUPT or TOO_LARGE; the message names the card or the tile.
    """
    method = hdu.cards.get("ZCMPTYPE")
    if method not in _METHODS:
        raise FrameRejected(
            RejectionReason.UNKNOWN_COMPRESSION,
            f"card ZCMPTYPE of HDU {hdu.index} is {method!r} but {', '.join(_METHODS)} are read; "
            "compress the file by Rice or gzip",
        )
    most = _tile_bytes(hdu)
    for column, at, form in _columns(hdu):
        for row, piece in _pieces(content, hdu, at, form):
            if (column == _GZIPPED or str(method).startswith("GZIP")) and piece.startswith(_GZIP):
                _check_gzip(piece, most, f"tile {row} of HDU {hdu.index}")


def _tile_bytes(hdu: Hdu) -> int:
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


def _pieces(content: bytes, hdu: Hdu, at: int, form: str) -> Iterator[tuple[int, bytes]]:
    """Yield the packed data of each tile, which must lie within the HDU."""
    half = 4 if form.startswith("P") else 8
    item = _WIDTHS.get(form[1:], 1)
    width = integer(hdu.cards, "NAXIS1", hdu.index)
    heap = integer(hdu.cards, "THEAP", hdu.index, default=width * integer(hdu.cards, "NAXIS2", hdu.index))
    for row in range(integer(hdu.cards, "NAXIS2", hdu.index)):
        place = hdu.data_offset + row * width + at
        count = int.from_bytes(content[place : place + half]) * item
        first = int.from_bytes(content[place + half : place + 2 * half])
        if count and heap + first + count > hdu.data_size:
            raise FrameRejected(
                RejectionReason.CORRUPT,
                f"tile {row} of HDU {hdu.index} lies beyond its data ({count} bytes from byte {first} of the heap); "
                "copy or fetch the file again",
            )
        start = hdu.data_offset + heap + first
        yield row, content[start : start + count]


def _check_gzip(piece: bytes, most: int, tile: str) -> None:
    try:
        unpacked = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(piece, most + 1)
    except zlib.error as problem:
        raise FrameRejected(
            RejectionReason.CORRUPT, f"{tile} does not gunzip ({problem}); copy or fetch the file again"
        ) from problem
    if len(unpacked) > most:
        raise FrameRejected(
            RejectionReason.TOO_LARGE,
            f"{tile} unpacks to more than the {most} bytes that it can have; write the file anew",
        )


def _malformed(hdu: Hdu, what: str) -> FrameRejected:
    return FrameRejected(
        RejectionReason.MALFORMED_HEADER,
        f"the compressed image in HDU {hdu.index} breaks the FITS standard: {what}; write the file anew",
    )
