"""What a service's database holds after a job, for tests.

Owns no expectations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

from sqlmodel import SQLModel, select

from calibrant.bus.cloudevents import from_record
from calibrant.bus.ports import Record
from calibrant.contracts.base import Message
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import JobDone, JobFailed
from calibrant.runtime.database import Database
from calibrant.runtime.dispatch import Dispatcher
from calibrant.runtime.handlers import Context, JobResult
from calibrant.runtime.header_text import headers_from_text
from calibrant.runtime.jobs import JobWork
from calibrant.runtime.tables import ExecutionRow, OutboxRow
from calibrant.runtime.testing.fakes import InlineWorkers, combine_job, record_of
from calibrant.runtime.testing.probe_service import EffectRow

R = TypeVar("R", bound=SQLModel)


def job_record(event_id: str = "event-1", job_id: str = "job-1", offset: int = 0) -> Record:
    """Make the record that asks for a job."""
    return record_of(combine_job(job_id), topic="combine-jobs.cpu", event_id=event_id, offset=offset)


def rows(database: Database, table: type[R]) -> Sequence[R]:
    """Return a table's rows."""
    with database.reading() as session:
        return session.exec(select(table)).all()


def emitted(database: Database) -> list[Message]:
    """Return the answers to jobs that are in the outbox."""
    envelopes = [
        from_record(Record(r.topic, 0, 0, r.key, r.value, headers_from_text(r.headers), 0))
        for r in rows(database, OutboxRow)
    ]
    kinds: dict[str, type[Message]] = {kind.message_type: kind for kind in (JobDone, JobFailed)}
    return [kinds[found.type].from_json(found.data) for found in envelopes if found.type in kinds]


def states(database: Database) -> list[str]:
    """Return how each attempt ended, in the order of their beginnings."""
    return [row.state for row in sorted(rows(database, ExecutionRow), key=lambda row: row.begun_tai_ns)]


def record_result(job: CombineJob, result: JobResult, context: Context[Any]) -> list[JobDone]:
    """Record a job's result: one row, one event."""
    context.session.add(EffectRow(job_id=job.job_id, what=result.execution_id))
    return [JobDone(job_id=job.job_id, execution_id=result.execution_id)]


def raising(*errors: BaseException) -> Callable[[], AbstractContextManager[None]]:
    """Give a guard for ``InlineWorkers`` that raises these, one for each call, and then nothing."""
    left = list(errors)

    @contextmanager
    def guard() -> Iterator[None]:
        if left:
            raise left.pop(0)
        yield

    return guard


def calls(dispatcher: Dispatcher) -> int:
    """Return how many computations there were."""
    work = dispatcher.works[CombineJob.message_type]
    assert isinstance(work, JobWork)
    assert isinstance(work.jobs.workers, InlineWorkers)
    return work.jobs.workers.calls
