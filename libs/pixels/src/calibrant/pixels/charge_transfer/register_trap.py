"""One large trap at the end of a register, which every pixel passes once.

It owns what it holds behind each pixel; it must not know transfers or amplifiers.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.charge_transfer.traps import Charge


@dataclass(frozen=True)
class RegisterTrap:
    """A trap that a charge n fills up to ``min(fill n, size)``, and that releases exponentially.

    Parameters
    ----------
    size
        What it can hold, in the unit of the image, not negative.
    fill
        Share of a charge that it takes, above 0 and up to 1.
    release
        Time in which 1 - 1/e of what it holds comes free, in times of one transfer, positive.

    Raises
    ------
    ValueError
        When a number makes no sense.

    Notes
    -----
    The serial trap of Snyder and Roodman 2019 (JATIS 5, 041509), with a linear law of capture.
    """

    size: float
    fill: float
    release: float

    def __post_init__(self) -> None:
        if not 0 <= self.size < math.inf or not 0 < self.fill <= 1:
            raise ValueError(
                f"register trap: size {self.size} must not be negative, and fill {self.fill} above 0 and up to 1"
            )
        if not (math.isfinite(self.release) and self.release > 0):
            raise ValueError(f"register trap: release is {self.release}, must be positive")

    def held_behind(self, charge: NDArray[Any]) -> Charge:
        """Give what it holds after each pixel has passed, (pixels, lines), empty at first.

        What came free since the pixel before belongs to the pixel's charge, from which it takes what it lacks.
        """
        freed = -math.expm1(-1 / self.release)
        held = np.zeros(charge.shape)
        before = np.zeros(charge.shape[1])
        for pixel, own in enumerate(charge):
            wanted = np.minimum(self.fill * (own + freed * before), self.size)
            before = np.maximum(wanted, (1 - freed) * before)
            held[pixel] = before
        return held
