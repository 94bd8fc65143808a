"""What people and programs may ask of cameras' queues and schedules: the API's and the command line's."""

from __future__ import annotations

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, not_
from sqlmodel import Session, col, func, select

from calibrant.contracts.sequencer.v1 import RunRequested
from calibrant.runtime.clock import utc_text
from calibrant.sequencer.queue.order import waits_for
from calibrant.sequencer.queue.times import daily
from calibrant.sequencer.states import ENDED
from calibrant.sequencer.store.plans import requested, waits_for_people
from calibrant.sequencer.store.queued import EntryRow, EntryState, QueueRow, ScheduleRow
from calibrant.sequencer.store.tables import CameraRow, RunRow


class EntryLine(BaseModel):
    """An entry of a queue, with what became of its run."""

    run_id: str
    component: str
    place: int | None = Field(description="from 1, of one that waits")
    instrument: str
    what: str = Field(description="how many exposures")
    state: str = Field(description="waiting, started, removed, refused or missed")
    reason: str = Field(description="why it was removed, refused or missed")
    added_by: str
    schedule: str = Field(description="the schedule that added it; empty: none")
    added: str = Field(description="UTC")
    added_tai_ns: int
    left: str | None = Field(description="when it waited no more, UTC")
    left_tai_ns: int | None
    run_state: str = Field(description="of the run, once it is begun: how far it is, or how it has ended")
    message: str = Field(description="what became of the run")
    ended: str | None = Field(description="when the run ended, UTC")
    ended_tai_ns: int | None


class QueueView(BaseModel):
    """A camera's queue."""

    component: str
    paused_by: str = Field(description="who has paused it; empty: nobody")
    running: str = Field(description="the camera's run that goes on; empty: none, or people decide on it")
    waits_for: str = Field(description="why the next run is not begun now; empty: it is")
    waiting: list[EntryLine]


class ScheduleLine(BaseModel):
    """A schedule."""

    name: str
    component: str
    at: str
    zone: str
    grace_s: float
    instrument: str
    what: str
    set_by: str
    next: str = Field(description="the first time that is not dealt with, UTC")
    next_tai_ns: int


class QueueQueries:
    """Reads queues, their history and schedules.

    Parameters
    ----------
    session : Session
        A transaction.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def queue(self, component: str) -> QueueView:
        """Return a camera's queue; empty where nothing was ever put into it."""
        row = self._session.get(QueueRow, component)
        camera = self._session.get(CameraRow, component)
        paused_by, running = "" if row is None else row.paused_by, self.running(component)
        waits = waits_for(
            paused_by=paused_by,
            running=running,
            camera=component,
            camera_state="" if camera is None else camera.summary_state,
        )
        lines = [_entry(one, None) for one in self.waiting(component)]
        return QueueView(
            component=component, paused_by=paused_by, running=running, waits_for=waits, waiting=lines
        )

    def waiting(self, component: str) -> list[EntryRow]:
        """Return what waits, the next one first."""
        mine = (EntryRow.component == component, EntryRow.state == EntryState.WAITING)
        return list(self._session.exec(select(EntryRow).where(*mine).order_by(col(EntryRow.place))).all())

    def with_waiting(self) -> list[str]:
        """Return the cameras for which something waits."""
        waiting = select(EntryRow.component).where(EntryRow.state == EntryState.WAITING)
        return sorted(self._session.exec(waiting.distinct()).all())

    def running(self, component: str) -> str:
        """Return the first run of a camera that goes on: others may not begin before it has ended; empty: none.

        One that waits for nothing but people's decisions does not.
        """
        return self._going(RunRow.component == component)

    def begun(self, component: str) -> str:
        """Return the run that a queue has begun and that goes on; empty: there is none."""
        started = (EntryRow.component == component, EntryRow.state == EntryState.STARTED)
        return self._going(col(RunRow.run_id).in_(select(EntryRow.run_id).where(*started)))

    def _going(self, *of: ColumnElement[bool] | bool) -> str:
        still = (*of, col(RunRow.state).not_in(ENDED), not_(waits_for_people()))
        first = select(RunRow.run_id).where(*still).order_by(col(RunRow.number))
        return self._session.exec(first).first() or ""

    def history(self, component: str, limit: int = 100) -> list[EntryLine]:
        """Return all that was ever put into a queue, the latest first, with the runs that came of it."""
        found = (
            select(EntryRow, RunRow)
            .outerjoin(RunRow, col(RunRow.run_id) == EntryRow.run_id)
            .where(EntryRow.component == component)
            .order_by(col(EntryRow.number).desc())
            .limit(limit)
        )
        return [_entry(entry, run) for entry, run in self._session.exec(found).all()]

    def schedules(self, component: str | None = None) -> list[ScheduleLine]:
        """Return schedules by name; of one camera, or of all."""
        wanted = select(ScheduleRow).order_by(col(ScheduleRow.name))
        if component is not None:
            wanted = wanted.where(ScheduleRow.component == component)
        return [_schedule(row) for row in self._session.exec(wanted).all()]

    def next_number(self) -> int:
        """Return the number of the next entry."""
        return self._session.exec(select(func.coalesce(func.max(EntryRow.number), 0))).one() + 1


def _entry(entry: EntryRow, run: RunRow | None) -> EntryLine:
    request = requested(entry.request_json)
    begun = run if entry.state == EntryState.STARTED else None
    return EntryLine(
        **entry.model_dump(
            include={"run_id", "component", "state", "reason", "added_by", "schedule", "added_tai_ns"}
        ),
        place=entry.place if entry.state == EntryState.WAITING else None,
        instrument=request.instrument,
        what=_what(request),
        added=utc_text(entry.added_tai_ns),
        left=_utc(entry.left_tai_ns),
        left_tai_ns=entry.left_tai_ns,
        run_state="" if begun is None else begun.state,
        message="" if begun is None else begun.message,
        ended=None if begun is None else _utc(begun.ended_tai_ns),
        ended_tai_ns=None if begun is None else begun.ended_tai_ns,
    )


def _schedule(row: ScheduleRow) -> ScheduleLine:
    request = requested(row.request_json)
    coming = daily(row.at, row.zone).next(row.looked_tai_ns)
    return ScheduleLine(
        **row.model_dump(include={"name", "component", "at", "zone", "grace_s", "set_by"}),
        instrument=request.instrument,
        what=_what(request),
        next=utc_text(coming),
        next_tai_ns=coming,
    )


def _what(request: RunRequested) -> str:
    count = sum(len(one.exposure_times_s) for one in request.exposures)
    return f"{count} exposure{'s' if count > 1 else ''}"


def _utc(tai_ns: int | None) -> str | None:
    return None if tai_ns is None else utc_text(tai_ns)
