"""How trailing charge is measured: which overscan pixels count, and what a loss is divided by.

It owns the settings and their check; it must not know pixels' values.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.charge_transfer.ends import End

Normalisation = Literal["imaging + 1", "prescan + imaging"]


@dataclass(frozen=True)
class Trailing:
    """How trailing charge is measured.

    Parameters
    ----------
    pixels
        First overscan pixels that are summed; 2 as eo_pipe, 3 for CTI against flux.
    level_pixels
        Last overscan pixels of each line, whose mean is its pedestal.
    normalisation
        Transfers that the loss is divided by: "imaging + 1" (eo_pipe) or "prescan + imaging" (eotest).
    sigma
        Lines further from the mean than so many standard deviations are left out (cosmic rays).

    Raises
    ------
    ValueError
        When a value is unknown or makes no sense.
    """

    pixels: int = 2
    level_pixels: int = 5
    normalisation: Normalisation = "imaging + 1"
    sigma: float = 5.0

    def __post_init__(self) -> None:
        if self.normalisation not in get_args(Normalisation):
            known = ", ".join(map(repr, get_args(Normalisation)))
            raise ValueError(f"trailing normalisation: {self.normalisation!r}, must be one of {known}")
        for name in ("pixels", "level_pixels"):
            if getattr(self, name) < 1:
                raise ValueError(f"trailing {name}: {getattr(self, name)}, must be at least 1")
        if not self.sigma > 0:
            raise ValueError(f"trailing sigma: {self.sigma}, must be positive")

    def transfers(self, end: End) -> int:
        """Give the number that the loss is divided by."""
        return end.imaging + 1 if self.normalisation == "imaging + 1" else end.prescan + end.imaging

    def weights(self, count: int, *, level_known: bool = False) -> NDArray[np.float64]:
        """Give what each of `count` overscan pixels counts in the charge: those of the pedestal are subtracted.

        Parameters
        ----------
        count
            Overscan pixels of a line.
        level_known
            The pedestal is not measured in them.
        """
        weights = np.zeros(count)
        weights[: self.pixels] = 1
        if not level_known:
            weights[-self.level_pixels :] -= self.pixels / self.level_pixels
        return weights
