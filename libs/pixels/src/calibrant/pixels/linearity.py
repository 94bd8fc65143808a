"""What makes an amplifier's signal proportional to the light: a polynomial, a spline, two of them, or a table.

It owns the corrections, each one operation after another in the type of the samples; it must not know
amplifiers or how a correction was measured. Signals are as they are after gain and overscan.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.splines import evaluate, natural_cubic

Samples = NDArray[Any]

MOST_ENTRIES: Final = 2**24
"""Of a table: float32 knows each of its places."""

Outside = NDArray[np.bool_] | None
"""Where a signal lies outside the range in which the correction was measured; None: it has no such range."""


def _numbers(name: str, values: tuple[float, ...], fewest: int) -> None:
    if len(values) < fewest or not all(math.isfinite(value) for value in values):
        raise ValueError(f"linearity {name}: {len(values)} values, at least {fewest} finite ones are needed")


@dataclass(frozen=True)
class Polynomial:
    """Corrected is ``v + c2 v**2 + c3 v**3`` and so on.

    Parameters
    ----------
    coefficients
        c2, c3, …: of the square and up.
    """

    coefficients: tuple[float, ...]

    def __post_init__(self) -> None:
        _numbers("polynomial", self.coefficients, 1)

    def apply(self, signal: Samples) -> tuple[Samples, Outside]:
        """Correct a signal; by Horner's rule."""
        factors = np.array(self.coefficients, dtype=signal.dtype)
        correction = np.full_like(signal, factors[-1])
        for factor in factors[-2::-1]:
            correction *= signal
            correction += factor
        correction *= signal
        correction *= signal
        correction += signal
        return correction, None


@dataclass(frozen=True)
class Spline:
    """Corrected is ``v - s(v)``, with s the natural cubic spline through the knots; beyond them the value at the end.

    Parameters
    ----------
    knots
        Signals, strictly ascending, two or more.
    values
        What is too much there.
    """

    knots: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        _numbers("spline", self.knots, 2)
        _numbers("spline", self.values, 2)
        if (
            len(self.knots) != len(self.values)
            or (np.diff(np.array(self.knots, dtype=np.float32)) <= 0).any()
        ):
            raise ValueError(
                f"linearity spline: {len(self.knots)} knots and {len(self.values)} values; give one value for each "
                "knot, and knots that ascend"
            )

    @cached_property
    def cubics(self) -> NDArray[np.float64]:
        """(K - 1, 4), as :func:`calibrant.pixels.splines.natural_cubic` has them."""
        return natural_cubic(np.array(self.knots), np.array(self.values))

    def apply(self, signal: Samples) -> tuple[Samples, NDArray[np.bool_]]:
        """Correct a signal."""
        knots, cubics = np.array(self.knots, dtype=signal.dtype), self.cubics.astype(signal.dtype)
        within = np.clip(signal, knots[0], knots[-1])
        outside = (signal < knots[0]) | (signal > knots[-1])
        return signal - evaluate(knots, cubics, within), outside


@dataclass(frozen=True)
class DoubleSpline:
    """Corrected by one spline, and what that gives by another: ``w - t(w)`` with ``w = v - s(v)``.

    Parameters
    ----------
    first
        s: what makes the signal proportional to that of another amplifier.
    second
        t: what makes that one proportional to the light.
    """

    first: Spline
    second: Spline

    def apply(self, signal: Samples) -> tuple[Samples, NDArray[np.bool_]]:
        """Correct a signal."""
        once, outside = self.first.apply(signal)
        twice, beyond = self.second.apply(once)
        return twice, outside | beyond


@dataclass(frozen=True, eq=False)
class Lookup:
    """Corrected is ``v + table[floor(v) - first]``; beyond the table its value at the end.

    Parameters
    ----------
    table
        float32, (entries,): what is missing, for each unit of the signal; at most 2**24, which float32 can count.
    first
        Signal that the first entry is for.
    """

    table: NDArray[np.float32]
    first: int = 0

    def __post_init__(self) -> None:
        if self.table.ndim != 1 or not self.table.size or not np.isfinite(self.table).all():
            raise ValueError(f"linearity table: shape {self.table.shape}; give one row of finite numbers")
        if self.table.size > MOST_ENTRIES:
            raise ValueError(f"linearity table: {self.table.size} entries, must be at most {MOST_ENTRIES}")

    def apply(self, signal: Samples) -> tuple[Samples, Outside]:
        """Correct a signal."""
        entry = np.floor(signal) - signal.dtype.type(self.first)
        inside = np.clip(entry, 0, len(self.table) - 1)
        index = np.where(np.isnan(inside), 0, inside).astype(np.intp)
        outside = (entry < 0) | (entry > len(self.table) - 1)
        return signal + self.table[index].astype(signal.dtype), outside


Linearity = Polynomial | Spline | DoubleSpline | Lookup
