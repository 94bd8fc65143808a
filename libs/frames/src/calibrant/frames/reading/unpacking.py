"""Owns unpacking a whole compressed image, by astropy; must not know instruments."""

import warnings
from io import BytesIO
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from calibrant.frames.reading.content import Content
from calibrant.frames.reading.encoding import Encoding
from calibrant.frames.reading.hdus import Hdu
from calibrant.frames.reading.rejection import FrameRejected, RejectionReason
from calibrant.frames.reading.tiles import check_tiles


def unpacked(content: Content, hdu: Hdu, encoding: Encoding) -> NDArray[Any]:
    """Return the numbers of a compressed image as an uncompressed file would hold them.

    Parameters
    ----------
    content : Content
        The whole file.
    hdu : Hdu
        Its unit that holds the image, tile-compressed (Rice and the others of the standard).
    encoding : Encoding
        What the numbers mean.

    Returns
    -------
    ndarray
        Of the HDU's `axes`, big-endian.

    Raises
    ------
    FrameRejected
        If it does not unpack.
    """
    check_tiles(content, hdu)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a fault that matters raises, or is seen in shape and values
            held = BytesIO(content.read(0, content.size))
            with fits.open(held, memmap=False, do_not_scale_image_data=True) as file:
                array = np.asarray(file[hdu.index].data)
                stored: NDArray[Any] = array.astype(encoding.stored, casting="same_kind")
    except Exception as problem:
        raise FrameRejected(
            RejectionReason.CORRUPT,
            f"the compressed image in HDU {hdu.index} does not decompress ({problem}); copy or fetch the file again",
        ) from problem
    if stored.shape != hdu.axes:
        raise FrameRejected(
            RejectionReason.CORRUPT,
            f"the compressed image in HDU {hdu.index} has shape {stored.shape} but its header says {hdu.axes}",
        )
    return stored
