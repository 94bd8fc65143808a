"""The client's side: making commands whose identifiers derive from their cause, and tracking them.

Owns how a command's header comes about. Must not know how it is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from calibrant.contracts.camera.v1 import CommandHeader
from calibrant.contracts.common.v1 import TaiTime
from calibrant.runtime.access.roles import Role
from calibrant.runtime.clock import Clock
from calibrant.runtime.ids import derive
from calibrant.sal.acks import Tracker
from calibrant.sal.commands import Command, command_name
from calibrant.sal.numbers import SequenceNumbers

C = TypeVar("C", bound=Command)


@dataclass(frozen=True, slots=True)
class Composer:
    """Composes commands to one component.

    Parameters
    ----------
    component
        The component commanded, such as "camera".
    identity
        Who commands: the name of a component.
    clock
        Where deadlines are counted from.
    roles
        What it may do.
    requested_by
        For whom it commands; None: for itself.
    origin
        Which process of that identity; None: it does not tell.
    numbers
        Gives sequence numbers; None: commands have none, and their identifiers alone tell them apart.
    """

    component: str
    identity: str
    clock: Clock
    roles: tuple[str, ...] = (Role.OPERATOR.value,)
    requested_by: str | None = None
    origin: int | None = None
    numbers: SequenceNumbers | None = None

    def command(self, kind: type[C], *cause: str, timeout_s: float, **fields: Any) -> C:
        """Make a command.

        Parameters
        ----------
        kind
            Its type, such as ``TakeImages``.
        cause
            What asks for it, in parts, such as an acquisition and an attempt: the same cause gives the same
            identifier, so that a repetition is carried out once.
        timeout_s
            It must begin within so many seconds from now.
        fields
            The command's own fields.

        Raises
        ------
        pydantic.ValidationError
            A field is missing or has the wrong type.
        """
        return kind(header=self.header(kind, *cause, timeout_s=timeout_s), **fields)

    def header(self, kind: type[C], *cause: str, timeout_s: float) -> CommandHeader:
        """Make the header of a command; parameters as for ``command``."""
        name = command_name(kind)
        return CommandHeader(
            command_id=derive("command", self.component, name, *cause),
            component=self.component,
            identity=self.identity,
            roles=self.roles,
            requested_by=self.requested_by,
            deadline=TaiTime.from_ns(self.clock.tai_ns() + round(timeout_s * 1e9)),
            origin=self.origin,
            sequence_number=self.numbers.next(name) if self.numbers else None,
        )

    def track(self, command: Command, *, duration_s: float = 0.0, patience_s: float = 0.0) -> Tracker:
        """Begin to track a command that is being sent.

        Parameters
        ----------
        command
            The command.
        duration_s
            How long it takes once begun, in seconds: it may begin at its deadline.
        patience_s
            How much longer than told to wait for each answer, in seconds.
        """
        until = command.header.deadline.ns + round((duration_s + patience_s) * 1e9)
        return Tracker(
            command_id=command.header.command_id,
            command=command_name(command),
            identity=self.identity,
            origin=command.header.origin,
            sequence_number=command.header.sequence_number,
            wait_until_tai_ns=until,
            patience_s=patience_s,
        )
