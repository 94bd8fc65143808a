"""Jobs that kill, fail or interrupt: tried again, or given up with a reason."""

import pytest

from calibrant.bus.errors import PermanentError, TransientError
from calibrant.contracts.common.v1 import JobDone, JobFailed
from calibrant.runtime import dead_letters
from calibrant.runtime.jobs import CRASHES, INTERRUPTIONS
from calibrant.runtime.limits import WorkerDied
from calibrant.runtime.tables import DeadLetterRow, ExecutionRow, JobRow
from calibrant.runtime.testing.jobs import calls, emitted, job_record, raising, rows, states
from calibrant.runtime.testing.probe_service import EffectRow

pytestmark = pytest.mark.asyncio


async def test_a_job_whose_process_dies_is_tried_again(make_jobs, database, tmp_path):
    dispatcher = make_jobs(raising(WorkerDied("ended by SIGKILL")))
    assert await dispatcher.attempt(job_record(), 0) == 1.0
    assert states(database) == ["crashed"]
    assert await dispatcher.attempt(job_record(), 1) is None
    assert states(database) == ["crashed", "done"]
    assert [row.attempt for row in rows(database, ExecutionRow)] == [1, 2]
    assert list((tmp_path / "scratch").glob("*/job-*")) == []


async def test_a_job_that_kills_its_process_is_given_up_even_over_restarts(make_jobs, database):
    for crash in range(1, CRASHES + 1):
        restarted = make_jobs(raising(WorkerDied("the worker process was ended by SIGSEGV")))
        delay_s = await restarted.attempt(job_record(), 0)
        assert (delay_s is None) == (crash == CRASHES)
    assert states(database) == ["crashed"] * CRASHES
    (failed,) = emitted(database)
    assert (failed.job_id, failed.error, failed.attempts) == ("job-1", "DeadlyJob", CRASHES)
    assert "ended by SIGSEGV, 3 times. Give it more memory" in failed.reason
    (letter,) = rows(database, DeadLetterRow)
    assert (letter.error, letter.attempts, letter.reason) == ("permanent", CRASHES, failed.reason)
    assert {row.letter_id for row in rows(database, ExecutionRow)} == {letter.letter_id}
    again = make_jobs()
    assert await again.attempt(job_record(), 0) is None
    assert calls(again) == 0


async def test_a_replayed_job_has_all_its_attempts_again(make_jobs, database):
    for _ in range(CRASHES):
        await make_jobs(raising(WorkerDied("killed"))).attempt(job_record(), 0)
    with database.writing() as session:
        dead_letters.replay(session, dead_letters.letters(session)[0].letter_id)
    dispatcher = make_jobs(raising(WorkerDied("killed")))
    assert await dispatcher.attempt(job_record(offset=7), 0) == 1.0
    assert await dispatcher.attempt(job_record(offset=7), 1) is None
    assert states(database) == ["crashed"] * (CRASHES + 1) + ["done"]
    assert [row.attempt for row in rows(database, ExecutionRow)] == [1, 2, 3, 4, 5]
    assert emitted(database)[-1] == JobDone(job_id="job-1", execution_id="id-5")


async def test_a_job_that_ends_its_whole_service_again_and_again_is_given_up(make_jobs, database):
    class End(BaseException):
        pass

    for _ in range(INTERRUPTIONS):
        with pytest.raises(End):
            await make_jobs(raising(End())).attempt(job_record(), 0)
    last = make_jobs()
    assert await last.attempt(job_record(), 0) is None
    assert calls(last) == 0
    (failed,) = emitted(database)
    assert (failed.error, failed.attempts) == ("DeadlyJob", INTERRUPTIONS)
    assert "it may be what ends it. Look at its inputs, then replay" in failed.reason
    assert states(database) == ["interrupted"] * INTERRUPTIONS
    with database.writing() as session:
        dead_letters.replay(session, dead_letters.letters(session)[0].letter_id)
    assert await make_jobs().attempt(job_record(offset=1), 0) is None
    assert emitted(database)[-1].execution_id == rows(database, JobRow)[0].execution_id


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (PermanentError("too few frames: 2 of 3"), "permanent", "too few frames: 2 of 3"),
        (ZeroDivisionError("division by zero"), "fault", "ZeroDivisionError: division by zero"),
    ],
)
async def test_a_job_that_fails_for_good_says_so_at_once(make_jobs, database, error, kind, reason):
    dispatcher = make_jobs(raising(error))
    assert await dispatcher.attempt(job_record(), 0) is None
    assert emitted(database) == [
        JobFailed(job_id="job-1", error=type(error).__name__, reason=reason, attempts=1)
    ]
    (letter,) = rows(database, DeadLetterRow)
    assert (letter.error, letter.reason) == (kind, reason)
    assert states(database) == ["failed"]
    assert rows(database, EffectRow) == []
    await dispatcher.attempt(job_record(), 0)
    assert calls(dispatcher) == 1
    assert len(emitted(database)) == 1


async def test_a_service_tells_more_of_a_job_that_is_given_up(make_jobs, database):
    def given_up(job, why):
        return [JobDone(job_id=job.job_id, execution_id=why)]

    dispatcher = make_jobs(raising(PermanentError("no such card")), given_up=given_up)
    assert await dispatcher.attempt(job_record(), 0) is None
    _, beside = emitted(database)
    assert beside == JobDone(job_id="job-1", execution_id="no such card")


async def test_a_transient_failure_is_tried_again_and_at_last_given_up(make_jobs, database):
    dispatcher = make_jobs(raising(*[TransientError("busy")] * 3))
    assert [await dispatcher.attempt(job_record(), n) for n in range(3)] == [1.0, 2.0, None]
    assert states(database) == ["retried"] * 3
    (failed,) = emitted(database)
    assert (failed.reason, failed.attempts) == ("busy", 3)
    assert rows(database, DeadLetterRow)[0].error == "exhausted"
