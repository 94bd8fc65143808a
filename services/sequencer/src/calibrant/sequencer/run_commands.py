"""Commands to runs that come over the log. What may be done to a run, ``control`` knows."""

from __future__ import annotations

from sqlmodel import Session

from calibrant.contracts.sequencer.v1 import RunAction, RunCommand
from calibrant.runtime.access.callers import Caller
from calibrant.runtime.unit_of_work import Emission
from calibrant.sequencer.answering import answered
from calibrant.sequencer.control import Action, ControlRefused
from calibrant.sequencer.controls import Controls
from calibrant.sequencer.service import SequencerService

ACTIONS = {
    RunAction.PAUSE: Action.PAUSE,
    RunAction.RESUME: Action.RESUME,
    RunAction.STOP: Action.STOP,
    RunAction.STOP_NOW: Action.STOP_NOW,
    RunAction.RETRY: Action.RETRY,
}


def obey(command: RunCommand, session: Session, service: SequencerService) -> list[Emission]:
    """Carry out a command that has come; return what is to be sent for it, and its answer."""
    sent: list[Emission] = []

    def do(caller: Caller) -> str:
        action = ACTIONS.get(command.action)
        if action is None:
            known = ", ".join(one.name for one in ACTIONS)
            raise ControlRefused(f"run {command.run_id}: no action; give one of {known}")
        messages, standing = Controls(service).act(session, command.run_id, action, caller)
        sent.extend(messages)
        return f"run {standing.run_id} is {standing.held or standing.state}"

    what = f"{command.action.name.lower().replace('_', ' ')} run"
    answer = answered(command.header, session, service, what, do)
    return [*sent, answer]
