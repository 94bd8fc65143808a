"""What becomes of what is overdue: answers to commands, a silent camera, rests that are over, frames, ends of runs.

It is found in one reading, and each dealt with in a transaction of its own: there it is looked again whether it is
overdue still, for it may have come meanwhile. Until when something is waited for, rows and ``deadlines`` know.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from sqlmodel import Session, col, select

from calibrant.runtime.unit_of_work import Outgoing
from calibrant.sequencer.arriving import give_up
from calibrant.sequencer.camera import OUT
from calibrant.sequencer.conductor import Conductor
from calibrant.sequencer.deadlines import Overdue, frames_within_s, unfinished
from calibrant.sequencer.states import RunState
from calibrant.sequencer.store.tables import AcquisitionRow, CommandRow, RunRow


@dataclass(frozen=True, slots=True)
class Late:
    """Something that is overdue.

    Parameters
    ----------
    cause : str
        A name that it alone has: with the time until which it was waited for, as it may be waited for again.
    run_id : str
        The run.
    end : callable
        Deals with it in a transaction, and returns what is to be sent.
    """

    cause: str
    run_id: str
    end: Callable[[Conductor], list[Outgoing]]


def late(session: Session, overdue: Overdue) -> list[Late]:
    """Return what is overdue."""
    return [*_of_cameras(session, overdue.clock.tai_ns()), *_of_runs(session, overdue)]


def _of_cameras(session: Session, now_tai_ns: int) -> Iterator[Late]:
    out = (col(CommandRow.state).in_(OUT), CommandRow.answer_by_tai_ns < now_tai_ns)
    for command in session.exec(select(CommandRow).where(*out)):
        cause = f"overdue:{command.command_id}:{command.answer_by_tai_ns}"
        yield Late(cause, command.run_id, partial(_unanswered, command.command_id))
    for run in session.exec(select(RunRow).where(col(RunRow.camera_by_tai_ns) <= now_tai_ns)):
        yield Late(f"silent:{run.run_id}:{run.camera_by_tai_ns}", run.run_id, partial(_silent, run.run_id))
    for run in session.exec(select(RunRow).where(col(RunRow.rest_until_tai_ns) <= now_tai_ns)):
        yield Late(f"rested:{run.run_id}:{run.rest_until_tai_ns}", run.run_id, partial(_rested, run.run_id))


def _of_runs(session: Session, overdue: Overdue) -> Iterator[Late]:
    for row in overdue.acquisitions(session):
        cause = f"late:{row.acquisition_id}:{row.frames_by_tai_ns}"
        yield Late(cause, row.run_id, partial(_not_arrived, row.acquisition_id))
    for run in overdue.runs(session):
        cause = f"unfinished:{run.run_id}:{run.finish_by_tai_ns}"
        yield Late(cause, run.run_id, partial(_unfinished, run.run_id))


def _unanswered(command_id: str, conductor: Conductor) -> list[Outgoing]:
    command = conductor.session.get_one(CommandRow, command_id)
    conductor.commander.overdue(command)
    return conductor.drive(command.component)


def _silent(run_id: str, conductor: Conductor) -> list[Outgoing]:
    run = conductor.session.get_one(RunRow, run_id)
    conductor.commander.silent(run)
    return conductor.drive(run.component)


def _rested(run_id: str, conductor: Conductor) -> list[Outgoing]:
    run = conductor.session.get_one(RunRow, run_id)
    if _is_over(run.rest_until_tai_ns, conductor):
        run.rest_until_tai_ns = None
    return conductor.drive(run.component)


def _not_arrived(acquisition_id: str, conductor: Conductor) -> list[Outgoing]:
    row = conductor.session.get(AcquisitionRow, acquisition_id)
    if row is None or row.state != "open" or not _is_over(row.frames_by_tai_ns, conductor):
        return []
    run = conductor.session.get_one(RunRow, row.run_id)
    give_up(conductor.session, row, frames_within_s(run, conductor.settings))
    return conductor.go_on([row.run_id])


def _unfinished(run_id: str, conductor: Conductor) -> list[Outgoing]:
    run = conductor.session.get_one(RunRow, run_id)
    if not _is_over(run.finish_by_tai_ns, conductor):
        return []
    return conductor.abort(run_id, unfinished(conductor.session, run), RunState.FAILED)


def _is_over(until_tai_ns: int | None, conductor: Conductor) -> bool:
    return until_tai_ns is not None and until_tai_ns <= conductor.clock.tai_ns()
