"""The commands of a component by their SAL names. Knows the contract; must not know states or transport."""

from __future__ import annotations

from types import MappingProxyType

from calibrant.contracts.base import Message
from calibrant.contracts.camera.v1 import (
    Disable,
    Enable,
    EnterControl,
    ExitControl,
    Standby,
    Start,
    TakeImages,
)

Command = Start | Enable | Disable | Standby | ExitControl | EnterControl | TakeImages
"""Any command: a message with a ``header``."""

STATE_COMMANDS: tuple[type[Command], ...] = (Start, Enable, Disable, Standby, ExitControl, EnterControl)
"""The commands that every component has: they change its summary state."""


def command_name(command: Message | type[Message]) -> str:
    """Return a command's SAL name.

    Examples
    --------
    >>> command_name(TakeImages)
    'takeImages'
    """
    name = command.message_type.rpartition(".")[2]
    return name[0].lower() + name[1:]


COMMANDS = MappingProxyType({command_name(kind): kind for kind in (*STATE_COMMANDS, TakeImages)})
"""Type of each command by its SAL name."""
