"""What a corrected frame and a reference are: planes of one shape.

It owns the containers; it must not know how their planes are computed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.geometry import Box

Unit = Literal["electron", "adu"]


@dataclass(frozen=True)
class OverscanLevel:
    """What the overscan of one amplifier says.

    Parameters
    ----------
    level_adu
        Level subtracted, in ADU; of "median-per-row", the median of the rows' levels.
    residual_std_adu
        5-sigma-clipped standard deviation of overscan minus level, in ADU: times the gain, the read noise.
        With "median-per-row" each row is measured against its own median, which takes about ``1 / columns`` of
        the variance away.
    """

    level_adu: float
    residual_std_adu: float


@dataclass(frozen=True, eq=False)
class Image:
    """One trimmed, assembled frame.

    Parameters
    ----------
    data
        float32, (ny, nx), in `unit`; NaN where there is no measurement.
    variance
        float32, (ny, nx), in `unit` squared.
    mask
        uint32, (ny, nx), bits of :class:`calibrant.pixels.mask.Mask`.
    overscan
        What was subtracted, by amplifier; None for an amplifier that has no overscan or was left alone.
    unit
        "electron" or "adu".
    """

    data: NDArray[np.float32]
    variance: NDArray[np.float32]
    mask: NDArray[np.uint32]
    overscan: Mapping[str, OverscanLevel | None] = field(default_factory=dict)
    unit: Unit = "electron"

    def cut(self, box: Box) -> "Image":
        """Give the part inside `box`, as views of the same planes."""
        part = box.slices
        return Image(self.data[part], self.variance[part], self.mask[part], self.overscan, self.unit)


@dataclass(frozen=True, eq=False)
class ReadoutPlane:
    """The pixels of one amplifier, the first one read at ``[0, 0]``, rows along the first axis.

    Parameters
    ----------
    data
        (rows, columns), in electron or ADU, the electronic level subtracted.
    mask
        uint32, the same shape, bits of :class:`calibrant.pixels.mask.Mask`.
    """

    data: NDArray[Any]
    mask: NDArray[np.uint32]


@dataclass(frozen=True, eq=False)
class Reference:
    """A calibration to correct with: bias, dark or flat.

    Parameters
    ----------
    data
        (ny, nx), any real type and byte order.
    variance
        (ny, nx), in the square of the unit of `data`, or None: taken as noiseless.
    mask
        (ny, nx), bits of :class:`calibrant.pixels.mask.Mask`, or None: every pixel is good.
    """

    data: NDArray[Any]
    variance: NDArray[Any] | None = None
    mask: NDArray[Any] | None = None

    def cut(self, box: Box) -> "Reference":
        """Give the part inside `box`, as views of the same planes."""
        part = box.slices
        return Reference(
            self.data[part],
            None if self.variance is None else self.variance[part],
            None if self.mask is None else self.mask[part],
        )
