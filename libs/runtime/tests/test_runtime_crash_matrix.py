"""Kill -9 between any two steps of delivery, start again: one effect, one result, one announcement's identity."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest
from sqlmodel import select

from calibrant.bus.cloudevents import from_record
from calibrant.bus.embedded import open_bus
from calibrant.runtime.adapters import open_database
from calibrant.runtime.objects import open_store
from calibrant.runtime.probe import Step
from calibrant.runtime.settings import PlatformSettings
from calibrant.runtime.tables import DeadLetterRow, ExecutionRow, InboxRow, JobRow, OutboxRow
from calibrant.runtime.testing.probe_service import JOB_ID, EffectRow

# (step, which passing): 1 is the job's (or, of the relay's steps, the request's), 2 the event's.
PLACES = [
    (Step.FETCHED, 1),
    (Step.CLAIMED, 1),
    (Step.COMPUTED, 1),
    (Step.ARTIFACT_PUT, 1),
    (Step.BEFORE_COMMIT, 1),
    (Step.COMMITTED, 1),
    (Step.RELAYED, 1),
    (Step.MARKED_SENT, 1),
    (Step.OFFSET_COMMITTED, 1),
    (Step.FETCHED, 2),
    (Step.BEFORE_COMMIT, 2),
    (Step.COMMITTED, 2),
    (Step.RELAYED, 2),
    (Step.MARKED_SENT, 2),
    (Step.OFFSET_COMMITTED, 2),
    (Step.RELAYED, 3),
]


@pytest.fixture(scope="module")
def forks():
    code = "from calibrant.runtime.testing.probe_service import serve_forks; serve_forks()"
    quiet = {
        **os.environ,
        "PYTHONWARNINGS": "ignore::UserWarning",
    }  # of what the killed have left to the kernel
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=quiet
    ) as zygote:

        def run(*arguments):
            zygote.stdin.write(" ".join(str(argument) for argument in arguments) + "\n")
            zygote.stdin.flush()
            return int(zygote.stdout.readline())

        yield run
        zygote.stdin.close()


def everything(folder, service, table):
    database = open_database(PlatformSettings(data_dir=folder), service)
    try:
        with database.reading() as session:
            return list(session.exec(select(table)).all())
    finally:
        database.close()


async def look_at_the_bus(folder):
    """Give the events of each topic, and the partitions that are not read to their ends."""
    bus = await open_bus(folder / "bus.sqlite")
    try:
        events = [
            [from_record(record) for record in await bus.read(topic, from_start=True, limit=100)]
            for topic in ("combine-jobs.cpu", "combine-results", "run-progress")
        ]
        ends = dict(await bus.end_offsets(["combine-jobs.cpu", "combine-results"]))
        done = {**await bus.committed("combine-jobs"), **await bus.committed("sequencer")}
        return events, [at for at, end in ends.items() if end != done.get(at, 0)]
    finally:
        await bus.close()


def assert_done_once(folder):
    (product,) = list(open_store(PlatformSettings(data_dir=folder)).keys("products"))
    assert product.split("/")[-1].removesuffix(".txt") in {
        row.what for row in everything(folder, "combine", EffectRow)
    }
    assert [row.job_id for row in everything(folder, "combine", EffectRow)] == [JOB_ID]
    assert [row.what for row in everything(folder, "sequencer", EffectRow)] == ["heard"]
    (job,) = everything(folder, "combine", JobRow)
    executions = {row.execution_id: row.state for row in everything(folder, "combine", ExecutionRow)}
    assert executions.pop(job.execution_id) == "done"
    assert set(executions.values()) <= {"interrupted"}
    assert len(executions) <= 1
    announced, not_read = asyncio.run(look_at_the_bus(folder))
    assert not_read == []
    for events in announced:
        assert len({event.id for event in events}) == 1
        assert len({event.data for event in events}) == 1
        assert {event.correlation_id for event in events} == {"probe-run"}
    for service in ("combine", "sequencer"):
        assert everything(folder, service, OutboxRow) == []
        assert everything(folder, service, DeadLetterRow) == []
    assert len(everything(folder, "combine", InboxRow)) == 1
    assert len(everything(folder, "sequencer", InboxRow)) == 2  # the seed and the answer
    assert list((folder / "scratch" / "combine").glob("*/job-*")) == []


@pytest.mark.parametrize(("step", "passing"), PLACES, ids=str)
def test_a_kill_at_any_step_loses_nothing_and_does_nothing_twice(forks, tmp_path, step, passing):
    assert forks(tmp_path, "--kill-at", step.value, "--passing", passing) == -signal.SIGKILL
    assert forks(tmp_path) == 0
    assert_done_once(tmp_path)


def test_kills_at_every_step_one_after_the_other(forks, tmp_path):
    for step in (Step.CLAIMED, Step.COMPUTED, Step.COMMITTED, Step.RELAYED):
        forks(tmp_path, "--kill-at", step.value)
    assert forks(tmp_path) == 0
    assert len(everything(tmp_path, "combine", JobRow)) == 1
    states = [row.state for row in everything(tmp_path, "combine", ExecutionRow)]
    assert sorted(states) == ["done", "interrupted", "interrupted"]
    assert len(everything(tmp_path, "combine", EffectRow)) == 1
    assert len(everything(tmp_path, "sequencer", EffectRow)) == 1


def test_another_start_after_the_end_changes_nothing(forks, tmp_path):
    assert forks(tmp_path) == os.EX_OK
    rows = everything(tmp_path, "combine", ExecutionRow)
    command = [sys.executable, "-m", "calibrant.runtime.testing.probe_service", str(tmp_path)]
    assert subprocess.run(command, check=False, timeout=60).returncode == os.EX_OK
    assert everything(tmp_path, "combine", ExecutionRow) == rows
    assert_done_once(tmp_path)
