"""What happens to queues as time goes by: schedules fill them, and the next run is begun when its camera is free.

Owns the only place where a queue begins a run, whoever has changed it and by whichever way; what was missed while no
sequencer ran is found here when one runs again.
"""

from __future__ import annotations

from sqlmodel import select

from calibrant.bus.errors import PermanentError
from calibrant.runtime.access.callers import Caller
from calibrant.runtime.unit_of_work import UnitOfWork
from calibrant.sequencer.queue.desk import Desk
from calibrant.sequencer.queue.schedules import fill
from calibrant.sequencer.queue.times import daily
from calibrant.sequencer.service import SequencerService
from calibrant.sequencer.store.plans import requested
from calibrant.sequencer.store.queue_queries import QueueQueries
from calibrant.sequencer.store.queued import EntryRow, EntryState, QueueRow, ScheduleRow


def keep(service: SequencerService) -> list[str]:
    """Fill queues by their schedules, and begin the runs whose turn it is.

    Returns
    -------
    list of str
        Runs that were begun.
    """
    with service.database.reading() as session:
        due = [row.name for row in session.exec(select(ScheduleRow)).all() if _due(row, service)]
    for name in due:
        with service.work(f"schedule:{name}", "") as unit:
            fill(unit.session, service, name)
    with service.database.reading() as session:
        queries = QueueQueries(session)
        free = [one for one in queries.with_waiting() if not queries.queue(one).waits_for]
        first = {one: queries.waiting(one)[0].run_id for one in free}
    begun = []
    for component, run_id in first.items():
        with service.work(f"queue:{run_id}", run_id) as unit:
            begun += _begin_next(unit, service, component, run_id)
    return begun


def _due(row: ScheduleRow, service: SequencerService) -> bool:
    return daily(row.at, row.zone).next(row.looked_tai_ns) <= service.clock.tai_ns()


def _begin_next(unit: UnitOfWork, service: SequencerService, component: str, run_id: str) -> list[str]:
    """Begin the run whose turn it is, if it is so still; one that cannot be begun any more is refused."""
    session, now = unit.session, service.clock.tai_ns()
    session.get(QueueRow, component, with_for_update=True)
    view, entry = QueueQueries(session).queue(component), session.get_one(EntryRow, run_id)
    if view.waits_for or entry.state != EntryState.WAITING or entry.place != 1:
        return []
    request = requested(entry.request_json)
    entry.state, entry.left_tai_ns = EntryState.STARTED, now
    try:
        service.accept(session, request, now)
    except PermanentError as error:
        entry.state, entry.reason = EntryState.REFUSED, str(error)
    else:
        unit.emit([request])
    session.add(entry)
    session.flush()
    Desk(session, service, component, Caller(entry.added_by, ())).close_up()
    return [run_id] if entry.state == EntryState.STARTED else []
