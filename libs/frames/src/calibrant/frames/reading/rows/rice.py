"""Owns calling cfitsio's Rice decoder, which astropy brings; must not know FITS.

It is called by its C name: so it writes into the caller's buffer without a copy, keeps to the length that it is told,
and leaves the interpreter to other threads. What astropy wraps around it for Python copies twice.

Source: FITS standard 4.0, section 10.4.1.
"""

import ctypes
import functools
from collections.abc import Callable
from typing import Final, cast

from astropy.io.fits.hdu.compressed import _compression

MARGIN: Final = 256
"""Bytes other than zero that must follow the packed data: a damaged tile makes the decoder look beyond its end, until
a bit is set and then for a block of pixels at most."""

BLOCK_SIZES: Final = (16, 32)
"""Pixels a block, of the standard."""

_NAMES: Final = {2: "fits_rdecomp_short", 4: "fits_rdecomp"}

Decoder = Callable[[int, int, int, int, int], bool]


@functools.cache
def rice_decoder(pixel_bytes: int) -> Decoder:
    """Return the decoder of pixels of 2 or 4 bytes.

    Parameters
    ----------
    pixel_bytes : int
        Width of a pixel.

    Returns
    -------
    callable
        ``(address of packed bytes, their number, address of pixels, their number, pixels a block) -> whether it
        went well``. The pixels are native.
    """
    function = getattr(ctypes.CDLL(_compression.__file__), _NAMES[pixel_bytes])
    function.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_int)
    function.restype = ctypes.c_int

    def decode(packed: int, count: int, pixels: int, number: int, block: int) -> bool:
        try:
            return cast("int", function(packed, count, pixels, number, block)) == 0
        except SystemError:  # it says what is wrong by setting an exception, of which ctypes does not know
            return False

    return decode
