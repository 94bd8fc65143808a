"""Commands to queues that come over the log. What a command does, the desk knows."""

from __future__ import annotations

from sqlmodel import Session

from calibrant.contracts.sequencer.v1 import QueueAction, QueueCommand
from calibrant.runtime.access.callers import Caller
from calibrant.runtime.unit_of_work import Emission, Outgoing
from calibrant.sequencer.answering import answered
from calibrant.sequencer.queue.desk import Desk, QueueRefused, check_component
from calibrant.sequencer.service import SequencerService


def obey(command: QueueCommand, session: Session, service: SequencerService) -> list[Emission]:
    """Carry out a command that has come; return what is to be sent for it, and its answer."""
    component = command.header.component
    sent: list[Outgoing] = []

    def do(caller: Caller) -> str:
        check_component(session, service, component)
        return _done(command, Desk(session, service, component, caller, sent))

    answer = answered(command.header, session, service, f"queue {command.action.name.lower()}", do)
    return [*sent, answer]


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
        case QueueAction.STOP:
            return desk.stop(now=bool(command.now))
    raise QueueRefused(
        f"{command.action.name} lacks what it is about: ADD has a run, MOVE run_id and place, REMOVE run_id"
    )
