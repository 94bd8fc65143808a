"""The few values of a set that lie far from all others. Pure."""

from collections.abc import Sequence
from statistics import median
from typing import Final, NamedTuple

from calibrant.rules.trends import SIGMA_PER_MAD

FEWEST: Final = 3
"""Two that differ do not tell which of them is wrong."""
MOST: Final = 4
"""At most one value in so many stands out, and at least one may; more are no exceptions but another sort."""
SIGMA: Final = 8.0
"""Robust standard deviations. The median absolute deviation of a handful is itself good to some 40 %, so that the usual
5 would cry wolf."""


class StandingOut(NamedTuple):
    """A value that stands out: its place in the sequence, how far it is from the median, and the scatter of all."""

    place: int
    off: float
    scatter: float


def standing_out(values: Sequence[float], least: float) -> tuple[StandingOut, ...]:
    """Find the few values that lie far from all others.

    Parameters
    ----------
    values : sequence of float
        One an exposure, in any unit.
    least : float
        Distance from the median that does not matter, however equal the others are; in the unit of the values.

    Returns
    -------
    tuple of StandingOut
        The farthest first; none where the values are fewer than three or so many stand out that they are none.

    Examples
    --------
    >>> standing_out([0.1, -0.2, 812.0, 0.0, 0.3], least=5.0)[0].place
    2
    """
    if len(values) < FEWEST:
        return ()
    middle = median(values)
    scatter = SIGMA_PER_MAD * median(abs(value - middle) for value in values)
    limit = max(least, SIGMA * scatter)
    found = [
        StandingOut(i, value - middle, scatter)
        for i, value in enumerate(values)
        if abs(value - middle) > limit
    ]
    if len(found) > max(1, len(values) // MOST):
        return ()
    return tuple(sorted(found, key=lambda one: -abs(one.off)))
