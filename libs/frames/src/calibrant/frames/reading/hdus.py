"""Owns walking the header-data units of a FITS file; must not know instruments.

Only headers are parsed here (by astropy); where data begin and end is worked out from the mandatory cards, so
that a truncated or lying file is found out before any pixel is touched.
"""

import math
import threading
import warnings
from dataclasses import dataclass
from typing import Any

from astropy.io import fits

from calibrant.frames.reading.content import Content
from calibrant.frames.reading.rejection import FrameRejected, RejectionReason

BLOCK = 2880
_CARD = 80
_END = b"END" + b" " * 77
_PIECE = 10 * BLOCK
_MAX_AXES = 8
_MAX_HEADER = 1000 * BLOCK
_MOST_BYTES = 2**63
_DEPTHS = (8, 16, 32, 64, -32, -64)
_MOST_UNITS = 1000
_SCALING = frozenset({"BSCALE", "BZERO", "BLANK", "ZBLANK", "ZSCALE", "ZZERO"})
_COMMENTARY = ("COMMENT", "HISTORY", "", "CONTINUE")
_PRINTABLE = bytes(byte if 32 <= byte < 127 else ord("?") for byte in range(256))
_FILTERS = threading.Lock()  # Python has one list of filters for the warnings of all threads

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Hdu:
    """One header-data unit.

    Parameters
    ----------
    index : int
        Number in the file, from 0.
    cards : dict
        Values by keyword; of a repeated keyword the first. Commentary and undefined cards are left out.
    ignored : tuple of str
        What could not be understood and was left out, in words.
    data_offset, data_size : int
        Where the data begin in the file, and their bytes without padding.
    """

    index: int
    cards: dict[str, Scalar]
    ignored: tuple[str, ...]
    data_offset: int
    data_size: int

    @property
    def compressed(self) -> bool:
        """Whether this is a table that holds a tile-compressed image."""
        return self.cards.get("ZIMAGE") is True

    @property
    def axes(self) -> tuple[int, ...]:
        """Lengths of the image's axes, slowest first, as numpy counts; empty for a table or no data."""
        if self.compressed:
            return self._lengths("ZNAXIS")
        if self.cards.get("XTENSION", "IMAGE") != "IMAGE":
            return ()
        return self._lengths("NAXIS")

    def _lengths(self, prefix: str) -> tuple[int, ...]:
        number = integer(self.cards, prefix, self.index, most=_MAX_AXES)
        lengths = [integer(self.cards, f"{prefix}{n}", self.index) for n in range(1, number + 1)]
        return tuple(reversed(lengths))


def integer(
    cards: dict[str, Scalar],
    name: str,
    index: int,
    *,
    least: int = 0,
    most: int = 1 << 40,
    default: int | None = None,
) -> int:
    """Return a mandatory whole number of a header's structure, ``least`` to ``most``.

    Raises
    ------
    FrameRejected
        If the card is missing or holds anything else.
    """
    value = cards.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        found = "is missing" if value is None else f"is {value!r}"
        raise FrameRejected(
            RejectionReason.MALFORMED_HEADER,
            f"card {name} of HDU {index} {found} but must be a whole number from {least} to {most}; "
            "the header breaks the FITS standard: write the file anew",
        )
    return value


def walk(content: Content) -> list[Hdu]:
    """Return the header-data units of a FITS file, of which no data are read.

    Parameters
    ----------
    content : Content
        The whole file, uncompressed.

    Raises
    ------
    FrameRejected
        Not FITS, truncated, or a header that breaks the standard; the message gives HDU, card and offset.
    """
    first = content.read(0, 24)
    if not first.startswith(b"SIMPLE  ="):
        start = first.decode("ascii", "replace")
        raise FrameRejected(
            RejectionReason.NOT_FITS,
            f"is not FITS: it begins with {start!r} instead of 'SIMPLE  ='; give the FITS file",
        )
    units: list[Hdu] = []
    offset = 0
    while offset < content.size and (not units or content.read(offset, 8) == b"XTENSION"):
        if len(units) == _MOST_UNITS:
            raise FrameRejected(
                RejectionReason.MALFORMED_HEADER,
                f"has more than {_MOST_UNITS} HDUs, of which no camera writes so many; write the file anew",
            )
        unit = _unit(content, offset, len(units))
        units.append(unit)
        offset = unit.data_offset + -(-unit.data_size // BLOCK) * BLOCK
    return units


def _unit(content: Content, offset: int, index: int) -> Hdu:
    header = _header(content, offset, index)
    end = offset + len(header)
    cards, ignored = _cards(header, index)
    size = _data_size(cards, index)
    if size > _MOST_BYTES:  # before it is written out: Python refuses to print such numbers
        raise FrameRejected(
            RejectionReason.MALFORMED_HEADER,
            f"the NAXIS cards of HDU {index} ask for more bytes than any file has; write the file anew",
        )
    if end + size > content.size:
        raise FrameRejected(
            RejectionReason.TRUNCATED,
            f"is truncated: the data of HDU {index} begin at byte {end} and need {size} bytes, "
            f"but the file ends at byte {content.size}; copy or fetch the file again",
        )
    return Hdu(index=index, cards=cards, ignored=ignored, data_offset=end, data_size=size)


def _header(content: Content, offset: int, index: int) -> bytes:
    """Return the blocks of a header up to the one with its END card."""
    header = bytearray()
    while len(header) < _MAX_HEADER and (piece := content.read(offset + len(header), _PIECE)):
        for position in range(0, len(piece), _CARD):
            if piece.startswith(_END, position):
                return bytes(header + piece)[: -(-(len(header) + position + _CARD) // BLOCK) * BLOCK]
        header += piece
    if content.size - offset > _MAX_HEADER:
        raise FrameRejected(
            RejectionReason.MALFORMED_HEADER,
            f"the header of HDU {index} at byte {offset} has no END card within {_MAX_HEADER} bytes; "
            "write the file anew",
        )
    raise FrameRejected(
        RejectionReason.TRUNCATED,
        f"is truncated: the header of HDU {index} at byte {offset} has no END card before the file ends "
        f"at byte {content.size}; copy or fetch the file again",
    )


def _cards(block: bytes, index: int) -> tuple[dict[str, Scalar], tuple[str, ...]]:
    text = block.translate(_PRINTABLE).decode("ascii")
    cards: dict[str, Scalar] = {}
    ignored: list[str] = []
    with _FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what astropy would warn of is found below, card by card
        for card in fits.Header.fromstring(text).cards:
            if card.keyword in _COMMENTARY:
                continue
            try:
                value = _scalar(card.value)
            except (fits.VerifyError, ValueError, TypeError, AttributeError, IndexError):
                if card.keyword in _SCALING:
                    raise _unreadable(card.keyword, index) from None
                ignored.append(f"card {card.keyword} of HDU {index} cannot be understood")
                continue
            if value is not None:
                cards.setdefault(card.keyword, value)
    return cards, tuple(ignored)


def _unreadable(name: str, index: int) -> FrameRejected:
    return FrameRejected(
        RejectionReason.BAD_CARD,
        f"card {name} of HDU {index} cannot be understood, and pixels have no values without it; correct the header",
    )


def _scalar(value: Any) -> Scalar | None:
    if isinstance(value, bool | int | str):
        return value.rstrip() if isinstance(value, str) else value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(value)
        return value
    if isinstance(value, fits.card.Undefined):
        return None
    raise TypeError(value)  # complex numbers, of which no camera needs any


def _data_size(cards: dict[str, Scalar], index: int) -> int:
    if index == 0 and cards.get("SIMPLE") is not True:
        raise FrameRejected(
            RejectionReason.MALFORMED_HEADER,
            "card SIMPLE is not T: the file says that it is no standard FITS",
        )
    if cards.get("BITPIX") not in _DEPTHS:
        raise FrameRejected(
            RejectionReason.MALFORMED_HEADER,
            f"card BITPIX of HDU {index} is {cards.get('BITPIX')!r} but must be one of {_DEPTHS}; write the file anew",
        )
    number = integer(cards, "NAXIS", index, most=999)
    lengths = [integer(cards, f"NAXIS{n}", index) for n in range(1, number + 1)]
    if not lengths:
        return 0
    groups = integer(cards, "GCOUNT", index, least=1, default=1)
    extra = integer(cards, "PCOUNT", index, default=0)
    return abs(int(cards["BITPIX"])) // 8 * groups * (extra + math.prod(lengths))
