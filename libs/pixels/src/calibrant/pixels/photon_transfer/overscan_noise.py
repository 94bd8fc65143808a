"""The noise of the overscans of a pair: what changes from one frame to the other, not what stays. Must not know light."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.geometry import Amplifier
from calibrant.pixels.levels import serial_box
from calibrant.pixels.overscan import Overscan
from calibrant.pixels.statistics import clipped_statistics

Raw = NDArray[Any]


def overscan_noise(
    first: Raw, second: Raw, amplifier: Amplifier, serial: Overscan, parallel: Overscan
) -> float:
    """Give the noise of the overscans of two frames of equal light, by their difference.

    Columns that always stand higher or lower than others, and charge that trails out of the image, are in both frames
    and count as no noise. Where each row has its own level, it is taken from the difference, too.

    Parameters
    ----------
    first, second
        Raw frames; what is not finite is left out.
    amplifier
        Whose overscans.
    serial, parallel
        How they are measured: by their skips.

    Returns
    -------
    float
        Standard deviation of one frame, in its unit, clipped at 5 of them; NaN where fewer than two columns, or than
        two rows, are known.
    """
    box = serial_box(amplifier, serial, parallel)
    if box is None:
        return math.nan
    difference = first[box.slices].astype(np.float64) - second[box.slices]
    rows, columns = difference.shape
    if min(rows, columns) < 2:
        return math.nan
    lost = 1 - 1 / rows
    difference -= _means(difference, axis=0)
    if serial.by_line:
        difference -= _means(difference, axis=1)
        lost *= 1 - 1 / columns
    return clipped_statistics(difference[np.isfinite(difference)]).std / math.sqrt(2 * lost)


def _means(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Give the means of what is finite along an axis, 0 where nothing is."""
    known = np.isfinite(values)
    total = np.where(known, values, 0).sum(axis=axis, keepdims=True)
    return np.asarray(total / np.maximum(known.sum(axis=axis, keepdims=True), 1))
