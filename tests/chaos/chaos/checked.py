"""The answer of a check: what it looked at, and what is wrong. Knows no check."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any

from chaos.left import Left


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found.

    Parameters
    ----------
    what : str
        What must hold.
    looked_at : int
        At how many things it looked.
    wrong : tuple of str
        What does not hold, each in a line; empty: all is well.
    """

    what: str
    looked_at: int
    wrong: tuple[str, ...]


Check = Callable[[Left], Checked]


def checked(what: str, looked_at: int, wrong: Iterable[str]) -> Checked:
    """Make the answer of a check."""
    return Checked(what, looked_at, tuple(wrong))


def twice(things: Iterable[Hashable], what: str) -> list[str]:
    """Name what is there more than once."""
    return [f"{what} {thing}: {n} times" for thing, n in Counter(things).items() if n > 1]


def unlike(there: Iterable[Hashable], wanted: Iterable[Hashable], *, missing: str, strange: str) -> list[str]:
    """Name what is wanted and not there, and what is there and not wanted."""
    left, right = set(there), set(wanted)
    lacking = [f"{missing}: {thing}" for thing in sorted(right - left, key=str)]
    return lacking + [f"{strange}: {thing}" for thing in sorted(left - right, key=str)]


def unpacked(text: Any) -> Any:
    """Read a column of JSON."""
    return json.loads(text) if isinstance(text, str) else text
