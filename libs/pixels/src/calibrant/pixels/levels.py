"""What the overscans of an amplifier say: the levels of its rows and columns.

It owns which pixels are measured, and in which order serial and parallel overscan are; it must not know references,
the other amplifiers, or where pixels are read from.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.geometry import Amplifier, Box
from calibrant.pixels.image import OverscanLevel
from calibrant.pixels.ordered import Ordered
from calibrant.pixels.overscan import Overscan
from calibrant.pixels.statistics import clip

Read = Callable[[Box], NDArray[Any]]
"""Gives the pixels of a box of the raw frame, in ADU."""


@dataclass(frozen=True, eq=False, slots=True)
class Levels:
    """What is subtracted from the image of one amplifier, in the order of its raw rows and columns.

    Parameters
    ----------
    rows
        float64, (image rows,), in ADU: the serial overscan's.
    columns
        float64, (image columns,), in ADU or, with a gain, in electrons: the parallel overscan's; None: nothing.
    measured
        The levels of the rows in short; None where nothing was measured.
    """

    rows: NDArray[np.float64]
    columns: NDArray[np.float64] | None = None
    measured: OverscanLevel | None = None


def measure_levels(
    read: Read, amplifier: Amplifier, serial: Overscan, parallel: Overscan, gain: float = 1.0
) -> Levels:
    """Measure the pedestal of one amplifier.

    The serial overscan comes first. Where there is none, and no parallel stage, the parallel overscan gives the one
    level. The parallel stage measures what is left of the parallel overscan once the level of its rows is gone and
    the gain applied; a row without a serial overscan beside it has the median of the others' levels.

    Parameters
    ----------
    read
        Where pixels are.
    amplifier
        Whose overscans.
    serial, parallel
        How each is measured.
    gain
        Multiplies what the parallel stage measures: electrons per ADU, or 1.

    Raises
    ------
    ValueError
        When an overscan that is needed is missing, or has no finite pixel; the message names the amplifier.
    """
    image, box = amplifier.image, serial_box(amplifier, serial, parallel)
    if box is None:
        beside, rows, measured = np.zeros(1), np.zeros(image.shape[0]), None
    else:
        beside, rows, measured = _measure_serial(read(box), amplifier, serial, box)
    if parallel.method == "none":
        return Levels(rows, None, measured)
    below = parallel_box(amplifier, parallel)
    left = (read(below) - _of_rows(below, box, beside)[:, None]) * gain
    if not parallel.by_line:
        level = parallel.level(Ordered(left), amplifier.name)
        return Levels(rows, np.full(image.shape[1], level), measured)
    columns = parallel.levels(left.T, amplifier.name, below.x0)
    return Levels(rows, columns[image.x0 - below.x0 : image.x1 - below.x0], measured)


def _measure_serial(
    pixels: NDArray[Any], amplifier: Amplifier, serial: Overscan, box: Box
) -> tuple[NDArray[np.float64], NDArray[np.float64], OverscanLevel]:
    """Give the levels of the rows of the box, or their only one, of the image's rows, and both in short."""
    image = amplifier.image
    if not serial.by_line:
        ordered = Ordered(pixels)
        level = serial.level(ordered, amplifier.name)
        measured = OverscanLevel(level, clip(ordered).std)
        return np.array([level]), np.full(image.shape[0], level), measured
    beside = serial.levels(pixels, amplifier.name, box.y0)
    inside = slice(image.y0 - box.y0, image.y1 - box.y0)
    rows = beside[inside]
    return beside, rows, OverscanLevel(float(np.median(rows)), _residual_std(pixels[inside], rows))


def _residual_std(pixels: NDArray[Any], rows: NDArray[np.float64]) -> float:
    """Give the clipped standard deviation of pixels about the levels of their rows.

    Integers about medians, which are whole or half: doubled they are short integers, which sort three times as fast.
    """
    twice = 2 * rows
    if pixels.dtype.kind in "iu" and pixels.dtype.itemsize <= 2 and (twice == np.floor(twice)).all():
        doubled = 2 * pixels.astype(np.int32) - twice.astype(np.int32)[:, None]
        if np.abs(doubled).max() < 2**15:
            return clip(Ordered(doubled.astype(np.int16))).std / 2
    kind = np.result_type(np.float32, pixels.dtype)
    return clip(Ordered(pixels - rows[:, None].astype(kind))).std


def serial_box(amplifier: Amplifier, serial: Overscan, parallel: Overscan) -> Box | None:
    """Give the box whose pixels give the levels of the rows, or None.

    Raises
    ------
    ValueError
        When a method with a level for each row finds no overscan beside one, or nothing is left by the skips.
    """
    box, image = amplifier.serial_overscan, amplifier.image
    if serial.method == "none" or (box is None and amplifier.parallel_overscan is None):
        return None
    if serial.by_line and (box is None or box.y0 > image.y0 or box.y1 < image.y1):
        raise ValueError(
            f"amplifier {amplifier.name!r}: overscan {serial.method!r} needs a serial overscan beside every image "
            "row; use 'median' or correct serial_overscan"
        )
    if box is None:
        return parallel_box(amplifier, serial) if parallel.method == "none" else None
    x0, x1 = serial.used(amplifier.name, box.x0, box.x1, after=box.x0 >= image.x1)
    only_image = serial.method == "median-per-row" and parallel.method == "none"
    return Box(image.y0, image.y1, x0, x1) if only_image else Box(box.y0, box.y1, x0, x1)


def parallel_box(amplifier: Amplifier, overscan: Overscan) -> Box:
    """Give the box of the parallel overscan that is used.

    Raises
    ------
    ValueError
        When there is none, or not beside every column where a method needs it, or nothing is left by the skips.
    """
    box, image = amplifier.parallel_overscan, amplifier.image
    if box is None or (overscan.by_line and (box.x0 > image.x0 or box.x1 < image.x1)):
        raise ValueError(
            f"amplifier {amplifier.name!r}: parallel overscan {overscan.method!r} needs a parallel_overscan"
            f"{' beside every image column' if overscan.by_line else ''}; correct it, or leave the stage out"
        )
    y0, y1 = overscan.used(amplifier.name, box.y0, box.y1, after=box.y0 >= image.y1)
    return Box(y0, y1, box.x0, box.x1)


def _of_rows(wanted: Box, box: Box | None, levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the serial level of each row of `wanted`; the median of all where none was measured beside it."""
    if box is None or len(levels) == 1:
        return np.full(wanted.shape[0], levels[0])
    rows = np.arange(wanted.y0, wanted.y1)
    inside = (rows >= box.y0) & (rows < box.y1)
    found: NDArray[np.float64] = np.where(
        inside, levels[np.clip(rows - box.y0, 0, len(levels) - 1)], np.median(levels)
    )
    return found
