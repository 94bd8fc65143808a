"""The end of an amplifier's image and the overscan behind it, line by line in the order of readout.

It owns where these pixels are in a raw frame; it must not know what is measured there.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.charge_transfer.reasons import Reason
from calibrant.pixels.geometry import Amplifier, Box

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
    prescan: int = 0,
    image_reversed: bool = False,
    overscan_reversed: bool = False,
    apart: bool = False,
) -> End | Reason:
    """Cut the end of an amplifier's image and its overscan out of a raw frame.

    Parameters
    ----------
    raw
        The raw frame, in ADU, pedestal included; NaN where a pixel is not to be used (its line is left out).
    amplifier
        Whose overscan is whole: nothing skipped next to the image. Lines with a saturated pixel are left out.
    direction
        Of the transfers.
    pixels
        Imaging pixels of each line.
    prescan
        Pixels read before the image, in this direction.
    image_reversed
        The image is stored against the order of reading: its first pixel is read last.
    overscan_reversed
        The overscan is: the pixel read first is the farthest from the image, as in an instrument file.
    apart
        The overscan is stored somewhere else, not beside the end of the image, though it is read after it.

    Returns
    -------
    End or Reason
        The reason where there is no overscan, or it does not follow the image.
    """
    image = amplifier.image
    box = amplifier.serial_overscan if direction == "serial" else amplifier.parallel_overscan
    if box is None:
        return Reason.NO_OVERSCAN
    if direction == "parallel":
        raw, image, box = raw.T, _turned(image), _turned(box)
    beside = box.x1 == image.x0 if image_reversed else box.x0 == image.x1
    if not (beside or apart):
        return Reason.NOT_BEHIND
    rows = raw[max(image.y0, box.y0) : min(image.y1, box.y1)]
    lines = rows[:, image.x0 : image.x1][:, :: -1 if image_reversed else 1]
    falling = (box.x0 >= image.x1) is overscan_reversed
    overscan = rows[:, box.x0 : box.x1][:, :: -1 if falling else 1]
    last = lines[:, max(0, lines.shape[1] - pixels) :]
    return End(_unsaturated(last, amplifier), _unsaturated(overscan, amplifier), image.shape[1], prescan)


def _unsaturated(pixels: NDArray[Any], amplifier: Amplifier) -> NDArray[np.float64]:
    level = np.inf if amplifier.saturation_adu is None else amplifier.saturation_adu
    return np.where(pixels < level, pixels.astype(np.float64), np.nan)


def _turned(box: Box) -> Box:
    return Box(box.x0, box.x1, box.y0, box.y1)
