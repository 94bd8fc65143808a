"""Lets contestants take turns, so that whatever else the machine does meets all of them alike. Knows no combiner."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Contestant = Callable[[], float]
"""Does its work once and returns the seconds that it took."""


class MissingError(Exception):
    """A contestant cannot take part; the text says why."""


@dataclass(slots=True)
class Times:
    """What each contestant took, in seconds, round by round; and why some did not take part."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def median(self, name: str) -> float:
        """Return the median, in seconds."""
        return statistics.median(self.seconds[name])

    def least(self, name: str) -> float:
        """Return the least, in seconds."""
        return min(self.seconds[name])


def take_turns(contestants: Mapping[str, Contestant], rounds: int, *, warm: bool = False) -> Times:
    """Let each do its work, round by round; every round begins with another one.

    Parameters
    ----------
    contestants
        By name. Who raises `MissingError` is left out from then on, with the reason.
    rounds
        Measured turns of each.
    warm
        Whether each has done its work before; else there is one turn more, which does not count.
    """
    times, others = Times(), list(contestants.items())
    for turn in range(1 if warm else 0, rounds + 1):
        first = turn % len(contestants)
        for name, contestant in [*others[first:], *others[:first]]:
            if name in times.missing:
                continue
            try:
                taken = contestant()
            except MissingError as reason:
                times.missing[name] = str(reason)
                times.seconds.pop(name, None)
                continue
            sys.stderr.write(f"{turn} of {rounds}: {name} {taken:.3f} s\n")
            if turn:
                times.seconds.setdefault(name, []).append(taken)
    return times
