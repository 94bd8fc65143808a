"""Schedules: a run that is put into a queue once a day. Set, dropped, and carried out as its time comes.

A schedule has one entry a day, named after both, whatever happens: a time that is looked at twice, a restart, a
schedule that is set anew with another time on the same day. One that comes within the grace is late, one after it is
written down as missed.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session

from calibrant.contracts.sequencer.v1 import RunRequested
from calibrant.runtime.access.audit import Deed, record
from calibrant.runtime.access.callers import Caller
from calibrant.runtime.clock import utc_text
from calibrant.sequencer.queue.desk import Desk, NotInQueue, QueueRefused
from calibrant.sequencer.queue.times import LONGEST_GRACE_S, Due, NoSuchTime, daily
from calibrant.sequencer.service import SequencerService
from calibrant.sequencer.store.plans import requested
from calibrant.sequencer.store.queued import EntryRow, EntryState, ScheduleRow

LONGEST_NAME = 48
"""Characters of a schedule's name: its runs have the day behind it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """When a schedule is due.

    Parameters
    ----------
    name : str
        What it is called.
    at, zone : str
        Time of the day, and the zone of that clock.
    grace_s : float
        How late its run may be put into the queue, s.
    """

    name: str
    at: str
    zone: str = "UTC"
    grace_s: float = 3600.0


def set_schedule(desk: Desk, plan: Plan, request: RunRequested) -> str:
    """Set a schedule, or another one in its place: its times count from now.

    Returns
    -------
    str
        What was done, for people.

    Raises
    ------
    QueueRefused, RunRefused
        A time, the name or the run is none.
    """
    asked = desk.checked(request.model_copy(update={"run_id": plan.name}))
    now = desk.service.clock.tai_ns()
    coming = _next(plan, now)
    row = ScheduleRow(
        name=plan.name,
        component=desk.component,
        at=plan.at,
        zone=plan.zone,
        grace_s=plan.grace_s,
        request_json=asked.to_json().decode(),
        set_by=desk.caller.identity,
        set_tai_ns=now,
        looked_tai_ns=now,
    )
    known = desk.session.get(ScheduleRow, plan.name, with_for_update=True)
    if known is not None and known.component != desk.component:
        raise QueueRefused(f"schedule {plan.name} is of {known.component}: choose another name")
    desk.session.merge(row)
    told = f"{plan.name}: daily at {plan.at} {plan.zone}, next at {utc_text(coming)}"
    return _told(desk, "set schedule", plan.name, told)


def drop_schedule(desk: Desk, name: str) -> str:
    """Take a schedule away; what it has put into the queue stays there.

    Raises
    ------
    NotInQueue
        There is none of that name.
    """
    row = desk.session.get(ScheduleRow, name, with_for_update=True)
    if row is None or row.component != desk.component:
        raise NotInQueue(f"{desk.component} has no schedule {name!r}")
    desk.session.delete(row)
    return _told(desk, "drop schedule", name, f"{name} is dropped")


def fill(session: Session, service: SequencerService, name: str) -> None:
    """Carry out a schedule for all its times that have come since it was looked at."""
    row = session.get(ScheduleRow, name, with_for_update=True)
    if row is None:
        return
    now = service.clock.tai_ns()
    desk = Desk(session, service, row.component, Caller(row.set_by, ()))
    for due in daily(row.at, row.zone).due(row.looked_tai_ns, now, row.grace_s):
        _enter(desk, row, due)
    row.looked_tai_ns = now
    session.add(row)


def _enter(desk: Desk, row: ScheduleRow, due: Due) -> None:
    """Put the run of one day into the queue, or write down that it was missed; once."""
    run_id = f"{row.name}-{due.day:%Y%m%d}"
    if desk.session.get(EntryRow, run_id) is not None:
        return
    request = requested(row.request_json).model_copy(update={"run_id": run_id})
    state, reason = EntryState.WAITING, ""
    if due.missed:
        state = EntryState.MISSED
        reason = f"no sequencer ran at {utc_text(due.tai_ns)} and {row.grace_s:g} s after it"
    desk.enter(request, state, schedule=row.name, reason=reason)


def _next(plan: Plan, now_tai_ns: int) -> int:
    """Return a plan's first time, TAI ns."""
    if len(plan.name) > LONGEST_NAME:
        raise QueueRefused(f"name: a schedule's has up to {LONGEST_NAME} characters")
    if not 0 <= plan.grace_s <= LONGEST_GRACE_S:
        raise QueueRefused(f"grace_s: {plan.grace_s:g} s is no time of 0 to {LONGEST_GRACE_S:g} s")
    try:
        return daily(plan.at, plan.zone).next(now_tai_ns)
    except NoSuchTime as problem:
        raise QueueRefused(str(problem)) from None


def _told(desk: Desk, what: str, name: str, told: str) -> str:
    record(desk.session, desk.service.clock.tai_ns(), desk.caller, Deed(what, name, told))
    return told
