"""Jobs that take too much or kill: each is given up with what it did, while others go on."""

import asyncio
import os
import re
import signal
from dataclasses import replace

import pytest
import pytest_asyncio

from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import JobFailed
from calibrant.runtime import limits
from calibrant.runtime.limits import Limits, OutOfMemory, TookTooLong, WorkerDied
from calibrant.runtime.tables import DeadLetterRow
from calibrant.runtime.testing import probe_calls
from calibrant.runtime.testing.fakes import combine_job, record_of
from calibrant.runtime.testing.jobs import emitted, rows
from calibrant.runtime.workers import Workers

pytestmark = pytest.mark.asyncio
MIB = 2**20


@pytest_asyncio.fixture
async def workers():
    workers = Workers(1)
    yield workers
    workers.close()


async def test_a_call_may_allocate_so_much_and_no_more(workers):
    pid = await workers.run(os.getpid)
    allowed = Limits(memory_bytes=128 * MIB)
    assert await workers.run(probe_calls.allocate, 64 * MIB, limits=allowed) == 64 * MIB
    with pytest.raises(OutOfMemory, match=r"^needed more than 128 MiB of memory, the job's memory_bytes$"):
        await workers.run(probe_calls.allocate, 256 * MIB, limits=allowed)
    assert await workers.run(probe_calls.allocate, 256 * MIB) == 256 * MIB  # the limit was that call's alone
    assert await workers.run(probe_calls.allocate, 64 * MIB, limits=allowed) == 64 * MIB
    assert await workers.run(os.getpid) == pid


async def test_more_than_the_machine_gives_is_told_too(workers):
    with pytest.raises(OutOfMemory, match="needed more memory than this machine or container gives"):
        await workers.run(probe_calls.allocate, 2**60)


async def test_a_call_that_takes_too_long_is_ended_and_its_slot_free(workers, tmp_path):
    pid = await workers.run(os.getpid)
    begun = str(tmp_path / "pid")
    with pytest.raises(
        TookTooLong, match=r"ended after 0\.5 s, the limit of a job \(CALIBRANT_JOB_LIMIT_S\)"
    ):
        await workers.run(probe_calls.say_and_sleep, begun, limits=Limits(time_s=0.5))
    assert await workers.run(os.getpid) != pid


@pytest_asyncio.fixture
async def make_real_jobs(make_jobs, workers):
    """Make a dispatcher whose jobs are computed in real child processes, and misbehave."""

    def make(limit_s=60.0):
        dispatcher = make_jobs(compute=probe_calls.misbehave)
        work = dispatcher.works[CombineJob.message_type]
        object.__setattr__(work, "jobs", replace(work.jobs, workers=workers, limit_s=limit_s))
        return dispatcher

    return make


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ("signal:SIGSEGV", "the worker process was ended by SIGSEGV"),
        ("signal:SIGKILL", r"the worker process was ended by SIGKILL \(out of memory\?\)"),
        ("signal:SIGBUS", "the worker process was ended by SIGBUS"),
        ("exit:7", "the worker process ended by itself with exit code 7"),
        (f"allocate:{256 * MIB}", "needed more than 128 MiB of memory, the job's memory_bytes"),
        ("for-ever", "the worker process was ended after 1 s, the limit of a job"),
    ],
)
async def test_a_job_that_kills_or_takes_too_much_is_a_dead_letter_and_the_next_goes_on(
    make_real_jobs, database, workers, recipe, said
):
    dispatcher = make_real_jobs(limit_s=1.0 if recipe == "for-ever" else 60.0)
    others = make_real_jobs()
    bad = job("bad", recipe, memory_bytes=128 * MIB)
    delays = []
    while not delays or delays[-1] is not None:
        delays.append(await dispatcher.attempt(bad, len(delays)))
        if len(delays) == 1:  # while it waits for its next attempt, others are computed
            assert await others.attempt(job("good", "nothing"), 0) is None
    assert len(delays) == 3
    failed = next(answer for answer in emitted(database) if isinstance(answer, JobFailed))
    assert (failed.job_id, failed.error, failed.attempts) == ("bad", "DeadlyJob", 3)
    assert failed.reason.startswith("job bad: ")
    (letter,) = rows(database, DeadLetterRow)
    assert letter.reason == failed.reason
    assert re.search(said, failed.reason)
    assert len(emitted(database)) == 2


def job(name, recipe, memory_bytes=0):
    message = combine_job(name, recipe, memory_bytes)
    return record_of(message, topic="combine-jobs.cpu", event_id=f"event-{name}")


async def test_it_is_told_what_a_process_that_died_had_in_memory(workers, tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "LOOK_S", 0.01)
    begun = tmp_path / "pid"
    call = asyncio.create_task(workers.run(probe_calls.say_and_sleep, str(begun), limits=Limits(512 * MIB)))
    async with asyncio.timeout(60):
        while not begun.exists():  # noqa: ASYNC110  written by another process
            await asyncio.sleep(0.05)
    os.kill(int(begun.read_text()), signal.SIGKILL)
    with pytest.raises(
        WorkerDied, match=r"with \d+ MiB in memory when last seen; it was allowed 512 MiB beyond its start"
    ):
        await call
