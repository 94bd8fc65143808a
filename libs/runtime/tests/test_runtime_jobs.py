"""Long work: claimed before it begins, computed once, and given up with a reason when it kills or fails."""

import asyncio
import errno
import os
from contextlib import contextmanager
from dataclasses import replace

import pytest
import pytest_asyncio
from sqlmodel import select

from calibrant.bus.cloudevents import from_record
from calibrant.bus.errors import PermanentError, TransientError
from calibrant.bus.ports import Record
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import JobDone, JobFailed
from calibrant.runtime import dead_letters
from calibrant.runtime.dispatch import Dispatcher
from calibrant.runtime.handlers import Artifact, JobHandler, Outcome
from calibrant.runtime.jobs import CRASHES, INTERRUPTIONS, JobDesk, JobWork
from calibrant.runtime.objects import FolderStore, StoreUnavailable
from calibrant.runtime.probe import Probe, Step
from calibrant.runtime.scratch import Scratch
from calibrant.runtime.tables import DeadLetterRow, ExecutionRow, InboxRow, JobRow, OutboxRow
from calibrant.runtime.testing.fakes import CountingIds, InlineWorkers, combine_job, record_of
from calibrant.runtime.testing.probe_service import EffectRow
from calibrant.runtime.testing.probe_work import compute
from calibrant.runtime.unit_of_work import headers_from_text
from calibrant.runtime.workers import WorkerDied

pytestmark = pytest.mark.asyncio
COMBINE_JOB = CombineJob.message_type


def record_result(job, result, context):
    context.session.add(EffectRow(job_id=job.job_id, what=result.execution_id))
    return [JobDone(job_id=job.job_id, execution_id=result.execution_id)]


def raising(*errors):
    """Give a guard that raises these, one for each call, and then nothing."""
    left = list(errors)

    @contextmanager
    def guard():
        if left:
            raise left.pop(0)
        yield

    return guard


@pytest_asyncio.fixture
async def make(make_desk, tmp_path):
    def make(guard=None, *, compute=compute, record=record_result, **more):
        desk = make_desk("combine", **more)
        jobs = JobDesk(
            FolderStore(tmp_path / "objects"),
            InlineWorkers(guard),
            ids,
            Scratch(tmp_path / "scratch"),
            {"instruments": "/somewhere"},
        )
        work = JobWork(desk, jobs, {COMBINE_JOB: JobHandler(CombineJob, compute, record)})
        return Dispatcher(desk, {COMBINE_JOB: work})

    ids = CountingIds()
    return make


def job_record(event_id="event-1", job_id="job-1", offset=0):
    return record_of(combine_job(job_id), topic="combine-jobs.cpu", event_id=event_id, offset=offset)


def rows(database, table):
    with database.reading() as session:
        return session.exec(select(table)).all()


def emitted(database):
    envelopes = [
        from_record(Record(r.topic, 0, 0, r.key, r.value, headers_from_text(r.headers), 0))
        for r in rows(database, OutboxRow)
    ]
    kinds = {kind.message_type: kind for kind in (JobDone, JobFailed)}
    return [kinds[found.type].from_json(found.data) for found in envelopes if found.type in kinds]


def states(database):
    return [row.state for row in rows(database, ExecutionRow)]


def works(dispatcher):
    return dispatcher.works[COMBINE_JOB].jobs.workers


async def test_a_job_is_computed_its_artifact_kept_its_result_recorded(make, database, tmp_path):
    dispatcher = make()
    assert await dispatcher.attempt(job_record(), 0) is None
    (execution,), (job,) = rows(database, ExecutionRow), rows(database, JobRow)
    assert (execution.state, execution.attempt, execution.backend) == ("done", 1, "probe")
    assert execution.begun_tai_ns < execution.ended_tai_ns
    assert job.execution_id == execution.execution_id == "id-1"
    (key,) = FolderStore(tmp_path / "objects").keys("products")
    assert (tmp_path / "objects" / key).read_text() == "bias of job-1"
    assert [row.what for row in rows(database, EffectRow)] == ["id-1"]
    assert emitted(database) == [JobDone(job_id="job-1", execution_id="id-1")]
    assert [row.event_id for row in rows(database, InboxRow)] == ["event-1"]
    assert list((tmp_path / "scratch").glob("*/job-*")) == []


async def test_the_attempt_is_written_down_before_it_begins(make, database):
    seen = []

    def look(job, workspace):
        seen.append((states(database), workspace.config, list(workspace.scratch.iterdir())))
        return compute(job, workspace)

    await make(compute=look).attempt(job_record(), 0)
    assert seen == [(["running"], {"instruments": "/somewhere"}, [])]


async def test_a_job_with_a_known_result_is_answered_without_computing(make, database):
    dispatcher = make()
    await dispatcher.attempt(job_record("event-1"), 0)
    await dispatcher.attempt(job_record("event-2"), 0)
    await dispatcher.attempt(job_record("event-2"), 0)
    assert works(dispatcher).calls == 1
    assert emitted(database) == [JobDone(job_id="job-1", execution_id="id-1")] * 2
    assert len({row.headers for row in rows(database, OutboxRow)}) == 2
    assert dispatcher.desk.health.counts == {"jobs": 1, "known": 1, "repeated": 1}


async def test_the_result_is_the_same_when_it_is_recorded_again(make):
    results = []

    def keep(job, result, context):
        results.append(result)

    def odd(job, workspace):
        return Outcome(data={"none": None, "nested": {"list": [1, 2.5]}, "inf": float("inf")})

    dispatcher = make(compute=odd, record=keep)
    await dispatcher.attempt(job_record("event-1"), 0)
    await dispatcher.attempt(job_record("event-2"), 0)
    assert results[0] == results[1]
    assert results[0].data == {"none": None, "nested": {"list": [1, 2.5]}, "inf": float("inf")}


class Meet(Probe):
    """Lets a second execution run from beginning to end while the first has computed."""

    def __init__(self, other):
        self.other = other

    def at(self, step):
        if step is Step.ARTIFACT_PUT and self.other is not None:
            other, self.other = self.other, None
            other()


async def test_of_two_executions_at_once_the_first_recorded_wins(make, database):
    slow, quick = make(), make()
    loop = asyncio.get_running_loop()
    ran = []

    def other():
        ran.append(loop.create_task(quick.attempt(job_record("event-2"), 0)))

    slow.desk.probe = Meet(other)
    store = slow.works[COMBINE_JOB].desk.until_stored

    async def after_the_other(what, work):
        if what.startswith("result"):
            await ran[0]
        return await store(what, work)

    held = replace(slow.desk)
    object.__setattr__(slow.works[COMBINE_JOB], "desk", Held(held, after_the_other))
    await slow.attempt(job_record("event-1"), 0)
    (job,) = rows(database, JobRow)
    assert job.execution_id == "id-2"
    assert {row.execution_id: row.state for row in rows(database, ExecutionRow)} == {
        "id-1": "superseded",
        "id-2": "done",
    }
    assert [done.execution_id for done in emitted(database)] == ["id-2", "id-2"]


class Held:
    """A desk whose transactions are held up."""

    def __init__(self, desk, until_stored):
        self._desk = desk
        self.until_stored = until_stored

    def __getattr__(self, name):
        return getattr(self._desk, name)


async def test_a_job_whose_process_dies_is_tried_again(make, database, tmp_path):
    dispatcher = make(raising(WorkerDied("ended by SIGKILL")))
    assert await dispatcher.attempt(job_record(), 0) == 1.0
    assert states(database) == ["crashed"]
    assert await dispatcher.attempt(job_record(), 1) is None
    assert states(database) == ["crashed", "done"]
    assert [row.attempt for row in rows(database, ExecutionRow)] == [1, 2]
    assert list((tmp_path / "scratch").glob("*/job-*")) == []


async def test_a_job_that_kills_its_process_is_given_up_even_over_restarts(make, database):
    for crash in range(1, CRASHES + 1):
        restarted = make(raising(WorkerDied("the worker process was ended by SIGSEGV")))
        delay_s = await restarted.attempt(job_record(), 0)
        assert (delay_s is None) == (crash == CRASHES)
    assert states(database) == ["crashed"] * CRASHES
    (failed,) = emitted(database)
    assert (failed.job_id, failed.error, failed.attempts) == ("job-1", "DeadlyJob", CRASHES)
    assert "ended by SIGSEGV, 3 times. Give it more memory" in failed.reason
    (letter,) = rows(database, DeadLetterRow)
    assert (letter.error, letter.attempts, letter.reason) == ("permanent", CRASHES, failed.reason)
    assert {row.letter_id for row in rows(database, ExecutionRow)} == {letter.letter_id}
    again = make()
    assert await again.attempt(job_record(), 0) is None
    assert works(again).calls == 0


async def test_a_replayed_job_has_all_its_attempts_again(make, database):
    for _ in range(CRASHES):
        await make(raising(WorkerDied("killed"))).attempt(job_record(), 0)
    with database.writing() as session:
        dead_letters.replay(session, dead_letters.letters(session)[0].letter_id)
    dispatcher = make(raising(WorkerDied("killed")))
    assert await dispatcher.attempt(job_record(offset=7), 0) == 1.0
    assert await dispatcher.attempt(job_record(offset=7), 1) is None
    assert states(database) == ["crashed"] * (CRASHES + 1) + ["done"]
    assert [row.attempt for row in rows(database, ExecutionRow)] == [1, 2, 3, 4, 5]
    assert emitted(database)[-1] == JobDone(job_id="job-1", execution_id="id-5")


async def test_a_job_that_ends_its_whole_service_again_and_again_is_given_up(make, database):
    class End(BaseException):
        pass

    for _ in range(INTERRUPTIONS):
        with pytest.raises(End):
            await make(raising(End())).attempt(job_record(), 0)
    last = make()
    assert await last.attempt(job_record(), 0) is None
    assert works(last).calls == 0
    (failed,) = emitted(database)
    assert (failed.error, failed.attempts) == ("DeadlyJob", INTERRUPTIONS)
    assert "it may be what ends it. Look at its inputs, then replay" in failed.reason
    assert states(database) == ["interrupted"] * INTERRUPTIONS
    with database.writing() as session:
        dead_letters.replay(session, dead_letters.letters(session)[0].letter_id)
    assert await make().attempt(job_record(offset=1), 0) is None
    assert emitted(database)[-1].execution_id == rows(database, JobRow)[0].execution_id


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (PermanentError("too few frames: 2 of 3"), "permanent", "too few frames: 2 of 3"),
        (ZeroDivisionError("division by zero"), "fault", "ZeroDivisionError: division by zero"),
    ],
)
async def test_a_job_that_fails_for_good_says_so_at_once(make, database, error, kind, reason):
    dispatcher = make(raising(error))
    assert await dispatcher.attempt(job_record(), 0) is None
    assert emitted(database) == [
        JobFailed(job_id="job-1", error=type(error).__name__, reason=reason, attempts=1)
    ]
    (letter,) = rows(database, DeadLetterRow)
    assert (letter.error, letter.reason) == (kind, reason)
    assert states(database) == ["failed"]
    assert rows(database, EffectRow) == []
    await dispatcher.attempt(job_record(), 0)
    assert works(dispatcher).calls == 1
    assert len(emitted(database)) == 1


async def test_a_transient_failure_is_tried_again_and_at_last_given_up(make, database):
    dispatcher = make(raising(*[TransientError("busy")] * 3))
    assert [await dispatcher.attempt(job_record(), n) for n in range(3)] == [1.0, 2.0, None]
    assert states(database) == ["retried"] * 3
    (failed,) = emitted(database)
    assert (failed.reason, failed.attempts) == ("busy", 3)
    assert rows(database, DeadLetterRow)[0].error == "exhausted"


async def test_a_fault_in_recording_leaves_no_result(make, database):
    def fault(job, result, context):
        context.session.add(EffectRow(job_id=job.job_id, what="half"))
        raise KeyError("product")

    assert await make(record=fault).attempt(job_record(), 0) is None
    assert rows(database, EffectRow) == []
    assert rows(database, JobRow) == []
    assert states(database) == ["failed"]
    assert emitted(database)[0].error == "KeyError"


async def test_what_is_no_outcome_is_told(make, database):
    await make(compute=lambda job, workspace: {"a": 1}).attempt(job_record(), 0)
    assert "returned {'a': 1}, not an Outcome" in emitted(database)[0].reason


async def test_an_artifact_outside_the_scratch_folder_is_refused(make, database):
    def escape(job, workspace):
        return Outcome(artifacts=(Artifact(name="p", path="../../x", prefix="products", media_type="a/b"),))

    await make(compute=escape).attempt(job_record(), 0)
    assert "'../../x' is not below the scratch folder" in emitted(database)[0].reason


async def test_a_full_scratch_disk_is_waited_for(make, database):
    def full(job, workspace):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(workspace.scratch / "x"))

    dispatcher = make(compute=full)
    delays = [await dispatcher.attempt(job_record(), failed) for failed in range(20)]
    assert delays[0] == 0.2
    assert delays[-1] == 30.0
    assert "no space left for" in dispatcher.desk.health.troubles["objects"]
    assert set(states(database)) == {"waited"}
    assert rows(database, DeadLetterRow) == []


async def test_a_full_object_store_is_waited_for_without_computing_again(make, database, sleeps):
    dispatcher = make()
    jobs = dispatcher.works[COMBINE_JOB].jobs

    class FullTwice:
        def put_if_absent(self, *arguments):
            if len(sleeps) < 2:
                raise StoreUnavailable("the disk is full: free some space")
            return FolderStore.put_if_absent(jobs.objects, *arguments)

    full = replace(jobs, objects=FullTwice())
    object.__setattr__(dispatcher.works[COMBINE_JOB], "jobs", full)
    assert await dispatcher.attempt(job_record(), 0) is None
    assert sleeps == [0.2, 0.4]
    assert works(dispatcher).calls == 1
    assert states(database) == ["done"]
    assert dispatcher.desk.health.troubles == {}


async def test_a_job_that_is_given_up_at_a_stop_is_not_held_against_it(make, database, tmp_path):
    begun = asyncio.Event()

    class Never(InlineWorkers):
        async def run(self, function, *arguments):
            begun.set()
            await asyncio.Event().wait()

    dispatcher = make()
    work = dispatcher.works[COMBINE_JOB]
    object.__setattr__(work, "jobs", replace(work.jobs, workers=Never()))
    task = asyncio.create_task(dispatcher.attempt(job_record(), 0))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert states(database) == ["abandoned"]
    assert list((tmp_path / "scratch").glob("*/job-*")) == []
    assert await make().attempt(job_record(), 0) is None
    assert states(database) == ["abandoned", "done"]


async def test_poison_among_jobs_is_a_dead_letter_without_a_job(make, database):
    garbage = replace(job_record(), value=b"{}")
    assert await make().attempt(garbage, 0) is None
    (letter,) = rows(database, DeadLetterRow)
    assert letter.error == "poison"
    assert "job_id: Field required" in letter.reason
    assert emitted(database) == []
