"""Owns making FITS bytes that depend on nothing but what is written; must not know products."""

import warnings
from io import BytesIO
from typing import Any, BinaryIO

from astropy.io import fits
from astropy.io.fits.verify import VerifyWarning

CHECKSUM_COMMENT = "const"


_LINE = 80
_BEFORE_VALUE = 10
_SHORTEST_VALUE = 20


def set_card(header: Any, name: str, value: Any, comment: str = "") -> None:
    """Set a card, its comment cut to the room that the value leaves on the line.

    Raises
    ------
    ValueError
        If FITS cannot hold the value, or not under this keyword; it names the card.
    """
    width = len(repr(value).replace("'", "")) + 2 if isinstance(value, str) else _SHORTEST_VALUE
    room = max(_LINE - _BEFORE_VALUE - max(width, _SHORTEST_VALUE) - len(" / "), 0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", VerifyWarning)  # a keyword of more than 8 letters, say
            header[name] = (value, comment[:room])
    except (ValueError, fits.VerifyError, VerifyWarning) as problem:
        raise ValueError(f"card {name} cannot be {value!r}: {problem}") from problem


def fits_bytes(hdus: list[Any]) -> bytes:
    """Return the bytes of a FITS file with CHECKSUM and DATASUM in every HDU; see `write_fits`."""
    stream = BytesIO()
    write_fits(stream, hdus)
    return stream.getvalue()


def write_fits(stream: BinaryIO, hdus: list[Any]) -> None:
    """Write a FITS file with CHECKSUM and DATASUM in every HDU.

    The checksum cards carry no date, so that the same content gives the same bytes.

    Parameters
    ----------
    stream : file
        Open for writing bytes.
    hdus : list of astropy HDUs
        The primary HDU first.

    Raises
    ------
    astropy.io.fits.VerifyError
        If an HDU breaks the standard.
    OSError
        If the stream takes no more.
    """
    units = fits.HDUList(hdus)
    units.verify("exception")
    for unit in units:
        unit.add_checksum(when=CHECKSUM_COMMENT)
    units.writeto(stream, output_verify="exception")
