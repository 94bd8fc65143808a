"""How a fit is made: its range, what it leaves out, what it has to reach. Must not know data or curves."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class FitRules:
    """Choices of a fit.

    Parameters
    ----------
    lowest, highest
        Signals that are fitted, in their unit; the defaults are those of Rubin's cp_pipe, in ADU. `highest` should be
        where the amplifier turns off.
    sigma
        Points further off than so many standard deviations are left out: of their own, or of the scatter where that
        is larger.
    max_deviation
        Fraction by which a corrected signal may differ from the light's.
    light_offset
        Whether the light is short by a constant, which is fitted with the curve: the travel of a shutter, in s.
    rescale
        Whether errors of parameters are multiplied by ``sqrt(chi2 / dof)``: where those of the signals are known only
        next to each other.
    iterations
        Steps to the solution, at most.

    Raises
    ------
    ValueError
        When a value makes no sense.
    """

    lowest: float = 30.0
    highest: float = 20000.0
    sigma: float = 5.0
    max_deviation: float = 0.01
    light_offset: bool = False
    rescale: bool = False
    iterations: int = 30

    def __post_init__(self) -> None:
        if not 0 <= self.lowest < self.highest:
            raise ValueError(f"fit rules: {self.lowest} to {self.highest} is no range of signals")
        for name in ("sigma", "max_deviation", "iterations"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"fit rules: {name} is {value}, must be positive")
