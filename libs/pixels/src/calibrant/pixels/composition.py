"""How a frame stands to the flat that it is divided by: the frames in it, their levels, and the noise of the difference.

It owns the expectation for frames of any levels; it must not know pixels, limits, or where levels are kept.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from calibrant.pixels.expectations import difference_variance
from calibrant.pixels.shares import Combining, shares


@dataclass(frozen=True, slots=True)
class Composition:
    """Of which frames a flat was combined, how, and which of them a frame is.

    Parameters
    ----------
    n_combined
        Frames in the flat.
    own
        Number of the frame among them; None for one held out.
    how
        How they were combined.
    levels
        What each was divided by: its level relative to the flat, in the frame's unit, above zero. None: they are not
        known, and all frames have the level of the one that is compared.

    Raises
    ------
    ValueError
        There is no frame, levels are not one for each, or one is not above zero.
    """

    n_combined: int
    own: int | None = None
    how: Combining = field(default_factory=Combining)
    levels: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.n_combined < 1:
            raise ValueError(f"n_combined: {self.n_combined}, must be at least 1")
        if self.own is not None and not 0 <= self.own < self.n_combined:
            raise ValueError(f"own: {self.own}, but there are {self.n_combined} frames")
        if len(self.levels) not in (0, self.n_combined):
            raise ValueError(f"levels: {len(self.levels)} numbers, but there are {self.n_combined} frames")
        if not all(math.isfinite(one) and one > 0 for one in self.levels):
            raise ValueError(f"levels: {min(self.levels)}, must be above zero and finite")

    def factors(self, level: float, photons: float, readout: float) -> tuple[float, float]:
        """Give the variances of a frame less its flat over those of the frame: of its photons, and of its readout.

        A frame of another level than those in the flat has more or less noise than the flat takes from it. With
        x = level / levels, the shares c and q of the frames in the flat (:func:`shares`), and i for the frame itself,
        they are ``1 - 2 c[i] x[i] + sum(q x)`` and ``1 - 2 c[i] x[i] + sum(q x**2)``, without c for one held out: the
        photons of a frame grow with its level, its read noise does not.

        Parameters
        ----------
        level
            The frame's, relative to the flat, above zero.
        photons, readout
            Variance of the photons of a frame of this level and of its readout, in one unit: which frames a median or
            a clip trusts depends on their noise.

        Raises
        ------
        ValueError
            Nothing is left to measure: the frame is the flat.
        """
        alike = difference_variance(
            self.n_combined,
            self.own is not None,
            "median" if self.how.statistic == "median" else "mean",
        )
        if not self.levels:
            return alike, alike
        levels = np.asarray(self.levels, dtype=np.float64)
        x = level / levels
        share = shares(np.sqrt(photons / x + readout) / levels, self.how)
        own = 0.0 if self.own is None else 2 * float(share.common[self.own] * x[self.own])
        factors = (
            1 - own + float((share.squared * x).sum()),
            1 - own + float((share.squared * x**2).sum()),
        )
        if not min(factors) > 1e-9:
            raise ValueError(
                f"the reference of {self.n_combined} frames is as good as the frame itself; nothing is left to measure"
            )
        return factors
