"""The acknowledgement ladder: sent, in progress (each one extends the time), then one final answer.

Pure: owns what an acknowledgement means. Must not know how one is sent or stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from calibrant.contracts.camera.v1 import AckCode, CommandAck
from calibrant.sal.commands import Command, command_name, command_type

UNFINISHED = frozenset({AckCode.UNSPECIFIED, AckCode.IN_PROGRESS, AckCode.STALLED})
"""Codes after which another answer comes."""

_NS = 1_000_000_000
ERROR = 1
"""Error code of a failure that has no number of its own, as in SAL."""
NOT_NOW = 2
"""Error code of a command that is refused because its component is busy, or in another state: it may be taken later."""
ANOTHER = 3
"""Error code of a command whose identifier another command has: that one goes on, and is answered by itself."""


def is_final(ack: AckCode) -> bool:
    """Tell whether no other answer follows this one."""
    return ack not in UNFINISHED


def answer(
    command: Command,
    ack: AckCode,
    result: str,
    *,
    timeout_s: float = 0.0,
    image_names: Sequence[str] = (),
    error: int = ERROR,
) -> CommandAck:
    """Make the acknowledgement of a command.

    Parameters
    ----------
    command
        The command answered.
    ack
        The code; every final one but COMPLETE carries an error.
    result
        What happened, for a person.
    timeout_s
        With IN_PROGRESS or STALLED: how long the rest may take, in seconds.
    image_names
        With the end of takeImages: the images taken.
    error
        The error that it carries then.
    """
    name = command_name(command)
    return CommandAck(
        command_id=command.header.command_id,
        component=command.header.component,
        command=name,
        command_type=command_type(name),
        identity=command.header.identity,
        sequence_number=command.header.sequence_number,
        origin=command.header.origin,
        ack=ack,
        error=error if is_final(ack) and ack is not AckCode.COMPLETE else 0,
        result=result,
        timeout_s=timeout_s,
        image_names=list(image_names),
    )


def again(command: Command, last: CommandAck) -> CommandAck:
    """Return the last answer to a command that has come again, addressed to who sends it now."""
    header = command.header
    update = {"sequence_number": header.sequence_number, "origin": header.origin}
    return last.model_copy(update=update)


class Tracker(BaseModel):
    """What a client knows of a command it has sent. Frozen: each step gives a new one; JSON keeps it.

    Times are nanoseconds since 1970-01-01T00:00:00 TAI, on the client's clock.
    """

    model_config = ConfigDict(frozen=True)

    command_id: str
    command: str = Field(description="SAL name of the command.")
    identity: str = Field(description="Who commands: answers to another identity are not ours.")
    origin: int | None = Field(default=None, description="Which process of that identity.")
    sequence_number: int | None = Field(default=None, description="Its number among the sender's commands.")
    wait_until_tai_ns: int = Field(description="When the client stops waiting for an answer.")
    patience_s: float = Field(default=0.0, description="How much longer than told the client waits. Unit: s.")
    ack: AckCode = Field(
        default=AckCode.UNSPECIFIED, description="The last answer; UNSPECIFIED before the first."
    )
    result: str = Field(default="", description="What the last answer said.")
    image_names: tuple[str, ...] = ()

    @property
    def final(self) -> bool:
        """Whether the command has ended, one way or another."""
        return is_final(self.ack)

    def acknowledged(self, ack: CommandAck, now_tai_ns: int) -> Self:
        """Return what is known after an acknowledgement.

        One of another command or to another identity changes nothing, nor does one after a final answer, nor the
        refusal of another process's command under the same identifier. But an answer that comes
        after the client has given up (NO_ACK) counts: better late than never. An answer that is not final,
        IN_PROGRESS or STALLED, moves the end of the wait to ``timeout_s`` and the client's patience from now,
        never back.
        """
        if not self._concerns(ack) or (self.final and self.ack is not AckCode.NO_ACK):
            return self
        changes: dict[str, object] = {
            "ack": ack.ack,
            "result": ack.result,
            "image_names": tuple(ack.image_names),
        }
        if not is_final(ack.ack):
            until = now_tai_ns + round((ack.timeout_s + self.patience_s) * _NS)
            changes["wait_until_tai_ns"] = max(self.wait_until_tai_ns, until)
        return self.model_copy(update=changes)

    def _concerns(self, ack: CommandAck) -> bool:
        """Tell whether an acknowledgement is one of this command."""
        ours = ack.command_id == self.command_id and ack.identity == self.identity
        sent = (ack.origin, ack.sequence_number) == (self.origin, self.sequence_number)
        return ours and (sent or ack.error != ANOTHER)

    def at(self, now_tai_ns: int) -> Self:
        """Return what is known at a time: without a final answer by the end of the wait, NO_ACK."""
        if self.final or now_tai_ns <= self.wait_until_tai_ns:
            return self
        last = f"; the last answer was {self.ack.name}: {self.result}" if self.result else ""
        return self.model_copy(
            update={"ack": AckCode.NO_ACK, "result": f"no final answer to {self.command} in time{last}"}
        )
