"""The component's side: whether a command is taken on, and what is answered at once.

Pure: owns the order of the checks. Must not know how commands come, nor how a component does its work.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from calibrant.contracts.camera.v1 import AckCode, CommandAck, SummaryState
from calibrant.runtime.access.callers import Caller
from calibrant.runtime.access.roles import COMMANDS
from calibrant.sal.acks import ANOTHER, NOT_NOW, again, answer
from calibrant.sal.commands import Command, command_name
from calibrant.sal.fields import asked
from calibrant.sal.states import TRANSITIONS, NotAllowed, after


class Verdict(Enum):
    """What becomes of a command."""

    IGNORED = "ignored"
    """It is another component's."""

    REPEATED = "repeated"
    """It is known already: what was answered last is answered again, and nothing else happens."""

    CONFLICTS = "conflicts"
    """Its identifier is that of a command that asks for something else: it is answered, and that one stays as it is."""

    REFUSED = "refused"
    """It is answered with a final acknowledgement and not carried out."""

    NOT_PERMITTED = "not permitted"
    """Its sender may not give it: it is answered, and takes no identifier from who may."""

    CHANGES_STATE = "changes state"
    """It is a state command, carried out at once."""

    ACCEPTED = "accepted"
    """It is work, to be carried out and answered."""


ONLY_ANSWERED = frozenset({Verdict.REPEATED, Verdict.CONFLICTS, Verdict.NOT_PERMITTED})
"""After these nothing is written down of a command."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a command, the answer where there is one at once, and the state afterwards."""

    verdict: Verdict
    state: SummaryState
    ack: CommandAck | None = None


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Decides on commands for one component.

    Parameters
    ----------
    component
        Name of the component, such as "camera".
    """

    component: str

    def decide(
        self,
        command: Command,
        *,
        state: SummaryState,
        now_tai_ns: int,
        last: CommandAck | None = None,
        asked_before: str = "",
        used_by: str = "",
    ) -> Decision:
        """Decide on a command that has arrived.

        Parameters
        ----------
        command
            The command.
        state
            The component's state.
        now_tai_ns
            Now on the system clock, in nanoseconds since 1970-01-01T00:00:00 TAI.
        last
            What was answered to the command before; None when it is new.
        asked_before
            What was asked for then, as ``fields.asked`` gives it; empty when that is not known.
        used_by
            Identifier of another command that its sender gave the same sequence number; empty for none.
        """
        if command.header.component != self.component:
            return Decision(Verdict.IGNORED, state)
        if last is not None:
            return _known(command, state, last, asked_before)
        if not sender(command).has(COMMANDS):
            return Decision(Verdict.NOT_PERMITTED, state, _no_permission(command))
        refusal = _misnumbered(command, used_by) or self.refusal(command, state=state, now_tai_ns=now_tai_ns)
        if refusal is not None:
            return Decision(Verdict.REFUSED, state, refusal)
        name = command_name(command)
        if name not in TRANSITIONS:
            return Decision(Verdict.ACCEPTED, state)
        new = after(name, state)
        return Decision(Verdict.CHANGES_STATE, new, answer(command, AckCode.COMPLETE, f"now {new.name}"))

    def refusal(self, command: Command, *, state: SummaryState, now_tai_ns: int) -> CommandAck | None:
        """Return why a command must not begin now, or None: asked on arrival, and again before work begins.

        TIMEOUT after its deadline, FAILED in a state that does not allow it.
        """
        late_ns = now_tai_ns - command.header.deadline.ns
        if late_ns > 0:
            text = (
                f"not started: its deadline passed {late_ns / 1e9:.1f} s ago; send it anew with a later one"
            )
            return answer(command, AckCode.TIMEOUT, text)
        try:
            after(command_name(command), state)
        except NotAllowed as error:
            return answer(command, AckCode.FAILED, str(error), error=NOT_NOW)
        return None


def sender(command: Command) -> Caller:
    """Return who gives a command, as who let it in has written it down."""
    return Caller.of(command.header.identity, command.header.roles)


def _known(command: Command, state: SummaryState, last: CommandAck, asked_before: str) -> Decision:
    """Decide on a command whose identifier has come before."""
    if asked_before in {"", asked(command)}:
        return Decision(Verdict.REPEATED, state, again(command, last))
    return Decision(Verdict.CONFLICTS, state, _conflicts(command))


def _conflicts(command: Command) -> CommandAck:
    text = (
        f"command {command.header.command_id} exists and asks for something else: "
        "repeat it as it was, or give this one a cause or command_id of its own"
    )
    return answer(command, AckCode.FAILED, text, error=ANOTHER)


def _misnumbered(command: Command, used_by: str) -> CommandAck | None:
    number = command.header.sequence_number
    if number is not None and number < 1:
        return answer(command, AckCode.FAILED, f"sequence number {number}: numbers begin at 1")
    if used_by:
        text = (
            f"sequence number {number} of {command.header.identity} was command {used_by}: "
            "give every command a number of its own, or repeat that one under its identifier"
        )
        return answer(command, AckCode.FAILED, text)
    return None


def _no_permission(command: Command) -> CommandAck:
    caller = sender(command)
    text = f"{command_name(command)} needs the role {COMMANDS}; {caller.identity} has {caller.roles_text}"
    return answer(command, AckCode.NO_PERMISSION, text)
