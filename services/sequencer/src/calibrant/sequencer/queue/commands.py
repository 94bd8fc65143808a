"""Commands to queues that come over the log: each is carried out once and answered once.

Owns who may give one, until when, and the answer. What a command does, the desk knows.
"""

from __future__ import annotations

from sqlmodel import Session

from calibrant.bus.errors import PermanentError
from calibrant.contracts.camera.v1 import AckCode
from calibrant.contracts.sequencer.v1 import CommandAnswered, QueueAction, QueueCommand
from calibrant.runtime.access.audit import Deed, record
from calibrant.runtime.access.callers import Caller
from calibrant.runtime.access.roles import COMMANDS
from calibrant.sequencer.queue.desk import Desk, QueueRefused
from calibrant.sequencer.service import SequencerService
from calibrant.sequencer.store.queued import AnswerRow


def obey(command: QueueCommand, session: Session, service: SequencerService) -> CommandAnswered:
    """Carry out a command that has come; one that came before is answered again, and nothing else happens."""
    known = session.get(AnswerRow, command.header.command_id)
    if known is not None:
        return CommandAnswered.from_json(known.answer_json.encode())
    caller = Caller.of(command.header.identity, command.header.roles)
    if not caller.has(COMMANDS):
        return _forbidden(command, session, service, caller)
    late_s = (service.clock.tai_ns() - command.header.deadline.ns) / 1e9
    if late_s > 0:
        told = f"not begun: its deadline passed {late_s:.1f} s ago; send it anew with a later one"
        answer = _answer(command, AckCode.TIMEOUT, told)
    else:
        answer = _carried_out(command, session, service, caller)
    session.add(AnswerRow(command_id=answer.command_id, answer_json=answer.to_json().decode()))
    return answer


def _carried_out(
    command: QueueCommand, session: Session, service: SequencerService, caller: Caller
) -> CommandAnswered:
    try:
        told = _done(command, Desk(session, service, command.header.component, caller))
    except PermanentError as problem:
        return _answer(command, AckCode.FAILED, str(problem))
    return _answer(command, AckCode.COMPLETE, told)


def _done(command: QueueCommand, desk: Desk) -> str:
    match command.action:
        case QueueAction.ADD if command.run is not None:
            return desk.add(command.run, command.place)
        case QueueAction.MOVE if command.run_id and command.place is not None:
            return desk.move(command.run_id, command.place)
        case QueueAction.REMOVE if command.run_id:
            return desk.remove(command.run_id)
        case QueueAction.PAUSE:
            return desk.pause()
        case QueueAction.RESUME:
            return desk.resume()
    raise QueueRefused(
        f"{command.action.name} lacks what it is about: ADD has a run, MOVE run_id and place, REMOVE run_id"
    )


def _forbidden(
    command: QueueCommand, session: Session, service: SequencerService, caller: Caller
) -> CommandAnswered:
    """Refuse who may not; the command's identifier stays free for who may."""
    told = f"this needs the role {COMMANDS}; {caller.identity} has {caller.roles_text}"
    deed = Deed(f"queue {command.action.name.lower()}", command.header.component, told)
    record(session, service.clock.tai_ns(), caller, deed)
    return _answer(command, AckCode.NO_PERMISSION, told)


def _answer(command: QueueCommand, ack: AckCode, result: str) -> CommandAnswered:
    return CommandAnswered(
        command_id=command.header.command_id,
        component=command.header.component,
        identity=command.header.identity,
        ack=ack,
        result=result,
    )
