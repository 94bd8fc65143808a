"""The commands of a component by their SAL names. Knows the contract; must not know states or transport."""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import cast

from calibrant.contracts.base import Message
from calibrant.contracts.camera.v1 import (
    Alert,
    Clear,
    Disable,
    DisableCalibration,
    DiscardRows,
    Enable,
    EnableCalibration,
    EndImage,
    EnterControl,
    ExitControl,
    Generic,
    InitGuiders,
    InitImage,
    Play,
    Playlist,
    SetFilter,
    SetLogLevel,
    Standby,
    Start,
    StartImage,
    Stop,
    TakeImages,
    WakeFilterChanger,
)
from calibrant.contracts.flow import topics
from calibrant.contracts.generated.registry import MESSAGES

StateCommand = Start | Enable | Disable | Standby | ExitControl | EnterControl
"""A command that every component has: it changes its summary state."""

ImagingCommand = TakeImages | Stop | SetFilter | Clear | DiscardRows | InitImage | StartImage | EndImage
"""A command of a camera that is about images."""

Command = (
    StateCommand
    | ImagingCommand
    | EnableCalibration
    | DisableCalibration
    | Playlist
    | Play
    | InitGuiders
    | WakeFilterChanger
    | Generic
    | Alert
    | SetLogLevel
)
"""Any command, for the type checker: the messages of the topic ``camera-commands``."""

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


def _sent_on(topic: str) -> tuple[type[Message], ...]:
    return tuple(MESSAGES[name] for name in topics()[topic].messages)


COMMANDS = MappingProxyType(
    {command_name(kind): cast("type[Command]", kind) for kind in _sent_on("camera-commands")}
)
"""Type of each command by its SAL name, in the order of the contract."""

EVENTS = MappingProxyType(
    {command_name(kind): kind for kind in (*_sent_on("camera-events"), *_sent_on("camera-telemetry"))}
)
"""Type of each event of a component by its SAL name."""


@cache
def command_type(name: str) -> int:
    """Return a command's number: its place, from 0, among the sorted SAL names of all topics.

    Parameters
    ----------
    name
        SAL name of the command, such as "takeImages".

    Raises
    ------
    ValueError
        There is no such command.
    """
    names = ["ackcmd", *(f"command_{one}" for one in COMMANDS), *(f"logevent_{one}" for one in EVENTS)]
    return sorted(names).index(f"command_{name}")
