"""The pedestal of an amplifier, measured in its overscan.

It owns how the level is measured; it must not know gains, references or the other amplifiers.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.geometry import Amplifier, Box
from calibrant.pixels.image import OverscanLevel
from calibrant.pixels.statistics import clipped_statistics

OverscanMethod = Literal["median", "median-per-row", "none"]


def measure_overscan(
    raw: NDArray[Any], amplifier: Amplifier, method: OverscanMethod
) -> tuple[NDArray[np.float64], OverscanLevel] | None:
    """Measure the pedestal of one amplifier.

    The serial overscan is used; "median" takes the parallel one where there is no serial one.

    Parameters
    ----------
    raw
        Raw frame in ADU, (ny, nx).
    amplifier
        Whose overscan to use.
    method
        "median": one level for the amplifier. "median-per-row": one for each image row. "none": nothing.

    Returns
    -------
    tuple or None
        Levels to subtract in ADU, of shape (1, 1) or (image rows, 1), and their summary; None where the method
        is "none" or the amplifier has no overscan.

    Raises
    ------
    ValueError
        When the overscan has no finite pixel, or "median-per-row" finds no serial overscan beside an image row.
    """
    box = amplifier.serial_overscan or amplifier.parallel_overscan
    if method == "none" or box is None:
        return None
    if method == "median-per-row":
        box = _beside_image(amplifier)
    pixels = raw[box.slices].astype(np.float64)
    pixels[~np.isfinite(pixels)] = np.nan
    if method == "median":
        pixels = pixels.reshape(1, -1)
    empty = np.isnan(pixels).all(axis=1)
    if empty.any():
        row = box.y0 + int(np.argmax(empty))
        where = "its overscan" if method == "median" else f"its overscan of row {row}"
        raise ValueError(f"amplifier {amplifier.name!r}: no finite pixel in {where}; check the frame")
    levels = np.nanmedian(pixels, axis=1, keepdims=True)
    residual = clipped_statistics(pixels - levels)
    return levels, OverscanLevel(float(np.median(levels)), residual.std)


def _beside_image(amplifier: Amplifier) -> Box:
    serial, image = amplifier.serial_overscan, amplifier.image
    if serial is None or serial.y0 > image.y0 or serial.y1 < image.y1:
        raise ValueError(
            f"amplifier {amplifier.name!r}: overscan 'median-per-row' needs a serial overscan beside every image "
            "row; use 'median' or correct serial_overscan"
        )
    return Box(image.y0, image.y1, serial.x0, serial.x1)
