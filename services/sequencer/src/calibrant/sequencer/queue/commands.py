"""Commands to queues that come over the log. What a command does, the desk knows."""

from __future__ import annotations

from sqlmodel import Session

from calibrant.contracts.sequencer.v1 import CommandAnswered, QueueAction, QueueCommand
from calibrant.runtime.access.callers import Caller
from calibrant.sequencer.answering import answered
from calibrant.sequencer.queue.desk import Desk, QueueRefused
from calibrant.sequencer.service import SequencerService


def obey(command: QueueCommand, session: Session, service: SequencerService) -> CommandAnswered:
    """Carry out a command that has come, and return its answer."""

    def do(caller: Caller) -> str:
        return _done(command, Desk(session, service, command.header.component, caller))

    return answered(command.header, session, service, f"queue {command.action.name.lower()}", do)


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
