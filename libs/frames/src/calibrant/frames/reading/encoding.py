"""Owns how the numbers that a file holds become the values of pixels; must not know where the numbers lie."""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from calibrant.frames.reading.hdus import Hdu
from calibrant.frames.reading.rejection import FrameRejected, RejectionReason

_TYPES: Final = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
_UNSIGNED: Final[dict[tuple[int, int], np.dtype[Any]]] = {
    (16, 1 << 15): np.dtype("u2"),
    (32, 1 << 31): np.dtype("u4"),
    (8, -128): np.dtype("i1"),
}


@dataclass(frozen=True, slots=True)
class Encoding:
    """How an image's pixels are written: ``value = stored * scale + zero``.

    Parameters
    ----------
    stored : dtype
        Type of the numbers in an uncompressed file.
    scale, zero : float
        BSCALE and BZERO.
    blank : int or None
        The number that stands for no value, of integers.
    index : int
        Number of the HDU, for messages.
    """

    stored: np.dtype[Any]
    scale: float
    zero: float
    blank: int | None
    index: int

    @classmethod
    def of(cls, hdu: Hdu) -> Self:
        """Return the encoding of an HDU's image, plain or compressed.

        Raises
        ------
        FrameRejected
            BAD_CARD, if a card is no number.
        """
        depth = integer_of(hdu, "ZBITPIX" if hdu.compressed else "BITPIX")
        if depth not in _TYPES:
            raise _bad_card(hdu, "ZBITPIX", f"one of {', '.join(map(str, _TYPES))}")
        blank = next((name for name in ("ZBLANK", "BLANK") if name in hdu.cards), None)
        return cls(
            stored=np.dtype(_TYPES[depth]),
            scale=_number(hdu, "BSCALE", 1.0),
            zero=_number(hdu, "BZERO", 0.0),
            blank=integer_of(hdu, blank) if blank is not None and depth > 0 else None,
            index=hdu.index,
        )

    @property
    def offset(self) -> int | None:
        """What is to be added to the numbers for their values; None where that is not all there is to do."""
        offset = (self.scale, self.zero) == (1.0, 0.0) or self._unsigned is not None
        return int(self.zero) if offset else None

    @property
    def value_type(self) -> np.dtype[Any]:
        """Type of `values`, native."""
        if (self.scale, self.zero) == (1.0, 0.0):
            return self.stored.newbyteorder("=")
        return np.dtype(np.float64) if self._unsigned is None else self._unsigned

    def values(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Return the values of stored numbers: unsigned where they were written so, other scaled ones as float64."""
        wanted = self.value_type
        if (self.scale, self.zero) == (1.0, 0.0):
            return stored.astype(wanted)
        if self._unsigned is not None:  # the zero is the highest bit's worth
            bits = stored.astype(f"u{stored.itemsize}")
            bits ^= bits.dtype.type(1 << (8 * bits.itemsize - 1))
            return bits.view(wanted)
        with np.errstate(over="ignore", invalid="ignore"):  # what comes of it is looked at
            return stored * np.float64(self.scale) + self.zero

    def check(self, stored: NDArray[Any], first: int) -> None:
        """Refuse stored rows, from row ``first`` on, that have a pixel without a value.

        Raises
        ------
        FrameRejected
            NOT_A_NUMBER; the message has the rows.
        """
        if self.blank is not None:
            self._refuse_if(stored == self.blank, first, f"BLANK ({self.blank})")
        self.check_finite(stored, first)

    def check_finite(self, values: NDArray[Any], first: int) -> None:
        """Refuse rows, from row ``first`` on, with NaN or infinite numbers; see `check`."""
        if values.dtype.kind == "f":
            self._refuse_if(~np.isfinite(values), first, "NaN or infinite")

    @property
    def _unsigned(self) -> np.dtype[Any] | None:
        """The integer type that numbers with this zero stand for."""
        if self.scale != 1.0 or self.zero != int(self.zero):
            return None
        sign = -1 if self.stored.kind == "f" else 1
        return _UNSIGNED.get((sign * self.stored.itemsize * 8, int(self.zero)))

    def _refuse_if(self, bad: NDArray[np.bool_], first: int, what: str) -> None:
        rows = np.flatnonzero(bad.any(axis=-1))
        if rows.size:
            raise FrameRejected(
                RejectionReason.NOT_A_NUMBER,
                f"{int(bad.sum())} of the {bad.size} pixels in rows {first} to {first + len(bad) - 1} of HDU "
                f"{self.index} are {what}, the first in row {first + int(rows[0])}; a raw frame has a value in "
                "every pixel",
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
        raise _bad_card(hdu, name, "a whole number")
    return int(value)


def _number(hdu: Hdu, name: str, default: float | None) -> float:
    value = hdu.cards.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _bad_card(hdu, name, "a number")
    return float(value)


def _bad_card(hdu: Hdu, name: str, wanted: str) -> FrameRejected:
    return FrameRejected(
        RejectionReason.BAD_CARD,
        f"card {name} of HDU {hdu.index} is {hdu.cards.get(name)!r} but must be {wanted}; correct the header",
    )
