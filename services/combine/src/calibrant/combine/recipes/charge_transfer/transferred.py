"""What flats say of the charge transfer of one amplifier in one direction, put together for tables and messages.

It owns what follows from flats and model together; it must not know columns, frames or how either was measured.
"""

import math
from dataclasses import dataclass

import numpy as np

from calibrant.combine.recipes.charge_transfer.image_ends import FlatEnd
from calibrant.pixels.charge_transfer import (
    Characterised,
    Direction,
    HardEdge,
    TrailingCharge,
    weighted_mean,
)


@dataclass(frozen=True, eq=False, slots=True)
class Transferred:
    """What flats say of an amplifier in one direction.

    Parameters
    ----------
    amplifier : str
        Its name.
    direction : {'serial', 'parallel'}
        Of the transfers.
    flats : tuple of FlatEnd
        Each flat by itself.
    found : Characterised
        All of them together.
    left : tuple of float
        Charge that the solved transfers leave behind each flat, in ADU; empty: nothing was solved.
    """

    amplifier: str
    direction: Direction
    flats: tuple[FlatEnd, ...]
    found: Characterised
    left: tuple[float, ...] = ()

    @property
    def residual(self) -> tuple[float, float]:
        """What the solved transfers leave of the inefficiency, weighted mean and error; NaN where there is none."""
        used = [
            (one, left)
            for one, left, used in zip(self.found.measured, self.left, self.found.used, strict=False)
            if used and isinstance(one, TrailingCharge) and one.cti_error > 0
        ]
        if not used:
            return math.nan, math.nan
        rests = [one.cti - left / one.signal / one.transfers for one, left in used]
        return weighted_mean(np.array(rests), np.array([one.cti_error for one, _ in used]))

    @property
    def edge(self) -> tuple[float, float]:
        """First overscan pixel over the signal, weighted mean of the flats and error; NaN where none shows it."""
        first = [one.edge.first for one in self.flats if isinstance(one.edge, HardEdge)]
        known = np.array([one for one in first if one[1] > 0])
        return weighted_mean(*known.T) if len(known) else (math.nan, math.nan)
