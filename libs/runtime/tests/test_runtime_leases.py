"""Leases: a job that is computed elsewhere is waited for, and taken over when whoever computes it is gone."""

import asyncio

import pytest
import pytest_asyncio
from sqlmodel import select

from calibrant.bus.process import Process
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.runtime.tables import ExecutionRow, JobRow
from calibrant.runtime.testing.jobs import calls, job_record, rows, states

pytestmark = pytest.mark.asyncio
LEASE_S = 1000.0  # the clock of these tests goes on by a second each time it is read


class Held:
    """A computation that waits to be let go."""

    def __init__(self):
        self.begun, self.free = asyncio.Event(), asyncio.Event()

    async def run(self, function, *arguments, **more):
        self.begun.set()
        await self.free.wait()
        return function(*arguments)


@pytest_asyncio.fixture
async def computing(make_jobs, monkeypatch):
    """Give a process that computes the job, and what lets it go on."""
    dispatcher, held = make_jobs(lease_s=LEASE_S), Held()
    monkeypatch.setattr(leases_of(dispatcher)[0].workers, "run", held.run)
    task = asyncio.create_task(dispatcher.attempt(job_record(), 0))
    await held.begun.wait()
    yield dispatcher, held, task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def leases_of(dispatcher):
    work = dispatcher.works[CombineJob.message_type]
    return work.jobs, work.jobs.leases


def owned_by(database, process):
    with database.writing() as session:
        session.exec(
            select(ExecutionRow)
        ).one().owner = f"{process.scope}|{process.pid}|{process.started}|another"


@pytest.mark.parametrize("event", ["event-1", "event-2"])
async def test_a_job_that_is_computed_elsewhere_is_looked_at_again_later(
    make_jobs, database, computing, event
):
    _, held, task = computing
    other = make_jobs(lease_s=LEASE_S)
    for failed in range(20):
        assert await other.attempt(job_record(event), failed) == LEASE_S / 5
    assert (calls(other), states(database)) == (0, ["running"])
    held.free.set()
    await task
    assert await other.attempt(job_record(event), 20) is None
    assert (calls(other), states(database)) == (0, ["done"])
    counts = other.desk.health.counts
    assert counts == {"parked": 1, "repeated" if event == "event-1" else "known": 1}


async def test_one_process_computes_a_job_that_two_events_ask_for_once(computing, database):
    dispatcher, held, task = computing
    assert await dispatcher.attempt(job_record("event-2"), 0) == LEASE_S / 5
    held.free.set()
    await task
    assert await dispatcher.attempt(job_record("event-2"), 1) is None
    assert states(database) == ["done"]


async def test_a_lease_that_is_not_renewed_runs_out_by_the_clock_of_who_looks(
    make_jobs, database, clock, computing
):
    dispatcher, held, task = computing
    other = make_jobs(lease_s=LEASE_S)
    assert await other.attempt(job_record(), 0) is not None
    clock.now_ns += round(LEASE_S * 1e9)
    leases_of(dispatcher)[1].renew()
    assert await other.attempt(job_record(), 1) is not None  # it has said that it lives
    clock.now_ns += round(LEASE_S * 1e9)
    assert await other.attempt(job_record(), 2) is None
    assert (calls(other), other.desk.health.counts["taken_over"]) == (1, 1)
    held.free.set()
    await task  # it lived after all: its result comes too late
    assert sorted(states(database)) == ["done", "superseded"]
    assert rows(database, JobRow)[0].execution_id != "id-1"


async def test_a_clock_that_is_wrong_elsewhere_takes_no_job_over(make_jobs, database, computing):
    for alive_tai_ns in (0, 2**62):
        with database.writing() as session:
            session.exec(select(ExecutionRow)).one().alive_tai_ns = alive_tai_ns
        assert await make_jobs(lease_s=LEASE_S).attempt(job_record(), 0) is not None


async def test_what_a_dead_process_of_this_machine_computed_is_taken_over_at_once(
    make_jobs, database, computing
):
    here = Process.current()
    owned_by(database, Process(here.scope, here.pid, "another start"))
    other = make_jobs(lease_s=LEASE_S)
    assert await other.attempt(job_record(), 0) is None
    assert sorted(states(database)) == ["done", "interrupted"]


async def test_of_a_process_elsewhere_nothing_is_known_but_its_lease(make_jobs, database, clock, computing):
    owned_by(database, Process("another boot", 1, "1"))
    other = make_jobs(lease_s=LEASE_S)
    assert await other.attempt(job_record(), 0) is not None
    clock.now_ns += round(LEASE_S * 1e9)
    assert await other.attempt(job_record(), 1) is None


async def test_a_job_that_is_given_up_at_a_stop_is_free_at_once(make_jobs, database, computing):
    _, _, task = computing
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    other = make_jobs(lease_s=LEASE_S)
    assert await other.attempt(job_record(), 0) is None
    assert states(database) == ["abandoned", "done"]


async def test_only_what_is_in_hand_is_renewed(make_jobs, database, computing):
    dispatcher, _, _ = computing
    before = rows(database, ExecutionRow)[0].alive_tai_ns
    leases_of(make_jobs(lease_s=LEASE_S))[1].renew()
    assert rows(database, ExecutionRow)[0].alive_tai_ns == before
    leases_of(dispatcher)[1].renew()
    assert rows(database, ExecutionRow)[0].alive_tai_ns > before
