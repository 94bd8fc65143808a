"""Owns which detectors an instrument file says to leak into each other; must not know what leaks, or how much."""

from collections.abc import Collection, Sequence


def check_groups(groups: Sequence[Sequence[int]], known: Collection[int]) -> None:
    """Make sure that groups are of several detectors that there are, each in one group at most.

    Parameters
    ----------
    groups : sequence of sequences of int
        Ids of detectors.
    known : collection of int
        Those that there are.

    Raises
    ------
    ValueError
        They are not; the text names the group.
    """
    taken: set[int] = set()
    for index, group in enumerate(groups):
        if len(group) < 2:
            raise ValueError(f"crosstalk_groups[{index}]: has {len(group)} detectors, must have two or more")
        for one in group:
            if one not in known:
                ids = ", ".join(map(str, known))
                raise ValueError(f"crosstalk_groups[{index}]: there is no detector {one}; there are {ids}")
            if one in taken:
                raise ValueError(f"crosstalk_groups[{index}]: detector {one} is named twice; name each once")
            taken.add(one)
