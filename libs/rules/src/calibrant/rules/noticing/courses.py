"""How values go from exposure to exposure: they alternate, drift, or are merely unsteady. Pure."""

from collections.abc import Sequence
from math import sqrt
from statistics import StatisticsError, correlation, fmean
from typing import Final, Literal, NamedTuple

FEWEST: Final = 4
FEWEST_DRIFTING: Final = 5
"""Chance puts four in order once in twelve times, five once in sixty."""
FEWEST_ON_A_SIDE: Final = 3
IN_ORDER: Final = 0.9
"""Spearman's rank correlation with the place in the sequence: five in order but for two neighbours have it."""
APART: Final = 3.0
"""Standard deviations of the odd and of the even values by which the two must be apart."""


class Course(NamedTuple):
    """How values go, the two that tell it, and how far these are apart.

    Of values that alternate the means of the odd and of the even ones, of a drift the means of the first and of the last
    third, else the least and the greatest.
    """

    form: Literal["alternates", "drifts", "unsteady"]
    first: float
    second: float

    @property
    def apart(self) -> float:
        """How far the two are apart."""
        return abs(self.second - self.first)


def course_of(values: Sequence[float], *, alternates: float, drifts: float, unsteady: float) -> Course | None:
    """Say how values go from exposure to exposure.

    Parameters
    ----------
    values : sequence of float
        One an exposure, in order of time.
    alternates, drifts, unsteady : float
        Least differences that are told, in the unit of the values: of odd and even ones, of the first and the last
        third of values that are in order, and of the least and the greatest.

    Returns
    -------
    Course or None
        None where the values are steady, or too few to tell.

    Examples
    --------
    >>> course_of([10.0, 10.2, 10.3, 10.5, 10.6], alternates=0.1, drifts=0.1, unsteady=9.0).form
    'drifts'
    """
    if len(values) < FEWEST:
        return None
    odd, even = values[::2], values[1::2]
    found = Course("alternates", fmean(odd), fmean(even))
    if found.apart > max(APART * _scatter(odd), APART * _scatter(even), alternates):
        return found
    third = max(1, len(values) // 3)
    found = Course("drifts", fmean(values[:third]), fmean(values[-third:]))
    if len(values) >= FEWEST_DRIFTING and found.apart > drifts and abs(order_of(values)) >= IN_ORDER:
        return found
    found = Course("unsteady", min(values), max(values))
    return found if found.apart > unsteady else None


def spreads_from_one(values: Sequence[float]) -> bool:
    """Tell whether values grow from the least one to both ends of the sequence, as where something drifts past it."""
    least = min(range(len(values)), key=values.__getitem__)
    before, after = values[: least + 1], values[least:]
    sides = [side for side in (before[::-1], after) if len(side) >= FEWEST_ON_A_SIDE]
    return len(values) >= FEWEST_DRIFTING and all(order_of(side) >= IN_ORDER for side in sides)


def order_of(values: Sequence[float]) -> float:
    """Return Spearman's rank correlation of values with their place: 1 ascending, -1 descending, 0 for equal ones."""
    try:
        return correlation(range(len(values)), _ranks(values))
    except StatisticsError:
        return 0.0


def _ranks(values: Sequence[float]) -> list[float]:
    """Return the place of each value among all in ascending order; equal ones share the middle of theirs."""
    ordered = sorted(values)
    return [ordered.index(value) + (ordered.count(value) - 1) / 2 for value in values]


def _scatter(values: Sequence[float]) -> float:
    """Return the standard deviation about the mean of all."""
    middle = fmean(values)
    return sqrt(fmean((value - middle) ** 2 for value in values))
