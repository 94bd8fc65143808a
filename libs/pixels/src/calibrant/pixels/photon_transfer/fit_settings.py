"""How photon transfer curves are fitted: the choices, and what they may be. It must not know how a fit works."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.numerals import whole_number
from calibrant.pixels.photon_transfer.models import Model

Bounds = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class FitSettings:
    """How curves are fitted.

    Parameters
    ----------
    model
        Which model.
    degree
        Of the polynomial, 2 or more.
    sigma
        Standard deviations off the curve beyond which a pair is left out; they are at least the robust scatter of the
        pairs that are kept.
    rounds
        Selections at most.
    initial_most_adu
        Mean in ADU up to which the first fit looks; None: half the mean at which the variance is largest.
    most_adu
        Mean in ADU above which no point counts; None: there is no limit.
    run
        Pairs off the curve, one after the other in level, that end it.
    gain_bounds, a00_bounds, noise_bounds
        In e-/ADU, 1/e- and electrons.

    Raises
    ------
    ValueError
        When a number makes no sense.
    """

    model: Model = Model.EXPONENTIAL
    degree: int = 2
    sigma: float = 5.0
    rounds: int = 9
    initial_most_adu: float | None = None
    most_adu: float | None = None
    run: int = 3
    gain_bounds: tuple[float, float] = (0.01, 100.0)
    a00_bounds: tuple[float, float] = (-1e-3, 1e-3)
    noise_bounds: tuple[float, float] = (0.0, 2000.0)

    def __post_init__(self) -> None:
        whole_number("degree", self.degree, least=2)
        whole_number("rounds", self.rounds, least=1)
        whole_number("run", self.run, least=1)
        if not self.sigma > 0:
            raise ValueError(f"sigma: {self.sigma}, must be positive")
        for name in ("gain_bounds", "a00_bounds", "noise_bounds"):
            low, high = getattr(self, name)
            if not low < high:
                raise ValueError(f"{name}: {low} to {high}, must ascend")

    @property
    def bounds(self) -> Bounds:
        """Lowest and highest of the parameters of the variance's model."""
        kept = (self.gain_bounds, self.a00_bounds, tuple(n * abs(n) for n in self.noise_bounds))
        higher = [(-np.inf, np.inf)] * (self.degree - 2 if self.model is Model.POLYNOMIAL else 0)
        low, high = np.array([*kept, *higher]).T
        return low, high
