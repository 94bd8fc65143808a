"""A commit whose answer is lost is made again, and nothing is done twice; neither by two replicas at one job."""

import asyncio
from contextlib import contextmanager
from dataclasses import replace

import pytest

from calibrant.bus.errors import PermanentError
from calibrant.contracts.common.v1 import JobDone, JobFailed
from calibrant.runtime.database import DatabaseUnavailable
from calibrant.runtime.dispatch import Dispatcher
from calibrant.runtime.events import EventWork
from calibrant.runtime.handlers import on
from calibrant.runtime.tables import DeadLetterRow, ExecutionRow, InboxRow, JobRow, OutboxRow
from calibrant.runtime.testing.fakes import job_done, record_of
from calibrant.runtime.testing.jobs import emitted, job_record, raising, rows, states
from calibrant.runtime.testing.probe_service import EffectRow
from calibrant.runtime.testing.services import table

pytestmark = pytest.mark.asyncio


@pytest.fixture
def forgetful(database, monkeypatch):
    """Every transaction commits; of each first try the answer is lost, as where a server goes in the commit."""
    writing, lost = database.writing, []

    @contextmanager
    def losing():
        with writing() as session:
            yield session
        if len(lost) % 2 == 0:
            lost.append("answer")
            raise DatabaseUnavailable("the connection was lost in the commit")
        lost.append("nothing")

    monkeypatch.setattr(database, "writing", losing)
    return lost


async def test_an_event_has_one_effect(make_desk, database, forgetful):
    @on(JobDone)
    def hear(done, context):
        context.session.add(EffectRow(job_id=done.job_id, what="heard"))

    desk = make_desk()
    dispatcher = Dispatcher(desk, {JobDone.message_type: EventWork(desk, table(hear=hear).events)})
    assert await dispatcher.attempt(record_of(job_done(), topic="combine-results"), 0) is None
    assert len(rows(database, EffectRow)) == len(rows(database, InboxRow)) == 1
    assert rows(database, DeadLetterRow) == []
    assert forgetful == ["answer", "nothing"]


async def test_a_job_has_one_result_and_its_attempt_stays_done(make_jobs, database, forgetful):
    assert await make_jobs().attempt(job_record(), 0) is None
    assert states(database) == ["done"]
    assert len(rows(database, EffectRow)) == len(rows(database, JobRow)) == 1
    assert emitted(database) == [JobDone(job_id="job-1", execution_id="id-1")]
    assert rows(database, DeadLetterRow) == []


async def test_a_job_that_fails_is_one_dead_letter_and_one_answer(make_jobs, database, forgetful):
    dispatcher = make_jobs(raising(PermanentError("bad input: mend it")))
    assert await dispatcher.attempt(job_record(), 0) is None
    (letter,) = rows(database, DeadLetterRow)
    (failed,) = emitted(database)
    assert (letter.reason, letter.attempts) == ("bad input: mend it", 1)
    assert isinstance(failed, JobFailed)
    assert states(database) == ["failed"]


async def test_garbage_is_one_dead_letter(make_desk, database, forgetful):
    record = record_of(job_done(), topic="combine-results")
    dispatcher = Dispatcher(make_desk(), {JobDone.message_type: None})
    assert await dispatcher.attempt(replace(record, value=b"{"), 0) is None
    assert len(rows(database, DeadLetterRow)) == len(rows(database, InboxRow)) == 1


async def test_of_two_replicas_at_one_job_the_first_recorded_result_stays(make_jobs, database, monkeypatch):
    """A rebalance gives the job to another replica while the first one still computes it."""
    first, second = make_jobs(), make_jobs()
    begun, go_on = asyncio.Event(), asyncio.Event()
    computing = first.works[next(iter(first.works))].jobs.workers
    run = computing.run

    async def slowly(function, *arguments, **limits):
        begun.set()
        await go_on.wait()
        return await run(function, *arguments, **limits)

    monkeypatch.setattr(computing, "run", slowly)
    slow = asyncio.create_task(first.attempt(job_record(), 0))
    await begun.wait()
    assert await second.attempt(job_record(), 0) is None
    assert states(database) == ["interrupted", "done"]
    go_on.set()
    assert await slow is None
    assert states(database) == ["superseded", "done"]
    assert emitted(database) == [JobDone(job_id="job-1", execution_id="id-2")]
    assert [row.execution_id for row in rows(database, JobRow)] == ["id-2"]
    assert sorted(row.attempt for row in rows(database, ExecutionRow)) == [1, 2]
    assert len(rows(database, EffectRow)) == len(rows(database, OutboxRow)) == 1
