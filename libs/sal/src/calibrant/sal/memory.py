"""What a component remembers of commands while it lives: the last answer to each, what it asks for, and who used which number.

Pure: owns how much is kept. A component with a database keeps it there instead.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from calibrant.contracts.base import Message
from calibrant.contracts.camera.v1 import CommandAck
from calibrant.sal.acks import is_final
from calibrant.sal.commands import Command
from calibrant.sal.fields import asked
from calibrant.sal.numbers import sender_key

T = TypeVar("T")


@dataclass(slots=True)
class Memory:
    """The commands of a component, the latest ``most`` of them."""

    most: int = 10_000
    _acks: OrderedDict[str, CommandAck] = field(default_factory=OrderedDict)
    _asked: OrderedDict[str, str] = field(default_factory=OrderedDict)
    _numbers: OrderedDict[str, str] = field(default_factory=OrderedDict)

    def recall(self, acks: Iterable[Message]) -> list[CommandAck]:
        """Take up answers of an earlier life, oldest first; return the last ones of commands that had no end."""
        for ack in acks:
            if isinstance(ack, CommandAck):
                self.answered(ack)
        return [ack for ack in self._acks.values() if not is_final(ack.ack)]

    def note(self, command: Command) -> None:
        """Remember a command that is new."""
        _keep(self._asked, command.header.command_id, asked(command), self.most)
        key = sender_key(command.header)
        if key:
            _keep(self._numbers, key, command.header.command_id, self.most)

    def answered(self, ack: CommandAck) -> None:
        """Remember an answer."""
        _keep(self._acks, ack.command_id, ack, self.most)

    def last(self, command: Command) -> CommandAck | None:
        """Return the last answer to a command; None: it is new."""
        return self._acks.get(command.header.command_id)

    def asked(self, command: Command) -> str:
        """Return what was asked for under a command's identifier; empty: it is new, or of an earlier life."""
        return self._asked.get(command.header.command_id, "")

    def used_by(self, command: Command) -> str:
        """Return the command that had the number of this one before; empty for none."""
        return self._numbers.get(sender_key(command.header), "")


def _keep(kept: OrderedDict[str, T], key: str, value: T, most: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > most:
        kept.popitem(last=False)
