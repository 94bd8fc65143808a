"""Owns how an instrument file says what makes an amplifier's signal linear; must not know how it is applied.

All numbers are in ADU, of the signal above the electronic level: what the readout does to it does not depend on the gain
that somebody takes for it. The engine corrects in the unit that a job works in, and is given them in that one.
"""

import math
from abc import ABC, abstractmethod
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
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


class Knots(BaseModel):
    """One of the splines of a double one."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    knots: tuple[float, ...] = Field(description="Signals, ascending. Unit: ADU.")
    values: tuple[float, ...] = Field(description="What is too much there. Unit: ADU.")

    def scaled(self, gain: float) -> pixels.Spline:
        """Return the spline of signals that were multiplied by a gain."""
        return pixels.Spline(tuple(k * gain for k in self.knots), tuple(v * gain for v in self.values))


class DoubleSplineLinearity(_Linearity):
    """Corrected is w - t(w) with w = v - s(v): s is the spline of `first`, t that of `second`."""

    model: Literal["double-spline"]
    first: Knots = Field(description="What makes the signal proportional to a reference amplifier's.")
    second: Knots = Field(description="What makes that one proportional to the light.")

    def scaled(self, gain: float) -> pixels.Linearity:
        """Return the correction of signals that were multiplied by a gain."""
        return pixels.DoubleSpline(self.first.scaled(gain), self.second.scaled(gain))


class LookupLinearity(_Linearity):
    """Corrected is v + values[floor((v - first) / step)]."""

    model: Literal["lookup"]
    first: int = Field(default=0, description="Signal at which the first value begins. Unit: ADU.")
    step: int = Field(default=1, ge=1, description="Range of signals that each value is for. Unit: ADU.")
    values: tuple[float, ...] = Field(min_length=1, description="What is missing in each range. Unit: ADU.")

    def scaled(self, gain: float) -> pixels.Linearity:
        """Return the correction of signals that were multiplied by a gain; see `scaled_table`."""
        return scaled_table(np.array(self.values), self.first, self.step, gain)


def scaled_table(values: NDArray[np.floating], first: int, step: int, gain: float) -> pixels.Lookup:
    """Return the table of signals that were multiplied by a gain: one value for each whole number of them.

    It is that of the middle between two whole numbers; with a gain it may so be the neighbour of the exact one.

    Parameters
    ----------
    values : ndarray
        (entries,): what is missing in each range, in ADU.
    first, step : int
        Signal at which the first value begins, and range that each is for, in ADU.
    gain : float
        Electron/ADU; 1 for signals in ADU.
    """
    end = first + step * len(values)
    wanted = np.arange(math.floor(first * gain), math.ceil(end * gain))
    places = np.floor(((wanted + 0.5) / gain - first) / step).astype(np.intp)
    scaled = gain * values[np.clip(places, 0, len(values) - 1)]
    return pixels.Lookup(scaled.astype(np.float32), int(wanted[0]))


Linearity = Annotated[
    PolynomialLinearity | SplineLinearity | DoubleSplineLinearity | LookupLinearity,
    Field(discriminator="model"),
]
"""One of the four, by its ``model``."""
