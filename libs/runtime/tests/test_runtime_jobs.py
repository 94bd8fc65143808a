"""Long work: claimed before it begins, computed once, and given up with a reason when it kills or fails."""

import asyncio
import errno
import os
import threading
from dataclasses import replace
from shutil import rmtree

import pytest
from sqlmodel import select

from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import JobDone
from calibrant.runtime.handlers import Artifact, Outcome
from calibrant.runtime.objects import FolderStore, StoreUnavailable
from calibrant.runtime.probe import Probe, Step
from calibrant.runtime.tables import DeadLetterRow, ExecutionRow, InboxRow, JobRow, OutboxRow
from calibrant.runtime.testing.fakes import InlineWorkers
from calibrant.runtime.testing.jobs import calls, emitted, job_record, rows, states
from calibrant.runtime.testing.probe_service import EffectRow
from calibrant.runtime.testing.probe_work import compute

pytestmark = pytest.mark.asyncio
COMBINE_JOB = CombineJob.message_type


async def test_a_job_is_computed_its_artifact_kept_its_result_recorded(make_jobs, database, tmp_path):
    dispatcher = make_jobs()
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


async def test_a_result_does_not_wait_for_the_scratch_folder_to_be_removed(
    make_jobs, database, tmp_path, monkeypatch
):
    told = threading.Event()

    def slow_rmtree(folder, **more):
        assert told.wait(60)
        return rmtree(folder, **more)

    monkeypatch.setattr("calibrant.runtime.scratch.shutil.rmtree", slow_rmtree)
    dispatcher = make_jobs()
    dispatcher.desk.wake_relay = told.set
    assert await dispatcher.attempt(job_record(), 0) is None
    assert states(database) == ["done"]
    assert list((tmp_path / "scratch").glob("*/job-*")) == []


async def test_the_attempt_is_written_down_before_it_begins(make_jobs, database):
    seen = []

    def look(job, workspace):
        seen.append((states(database), workspace.config, list(workspace.scratch.iterdir())))
        return compute(job, workspace)

    await make_jobs(compute=look).attempt(job_record(), 0)
    assert seen == [(["running"], {"instruments": "/somewhere"}, [])]


async def test_a_computation_is_told_what_the_service_knows(make_jobs):
    seen = []

    def look(job, workspace):
        seen.append(dict(workspace.known))
        return compute(job, workspace)

    def gather(job, service, session):
        return {"job": job.job_id, "attempts": len(session.exec(select(ExecutionRow)).all())}

    await make_jobs(compute=look, gather=gather).attempt(job_record(), 0)
    assert seen == [{"job": "job-1", "attempts": 1}]


async def test_a_job_with_a_known_result_is_answered_without_computing(make_jobs, database):
    dispatcher = make_jobs()
    await dispatcher.attempt(job_record("event-1"), 0)
    await dispatcher.attempt(job_record("event-2"), 0)
    await dispatcher.attempt(job_record("event-2"), 0)
    assert calls(dispatcher) == 1
    assert emitted(database) == [JobDone(job_id="job-1", execution_id="id-1")] * 2
    assert len({row.headers for row in rows(database, OutboxRow)}) == 2
    assert dispatcher.desk.health.counts == {"jobs": 1, "known": 1, "repeated": 1}


async def test_the_result_is_the_same_when_it_is_recorded_again(make_jobs):
    results = []

    def keep(job, result, context):
        results.append(result)

    def odd(job, workspace):
        return Outcome(data={"none": None, "nested": {"list": [1, 2.5]}, "inf": float("inf")})

    dispatcher = make_jobs(compute=odd, record=keep)
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


async def test_of_two_executions_at_once_the_first_recorded_wins(make_jobs, database):
    slow, quick = make_jobs(), make_jobs()
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


async def test_a_fault_in_recording_leaves_no_result(make_jobs, database):
    def fault(job, result, context):
        context.session.add(EffectRow(job_id=job.job_id, what="half"))
        raise KeyError("product")

    assert await make_jobs(record=fault).attempt(job_record(), 0) is None
    assert rows(database, EffectRow) == []
    assert rows(database, JobRow) == []
    assert states(database) == ["failed"]
    assert emitted(database)[0].error == "KeyError"


async def test_what_is_no_outcome_is_told(make_jobs, database):
    await make_jobs(compute=lambda job, workspace: {"a": 1}).attempt(job_record(), 0)
    assert "returned {'a': 1}, not an Outcome" in emitted(database)[0].reason


async def test_an_artifact_outside_the_scratch_folder_is_refused(make_jobs, database):
    def escape(job, workspace):
        return Outcome(artifacts=(Artifact(name="p", path="../../x", prefix="products", media_type="a/b"),))

    await make_jobs(compute=escape).attempt(job_record(), 0)
    assert "'../../x' is not below the scratch folder" in emitted(database)[0].reason


async def test_a_full_scratch_disk_is_waited_for(make_jobs, database):
    def full(job, workspace):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(workspace.scratch / "x"))

    dispatcher = make_jobs(compute=full)
    delays = [await dispatcher.attempt(job_record(), failed) for failed in range(20)]
    assert delays[0] == 0.2
    assert delays[-1] == 30.0
    assert "no space left for" in dispatcher.desk.health.troubles["objects"]
    assert set(states(database)) == {"waited"}
    assert rows(database, DeadLetterRow) == []


async def test_a_full_object_store_is_waited_for_without_computing_again(make_jobs, database, sleeps):
    dispatcher = make_jobs()
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
    assert calls(dispatcher) == 1
    assert states(database) == ["done"]
    assert dispatcher.desk.health.troubles == {}


async def test_a_job_that_is_given_up_at_a_stop_is_not_held_against_it(make_jobs, database, tmp_path):
    begun = asyncio.Event()

    class Never(InlineWorkers):
        async def run(self, function, *arguments, **more):
            begun.set()
            await asyncio.Event().wait()

    dispatcher = make_jobs()
    work = dispatcher.works[COMBINE_JOB]
    object.__setattr__(work, "jobs", replace(work.jobs, workers=Never()))
    task = asyncio.create_task(dispatcher.attempt(job_record(), 0))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert states(database) == ["abandoned"]
    assert list((tmp_path / "scratch").glob("*/job-*")) == []
    assert await make_jobs().attempt(job_record(), 0) is None
    assert states(database) == ["abandoned", "done"]


async def test_poison_among_jobs_is_a_dead_letter_without_a_job(make_jobs, database):
    garbage = replace(job_record(), value=b"{}")
    assert await make_jobs().attempt(garbage, 0) is None
    (letter,) = rows(database, DeadLetterRow)
    assert letter.error == "poison"
    assert "job_id: Field required" in letter.reason
    assert emitted(database) == []
