"""The end of an amplifier's image and the overscan behind it, line by line in the order of readout.

It owns where these pixels are in a raw frame; it must not know what is measured there.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.charge_transfer.reasons import Reason
from calibrant.pixels.geometry import Amplifier

Direction = Literal["serial", "parallel"]


@dataclass(frozen=True, eq=False)
class End:
    """Lines across the end of the image: rows for serial transfers, columns for parallel ones.

    Parameters
    ----------
    image
        (lines, pixels): the last imaging pixels of each line, the last one read last.
    overscan
        (lines, pixels): those read after them.
    imaging, prescan
        Pixels of a whole line before the overscan.
    """

    image: NDArray[Any]
    overscan: NDArray[Any]
    imaging: int
    prescan: int = 0

    def known(self) -> "End":
        """Give the lines whose pixels are all finite."""
        good = np.isfinite(self.image).all(axis=1) & np.isfinite(self.overscan).all(axis=1)
        return End(self.image[good], self.overscan[good], self.imaging, self.prescan)


def end_of_image(
    raw: NDArray[Any],
    amplifier: Amplifier,
    direction: Direction,
    *,
    pixels: int = 10,
) -> End | Reason:
    """Cut the end of an amplifier's image and its overscan out of a raw frame.

    Parameters
    ----------
    raw
        The raw frame, in ADU, pedestal included; NaN where a pixel is not to be used (its line is left out).
    amplifier
        Whose overscan is whole: nothing skipped next to the image. It says how columns are stored. Lines with a
        saturated pixel are left out.
    direction
        Of the transfers.
    pixels
        Imaging pixels of each line.

    Returns
    -------
    End or Reason
        The reason where there is no overscan, or it does not follow the image.
    """
    return (
        _serial_end(raw, amplifier, pixels)
        if direction == "serial"
        else _parallel_end(raw, amplifier, pixels)
    )


def _serial_end(raw: NDArray[Any], amplifier: Amplifier, pixels: int) -> End | Reason:
    image, box, overscan = amplifier.image, amplifier.serial_overscan, amplifier.read_overscan(raw)
    if box is None or overscan is None:
        return Reason.NO_OVERSCAN
    beside = box.x1 == image.x0 if amplifier.image_reversed else box.x0 == image.x1
    if not (beside or amplifier.overscan_apart):
        return Reason.NOT_BEHIND
    first, last = max(image.y0, box.y0), min(image.y1, box.y1)
    lines = amplifier.read_image(raw)[first - image.y0 : last - image.y0]
    return _end(lines, overscan[first - box.y0 : last - box.y0], amplifier, pixels, amplifier.prescan)


def _parallel_end(raw: NDArray[Any], amplifier: Amplifier, pixels: int) -> End | Reason:
    image, box = amplifier.image, amplifier.parallel_overscan
    if box is None:
        return Reason.NO_OVERSCAN
    if box.y0 != image.y1:
        return Reason.NOT_BEHIND
    columns = slice(max(image.x0, box.x0), min(image.x1, box.x1))
    return _end(raw[image.y0 : image.y1, columns].T, raw[box.y0 : box.y1, columns].T, amplifier, pixels, 0)


def _end(lines: NDArray[Any], overscan: NDArray[Any], amplifier: Amplifier, pixels: int, prescan: int) -> End:
    last = lines[:, max(0, lines.shape[1] - pixels) :]
    return End(_unsaturated(last, amplifier), _unsaturated(overscan, amplifier), lines.shape[1], prescan)


def _unsaturated(pixels: NDArray[Any], amplifier: Amplifier) -> NDArray[np.float64]:
    level = np.inf if amplifier.saturation_adu is None else amplifier.saturation_adu
    return np.where(pixels < level, pixels.astype(np.float64), np.nan)
