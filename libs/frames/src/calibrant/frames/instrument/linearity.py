"""Owns how an instrument file says what makes an amplifier's signal linear; must not know how it is applied.

All numbers are in ADU, of the signal above the electronic level: what the readout does to it does not depend on the gain
that somebody takes for it. The engine corrects in the unit that a job works in, and is given them in that one.
"""

import math
from abc import ABC, abstractmethod
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from calibrant import pixels


class _Linearity(BaseModel, ABC):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @abstractmethod
    def scaled(self, gain: float) -> pixels.Linearity:
        """Return the correction of signals that were multiplied by a gain.

        Parameters
        ----------
        gain : float
            Electron/ADU; 1 for signals in ADU.
        """

    @model_validator(mode="after")
    def _possible(self) -> Self:
        self.scaled(1.0)
        return self


class PolynomialLinearity(_Linearity):
    """Corrected is v + c₂ v² + c₃ v³ and so on."""

    model: Literal["polynomial"]
    coefficients: tuple[float, ...] = Field(
        description="c₂, c₃, …: of the square and up. Unit: ADU**(1 - power)."
    )

    def scaled(self, gain: float) -> pixels.Linearity:
        """Return the correction of signals that were multiplied by a gain."""
        return pixels.Polynomial(tuple(c / gain**power for power, c in enumerate(self.coefficients, 1)))


class SplineLinearity(_Linearity):
    """Corrected is v - s(v), with s the natural cubic spline through the knots."""

    model: Literal["spline"]
    knots: tuple[float, ...] = Field(description="Signals, ascending. Unit: ADU.")
    values: tuple[float, ...] = Field(description="What is too much there. Unit: ADU.")

    def scaled(self, gain: float) -> pixels.Linearity:
        """Return the correction of signals that were multiplied by a gain."""
        return pixels.Spline(tuple(k * gain for k in self.knots), tuple(v * gain for v in self.values))


class LookupLinearity(_Linearity):
    """Corrected is v + values[floor((v - first) / step)]."""

    model: Literal["lookup"]
    first: int = Field(default=0, description="Signal at which the first value begins. Unit: ADU.")
    step: int = Field(default=1, ge=1, description="Range of signals that each value is for. Unit: ADU.")
    values: tuple[float, ...] = Field(min_length=1, description="What is missing in each range. Unit: ADU.")

    def scaled(self, gain: float) -> pixels.Linearity:
        """Return the correction of signals that were multiplied by a gain: one value for each whole number of them.

        It is that of the middle between two whole numbers; with a gain it may so be the neighbour of the exact one.
        """
        end = self.first + self.step * len(self.values)
        wanted = np.arange(math.floor(self.first * gain), math.ceil(end * gain))
        places = np.floor(((wanted + 0.5) / gain - self.first) / self.step).astype(np.intp)
        values = gain * np.array(self.values)[np.clip(places, 0, len(self.values) - 1)]
        return pixels.Lookup(values.astype(np.float32), int(wanted[0]))


Linearity = Annotated[PolynomialLinearity | SplineLinearity | LookupLinearity, Field(discriminator="model")]
"""One of the three, by its ``model``."""
