"""Values that should be one and are several: temperatures or gains that frames of one set were taken with. Pure."""

from collections.abc import Iterable
from typing import NamedTuple


class Group(NamedTuple):
    """Values that belong together: the least, the greatest, and how many frames have them."""

    least: float
    greatest: float
    frames: int


def groups_of(values: Iterable[float], tolerance: float) -> tuple[Group, ...]:
    """Put values into groups that are apart from one another.

    Parameters
    ----------
    values : iterable of float
        One a frame.
    tolerance : float
        A gap that is larger begins another group, in the unit of the values.

    Returns
    -------
    tuple of Group
        In ascending order. One group may be wider than the tolerance, where values lie close in between.

    Examples
    --------
    >>> groups_of([-10.1, -9.9, -5.0, -10.0], tolerance=1.0)
    (Group(least=-10.1, greatest=-9.9, frames=3), Group(least=-5.0, greatest=-5.0, frames=1))
    """
    groups: list[Group] = []
    for value in sorted(values):
        if groups and value - groups[-1].greatest <= tolerance:
            groups[-1] = Group(groups[-1].least, value, groups[-1].frames + 1)
        else:
            groups.append(Group(value, value, 1))
    return tuple(groups)
