"""Hard edge response: how sharply the signal falls at the end of the image.

It owns the normalised profile; it must not know transfers: it is no charge transfer inefficiency, since the
electronics' own response is in it.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.charge_transfer.ends import End
from calibrant.pixels.charge_transfer.reasons import Reason

FEWEST_LINES: Final = 3


@dataclass(frozen=True, eq=False)
class HardEdge:
    """The edge of one amplifier, 1 before and 0 long after.

    Parameters
    ----------
    profile, errors
        (before + after,): means over the lines of each one's share of its own signal, and standard deviations.
    before
        Imaging pixels among them.
    signal
        Median signal of the lines, in the unit of the frame.
    lines
        That were used.
    """

    profile: NDArray[np.float64]
    errors: NDArray[np.float64]
    before: int
    signal: float
    lines: int

    @property
    def first(self) -> tuple[float, float]:
        """The first overscan pixel, whose size vison limits to 1.5e-3, and its standard deviation."""
        return float(self.profile[self.before]), float(self.errors[self.before])


def hard_edge(
    end: End,
    *,
    before: int = 10,
    after: int = 15,
    level_pixels: int = 3,
    signals: tuple[float, float] = (1e4, 5e4),
) -> HardEdge | Reason:
    """Measure the edge.

    Parameters
    ----------
    end
        Of the amplifier.
    before, after
        Pixels on both sides.
    level_pixels
        Last pixels of `after`, whose mean is a line's pedestal.
    signals
        Lines whose signal, the mean of `before`, lies from the first to the second are used; in the unit of the frame.

    Returns
    -------
    HardEdge or Reason
        The reason where pixels or lines are missing.

    Raises
    ------
    ValueError
        When the signals are not above zero.
    """
    if not 0 < signals[0] <= signals[1]:
        raise ValueError(f"hard edge signals: {signals}, give two numbers above zero, the lower one first")
    lines = end.known()
    if before > lines.image.shape[1] or after > lines.overscan.shape[1] or level_pixels >= after:
        return Reason.TOO_FEW_PIXELS
    strip = np.concatenate([lines.image[:, -before:], lines.overscan[:, :after]], axis=1)
    strip = strip - strip[:, -level_pixels:].mean(axis=1, keepdims=True)
    signal = strip[:, :before].mean(axis=1)
    within = (signal >= signals[0]) & (signal <= signals[1])
    count = int(within.sum())
    if count < FEWEST_LINES:
        return Reason.TOO_FEW_LINES
    shares = strip[within] / signal[within, None]
    errors = shares.std(axis=0, ddof=1) / math.sqrt(count)
    return HardEdge(shares.mean(axis=0), errors, before, float(np.median(signal[within])), count)
