"""Which curves may be fitted: what each adds to a signal, as a sum of given shapes.

It owns the shapes and how their factors become a linearity; it must not know data. Shapes are of the signal as a
fraction of the highest one, so that those of all amplifiers are the same.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol, Self

import numpy as np

from calibrant.pixels.linearity import Linearity, Lookup, Polynomial, Spline
from calibrant.pixels.nonlinearity.ramp import Values
from calibrant.pixels.splines import evaluate, natural_cubic

_BEYOND: Final = 1e-3
"""Of the highest signal: how far above it the spline ends."""


class Curve(Protocol):
    """A correction that is a sum of shapes: corrected is ``top * (u + sum(q * shape(u)))`` with ``u = signal / top``."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the parameters."""

    def shapes(self, u: Values) -> Values:
        """Give the shapes, in a last axis."""

    def scales(self, top: float) -> Values:
        """Give what turns factors of the shapes into parameters, for signals up to `top`."""

    def linearity(self, parameters: Values, top: float) -> Linearity:
        """Give the correction that the parameters stand for."""


@dataclass(frozen=True)
class PolynomialCurve:
    """``v + c2 v**2 + …``: the slope at zero signal is 1.

    Parameters
    ----------
    order
        Highest power, 2 or more; 2 is what Rubin's pipelines call squared.
    """

    order: int = 3

    def __post_init__(self) -> None:
        if self.order < 2:
            raise ValueError(f"polynomial curve: order {self.order}, must be at least 2")

    @property
    def names(self) -> tuple[str, ...]:
        """Of the parameters."""
        return tuple(f"c{power}" for power in range(2, self.order + 1))

    def shapes(self, u: Values) -> Values:
        """Give the powers."""
        return np.stack([u**power for power in range(2, self.order + 1)], axis=-1)

    def scales(self, top: float) -> Values:
        """Give what turns factors of the powers into coefficients."""
        return top ** -np.arange(1.0, self.order)

    def linearity(self, parameters: Values, top: float) -> Polynomial:  # noqa: ARG002  holds for all signals
        """Give the polynomial."""
        return Polynomial(tuple(map(float, parameters)))


@dataclass(frozen=True)
class SplineCurve:
    """``v - s(v)``: zero stays zero, and the knot nearest the middle stays what it is, which settles the scale.

    The spline is natural at two knots that are added: as far below zero as the first above it, so that noise about zero
    is not beyond the range, and right above the highest. Their values follow from the others: at the second knot and
    the last but one the third derivative does not jump (de Boor 1978, chapter IV: "not a knot").

    Parameters
    ----------
    places
        Of the knots, as fractions of the highest signal: ascending from 0 to 1, 4 or more.
    """

    places: tuple[float, ...] = tuple(float(one) / 9 for one in range(10))

    def __post_init__(self) -> None:
        rising = (np.diff(self.places) > 0).all()
        if len(self.places) < 4 or self.places[0] != 0 or self.places[-1] != 1 or not rising:
            raise ValueError(f"spline curve: knots at {self.places}; give 4 or more, ascending from 0 to 1")

    @classmethod
    def spread(cls, light: Values, knots: int = 10) -> Self:
        """Spread knots evenly, but leave out those that would have fewer than two flux levels up to the next.

        Parameters
        ----------
        light
            (exposures,): light of those in the range. What is not finite does not count, nor what is not above zero.
            Lights that differ by less than 2 % are one level.
        knots
            How many at most, 4 or more.
        """
        lit = light[np.isfinite(light) & (light > 0)]
        levels = np.exp(np.unique(np.round(50 * np.log(lit / lit.max(initial=0)))) / 50)
        chosen = [1.0]
        for place in np.linspace(1, 0, knots)[1:-1]:
            if ((levels >= place) & (levels < chosen[-1])).sum() >= 2:
                chosen.append(float(place))
        return cls((0.0, *reversed(chosen)) if len(chosen) > 2 else (0.0, 1 / 3, 2 / 3, 1.0))

    @cached_property
    def knots(self) -> Values:
        """(K,): the knots with the two that are added, as fractions of the highest signal."""
        return np.array([-self.places[1], *self.places, 1 + _BEYOND])

    @cached_property
    def free(self) -> Values:
        """(K, parameters): values at the knots for each of the parameters."""
        third = np.array([natural_cubic(self.knots, one)[:, 3] for one in np.eye(len(self.knots))])
        jumps = np.stack([third[:, 2] - third[:, 1], third[:, -2] - third[:, -3]])
        ends = -np.linalg.solve(jumps[:, [0, -1]], jumps[:, 1:-1])
        values = np.concatenate([ends[:1], np.eye(len(self.places)), ends[1:]])
        return np.delete(values, [0, self._middle], axis=1)

    @property
    def _middle(self) -> int:
        """Which of the places stays; neither end."""
        return 1 + int(np.abs(np.array(self.places[1:-1]) - 0.5).argmin())

    @property
    def names(self) -> tuple[str, ...]:
        """Of the parameters: "value" and the place of its knot."""
        return tuple(
            f"value at {place:.3f}" for knot, place in enumerate(self.places) if knot not in {0, self._middle}
        )

    def shapes(self, u: Values) -> Values:
        """Give what a unit of each value takes away."""
        return np.stack([-evaluate(self.knots, natural_cubic(self.knots, one), u) for one in self.free.T], -1)

    def scales(self, top: float) -> Values:
        """Give what turns factors into values, in the unit of the signal."""
        return np.full(self.free.shape[1], top)

    def linearity(self, parameters: Values, top: float) -> Spline:
        """Give the spline."""
        return Spline(tuple((self.knots * top).tolist()), tuple((self.free @ parameters).tolist()))


def tabulate(linearity: Linearity, first: int, end: int) -> Lookup:
    """Make a table of a correction: one entry for each unit of the signal, of its middle.

    Parameters
    ----------
    linearity
        What is tabulated. A table of it differs by half a unit times its slope, at most.
    first, end
        Signals: of the first entry, and after the last.
    """
    middles = np.arange(first, end) + 0.5
    return Lookup((linearity.apply(middles)[0] - middles).astype(np.float32), first)
