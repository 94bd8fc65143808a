"""Numbers along an axis: the range, the round ones that are written, and how. Must not know figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, log10
from typing import Final

_STEPS: Final = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
_MARGIN: Final = 0.05
_LARGE, _SMALL = 1e6, 1e-4
"""From where on, and down to where, numbers are written with a power of ten."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Where numbers are in a figure: `low` is at `begin`, `high` at `end`."""

    low: float
    high: float
    begin: float = 0.0
    end: float = 1.0

    def at(self, value: float) -> float:
        """Return where a number is."""
        return self.begin + (value - self.low) / (self.high - self.low) * (self.end - self.begin)


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Return the least and the greatest value, kept apart where they are one."""
    low, high = min(values), max(values)
    apart = high - low > 1e-9 * max(abs(low), abs(high))
    room = 0.0 if apart else abs(low) * 0.01 or 0.5
    return low - room, high + room


def with_margin(low: float, high: float) -> tuple[float, float]:
    """Return a range with some room on either side."""
    room = _MARGIN * (high - low)
    return low - room, high + room


def ticks(low: float, high: float, most: int, *, whole: bool = False) -> list[float]:
    """Return the round numbers of a range, in even steps.

    Parameters
    ----------
    low, high : float
        The range; `high` is greater.
    most : int
        Steps that there are at most.
    whole : bool
        Whole numbers alone.
    """
    least = (high - low) / most
    power = 10.0 ** floor(log10(least))
    if whole and power < 1:
        power = 1.0
    step = next(
        found for one in _STEPS if (found := one * power) >= least * 0.999999 and not (whole and found % 1)
    )
    room = 1e-6 * (high - low)
    first, last = ceil((low - room) / step), floor((high + room) / step)
    return [number * step for number in range(first, last + 1)]


def written(numbers: Sequence[float]) -> list[str]:
    """Write the numbers of an axis, each to as many digits as tell it from the next."""
    if not numbers:
        return []
    largest = max(map(abs, numbers))
    step = min((after - before for before, after in pairwise(numbers)), default=largest)
    if largest and (largest >= _LARGE or largest < _SMALL):
        tenths = step / 10.0 ** floor(log10(step))
        digits = 1 + floor(log10(largest)) - floor(log10(step)) + (abs(tenths - round(tenths)) > 1e-6)
        return [_signed(f"{number:.{digits}g}") for number in numbers]
    places = next((places for places in range(12) if abs(round(step, places) - step) < step * 1e-3), 12)
    return [_signed(f"{number + 0.0:.{places}f}") for number in numbers]


def _signed(words: str) -> str:
    """Give a negative number its proper sign, which is as wide as a digit."""
    return words.replace("-", "\N{MINUS SIGN}", 1) if words.startswith("-") else words
