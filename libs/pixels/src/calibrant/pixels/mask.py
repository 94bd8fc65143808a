"""The one dictionary of mask bits, for every detector and product.

It owns names, positions and meanings; it must not know which stage sets a bit. A position, once released,
is never given another meaning.
"""

import enum
from types import MappingProxyType
from typing import Final

import numpy as np

MASK_DTYPE: Final = np.dtype(np.uint32)
"""Type of every mask plane, native byte order."""


class Mask(enum.IntFlag):
    """Bits of a uint32 mask plane; 0 is a good pixel. Meanings are in :data:`MEANINGS`."""

    BAD = 1 << 0
    SATURATED = 1 << 1
    COSMIC_RAY = 1 << 2
    NO_DATA = 1 << 3
    SUSPECT = 1 << 4
    HOT = 1 << 5
    DEAD = 1 << 6
    INTERPOLATED = 1 << 7
    EDGE = 1 << 8


MEANINGS: Final = MappingProxyType(
    {
        Mask.BAD: "not to be used: a defect, or a correction that is not defined here",
        Mask.SATURATED: "raw value at or above the amplifier's saturation level",
        Mask.COSMIC_RAY: "struck by a cosmic ray",
        Mask.NO_DATA: "no measurement: not finite, or no good sample to combine",
        Mask.SUSPECT: "measured, but outside the range in which the calibration is trusted",
        Mask.HOT: "dark current far above that of its amplifier",
        Mask.DEAD: "response far below that of its amplifier",
        Mask.INTERPOLATED: "value taken from neighbours",
        Mask.EDGE: "too near an edge of the detector or amplifier to be trusted",
    }
)
"""What each bit says about its pixel; one entry for every member of :class:`Mask`."""

UNUSABLE: Final = Mask.BAD | Mask.SATURATED | Mask.COSMIC_RAY | Mask.NO_DATA
"""Bits that keep a pixel out of combinations and statistics unless the caller says otherwise."""
