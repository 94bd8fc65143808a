"""The electronic offset that a signal leaves behind in the output amplifier: no charge, so none is conserved.

It owns the model of one line; it must not know how it is measured.
"""

import math
from dataclasses import dataclass

import numpy as np

from calibrant.pixels.charge_transfer.traps import Charge


@dataclass(frozen=True)
class ElectronicOffset:
    """An offset that each pixel raises to a share of its signal, and that decays from pixel to pixel.

    Parameters
    ----------
    scale
        Share of the signal, of either sign.
    length
        Pixels in which it falls to 1/e, positive.

    Raises
    ------
    ValueError
        When a number makes no sense.

    Notes
    -----
    Snyder and Roodman 2019 (JATIS 5, 041509). :func:`fit_tail` measures both.
    """

    scale: float
    length: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.scale) or not (math.isfinite(self.length) and self.length > 0):
            raise ValueError(
                f"electronic offset: scale {self.scale} must be finite and length {self.length} positive"
            )

    def behind(self, signal: Charge) -> Charge:
        """Give the offset in each pixel: the larger of its own and what is left of that before it.

        Parameters
        ----------
        signal
            (pixels, lines) in the order of readout, finite.
        """
        own = np.maximum(signal, 0)
        kept = math.exp(-1 / self.length)
        for pixel in range(1, len(own)):
            np.maximum(own[pixel], kept * own[pixel - 1], out=own[pixel])
        return self.scale * own
