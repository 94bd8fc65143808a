"""Kill -9 between any two steps of delivery, start again: one effect of each kind, one announcement's identity."""

import asyncio
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from uuid import uuid4

import pytest

from calibrant.runtime.probe import Step
from calibrant.runtime.tables import DeadLetterRow, ExecutionRow, InboxRow, JobRow, OutboxRow
from calibrant.runtime.testing import forks
from calibrant.runtime.testing.probe_life import JOB_ID, Life, begin
from calibrant.runtime.testing.probe_service import EffectRow
from calibrant.runtime.testing.probe_site import ProbeSite

pytestmark = pytest.mark.timeout(300)
AT_ONCE = 4
IMPORTED_LATE = ("alembic.command", "alembic.runtime.environment", "alembic.ddl", "psycopg", "aiokafka")
ANSWERS = 5
# (step, which passing): 1 is the job's and 2 the event's; of the relay's and the commits, 1 is the request's.
OF_THE_JOB = [
    (Step.FETCHED, 1),
    (Step.CLAIMED, 1),
    (Step.COMPUTED, 1),
    (Step.ARTIFACT_PUT, 1),
    (Step.BEFORE_COMMIT, 1),
    (Step.BEFORE_COMMIT, 2),
    (Step.COMMITTED, 1),
    (Step.COMMITTED, 2),
    (Step.RELAYED, 1),
    (Step.MARKED_SENT, 1),
    (Step.OFFSET_COMMITTED, 1),
]
OF_THE_EVENT = [
    (Step.FETCHED, 2),
    (Step.BEFORE_COMMIT, 3),
    (Step.COMMITTED, 3),
    (Step.RELAYED, 2),
    (Step.MARKED_SENT, 2),
    (Step.OFFSET_COMMITTED, 2),
    (Step.RELAYED, 3),
    (Step.MARKED_SENT, 3),
]
OF_SEVERAL_AT_ONCE = [
    Step.FETCHED,
    Step.BEFORE_COMMIT,
    Step.COMMITTED,
    Step.RELAYED,
    Step.MARKED_SENT,
    Step.OFFSET_COMMITTED,
]


def lived(life):
    """Let a process live this life; return how it ended: its exit code, or less than 0 the signal."""
    return forks.run(partial(begin, life), IMPORTED_LATE)


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def bus(request):
    return f"kafka://{request.getfixturevalue('broker').servers}" if request.param == "kafka" else ""


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def make_site(request, bus, tmp_path):
    """Make a place of its own for each case: a folder, topics and groups, databases."""

    def make():
        corner = uuid4().hex
        database = "" if request.param == "sqlite" else server.create_database()
        return ProbeSite(str(tmp_path / corner), bus, database, corner)

    server = None if request.param == "sqlite" else request.getfixturevalue("postgres")
    return make


def side_by_side(check, cases):
    """Check cases, some at a time, for most of each is waiting; what fails tells which one it was."""

    def told(case):
        try:
            check(*case)
        except BaseException as error:
            error.add_note(f"killed at {' '.join(map(str, case))}")
            raise

    with ThreadPoolExecutor(AT_ONCE) as threads:
        checks = [threads.submit(told, case) for case in cases]
    failures = [error for error in (done.exception() for done in checks) if error is not None]
    if failures:
        raise BaseExceptionGroup(f"{len(failures)} of {len(checks)} cases", failures)


def announced(site, topic):
    """Return the one event of a topic, however often it is there."""
    events = asyncio.run(site.events(topic))
    assert len({event.id for event in events}) == 1
    assert len({event.data for event in events}) == 1
    return events[0]


def assert_nothing_is_left(site, *services):
    for service in services:
        assert site.rows(service, OutboxRow) == []
        assert site.rows(service, DeadLetterRow) == []
        assert not {row.state for row in site.rows(service, ExecutionRow)} & {"running"}
    assert list((site.settings.data_dir / "scratch").glob("*/*/job-*")) == []


def assert_the_job_is_done_once(site):
    (product,) = site.objects("products")
    (effect,) = site.rows("combine", EffectRow)
    assert (effect.job_id, effect.what) == (JOB_ID, product.split("/")[-1].removesuffix(".txt"))
    (job,) = site.rows("combine", JobRow)
    executions = {row.execution_id: row.state for row in site.rows("combine", ExecutionRow)}
    assert executions.pop(job.execution_id) == "done"
    assert set(executions.values()) <= {"interrupted", "superseded"}
    assert [row.what for row in site.rows("sequencer", EffectRow)] == ["heard"]
    assert len(site.rows("combine", InboxRow)) == 1
    assert len(site.rows("sequencer", InboxRow)) == 2  # the request and the answer
    for topic in ("combine-jobs.cpu", "combine-results", "run-progress"):
        assert announced(site, topic).correlation_id == "probe-run"
    assert asyncio.run(site.unread("combine-jobs", ["combine-jobs.cpu"])) == []
    assert asyncio.run(site.unread("sequencer", ["combine-results"])) == []
    assert_nothing_is_left(site, "combine", "sequencer")


def assert_each_answer_is_heard_once(site):
    assert sorted(row.job_id for row in site.rows("sequencer", EffectRow)) == [
        f"{JOB_ID}-{at}" for at in range(ANSWERS)
    ]
    assert len(site.rows("sequencer", InboxRow)) == ANSWERS
    told = asyncio.run(site.events("run-progress"))
    assert len({event.id for event in told}) == len({event.causation_id for event in told}) == ANSWERS
    assert asyncio.run(site.unread("sequencer", ["combine-results"])) == []
    assert_nothing_is_left(site, "sequencer")


@pytest.mark.parametrize("places", [OF_THE_JOB, OF_THE_EVENT], ids=["job", "event"])
def test_a_kill_at_any_step_loses_nothing_and_does_nothing_twice(make_site, places):
    def check(step, passing):
        life = Life(make_site(), step, passing)
        assert lived(life) == -signal.SIGKILL
        assert lived(replace(life, kill_at=None)) == os.EX_OK
        assert_the_job_is_done_once(life.site)

    side_by_side(check, places)


def test_a_kill_while_several_events_are_dealt_with_at_once_leaves_all_or_nothing_of_them(make_site):
    def check(step):
        life = Life(make_site(), step, answers=ANSWERS)
        assert lived(life) == -signal.SIGKILL
        effects = life.site.rows("sequencer", EffectRow)
        assert bool(effects) == (step not in {Step.FETCHED, Step.BEFORE_COMMIT})
        assert len(life.site.rows("sequencer", InboxRow)) == len(effects)
        assert lived(replace(life, kill_at=None)) == os.EX_OK
        assert_each_answer_is_heard_once(life.site)

    side_by_side(check, [(step,) for step in OF_SEVERAL_AT_ONCE])


def test_kills_at_every_step_one_after_the_other(make_site):
    life = Life(make_site())
    for step, passing in ((Step.CLAIMED, 1), (Step.COMPUTED, 1), (Step.COMMITTED, 2), (Step.RELAYED, 1)):
        assert lived(replace(life, kill_at=step, passing=passing)) == -signal.SIGKILL
    assert lived(life) == os.EX_OK
    assert_the_job_is_done_once(life.site)
    states = [row.state for row in life.site.rows("combine", ExecutionRow)]
    assert sorted(states) == ["done", "interrupted", "interrupted"]


def test_another_start_after_the_end_changes_nothing(make_site):
    life = Life(make_site())
    assert lived(life) == os.EX_OK
    rows = life.site.rows("combine", ExecutionRow)
    assert lived(life) == os.EX_OK
    assert life.site.rows("combine", ExecutionRow) == rows
    assert_the_job_is_done_once(life.site)
