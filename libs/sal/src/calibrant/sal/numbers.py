"""Sequence numbers of commands, and the key by which a component knows a number again.

Pure: owns how numbers are shared among commands. Must not know how commands are sent.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from calibrant.contracts.camera.v1 import CommandHeader

HIGHEST = 2**31 - 1


@dataclass(slots=True)
class SequenceNumbers:
    """Numbers that one sender gives its commands: each command has a share of 1 to ``HIGHEST``, begun at random.

    Parameters
    ----------
    names
        SAL names of the commands.
    draw
        Returns a random whole number below its argument.
    """

    names: Sequence[str]
    draw: Callable[[int], int] = secrets.randbelow
    _given: dict[str, int] = field(default_factory=dict)

    def next(self, name: str) -> int:
        """Return the next number of a command; after the last of its share comes the first.

        Raises
        ------
        ValueError
            It is none of the names.
        """
        share = HIGHEST // len(self.names)
        place = self.names.index(name)
        before = self._given.get(name)
        given = self.draw(share) if before is None else (before + 1) % share
        self._given[name] = given
        return place * share + given + 1


def sender_key(header: CommandHeader) -> str:
    """Return by what a command's sequence number is known again; empty for a command without one."""
    if header.sequence_number is None:
        return ""
    return json.dumps([header.identity, header.origin, header.sequence_number])
