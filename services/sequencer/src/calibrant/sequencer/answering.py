"""Commands to the sequencer that come over the log: each is carried out once and answered once.

Owns who may give one, until when, and the answer. What a command does, who calls knows.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlmodel import Session

from calibrant.bus.errors import PermanentError
from calibrant.contracts.camera.v1 import AckCode, CommandHeader
from calibrant.contracts.sequencer.v1 import CommandAnswered
from calibrant.runtime.access.audit import Deed, record
from calibrant.runtime.access.callers import Caller
from calibrant.runtime.access.roles import COMMANDS
from calibrant.sequencer.service import SequencerService
from calibrant.sequencer.store.queued import AnswerRow


def answered(
    header: CommandHeader, session: Session, service: SequencerService, what: str, do: Callable[[Caller], str]
) -> CommandAnswered:
    """Carry out a command that has come; one that came before is answered again, and nothing else happens.

    Parameters
    ----------
    header : CommandHeader
        Who commands, until when.
    session : Session
        The transaction.
    service : SequencerService
        Whose clock counts.
    what : str
        What is commanded, for the audit of who may not.
    do : callable
        Does it for a caller, and returns what happened; a `PermanentError` that it raises before it changes anything
        is the answer's text.
    """
    known = session.get(AnswerRow, header.command_id)
    if known is not None:
        return CommandAnswered.from_json(known.answer_json.encode())
    caller = Caller.of(header.identity, header.roles)
    if not caller.has(COMMANDS):
        return _forbidden(header, session, service, what, caller)
    late_s = (service.clock.tai_ns() - header.deadline.ns) / 1e9
    if late_s > 0:
        told = f"not begun: its deadline passed {late_s:.1f} s ago; send it anew with a later one"
        answer = _answer(header, AckCode.TIMEOUT, told)
    else:
        answer = _carried_out(header, caller, do)
    session.add(AnswerRow(command_id=answer.command_id, answer_json=answer.to_json().decode()))
    return answer


def _carried_out(header: CommandHeader, caller: Caller, do: Callable[[Caller], str]) -> CommandAnswered:
    try:
        told = do(caller)
    except PermanentError as problem:
        return _answer(header, AckCode.FAILED, str(problem))
    return _answer(header, AckCode.COMPLETE, told)


def _forbidden(
    header: CommandHeader, session: Session, service: SequencerService, what: str, caller: Caller
) -> CommandAnswered:
    """Refuse who may not; the command's identifier stays free for who may."""
    told = f"this needs the role {COMMANDS}; {caller.identity} has {caller.roles_text}"
    record(session, service.clock.tai_ns(), caller, Deed(what, header.component, told))
    return _answer(header, AckCode.NO_PERMISSION, told)


def _answer(header: CommandHeader, ack: AckCode, result: str) -> CommandAnswered:
    return CommandAnswered(
        command_id=header.command_id,
        component=header.component,
        identity=header.identity,
        ack=ack,
        result=result,
    )
