"""A service at work on the embedded bus."""

import asyncio
import threading

import pytest
from sqlmodel import select

from calibrant.bus.embedded import open_bus
from calibrant.bus.errors import BusUnavailable
from calibrant.bus.ports import Message
from calibrant.contracts.camera.v1 import Heartbeat, SummaryState
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import JobDone
from calibrant.contracts.sequencer.v1 import RunProgress
from calibrant.contracts.verify.v1 import DecideJob, MeasureJob
from calibrant.runtime.events import EventWork
from calibrant.runtime.handlers import job, on
from calibrant.runtime.jobs import JobWork
from calibrant.runtime.tables import ExecutionRow, OutboxRow
from calibrant.runtime.testing import probe_calls
from calibrant.runtime.testing.fakes import combine_job, record_of
from calibrant.runtime.testing.probe_work import compute
from calibrant.runtime.testing.services import running, send_done, table, until
from calibrant.runtime.unit_of_work import unit_of_work

pytestmark = pytest.mark.asyncio


def waiting(process):
    with process.database.reading() as session:
        return len(session.exec(select(OutboxRow)).all())


async def test_a_bad_message_never_stops_its_partition(platform, make_process, heard):
    process = make_process()
    async with running(process):
        garbage = Message("combine-results", "one-key", b"\xff", (("ce_id", b"\xff"),))
        await send_done(platform, "a", "bad", raw=[garbage])
        await send_done(platform, "b")

        async def done():
            status = await process.status()
            # Those dealt with at once are dealt with again when one of them fails.
            return list(dict.fromkeys(heard)) == ["a", "bad", "b"] and not any(status["lag"].values())

        await until(done)
        status = await process.status()
        assert (status["dead_letters"], status["in_hand"], status["faults"]) == (2, 0, [])
        assert status["counts"] == {"events": 2, "dead_letters": 2}


async def test_what_no_event_caused_is_emitted_and_what_may_be_lost_is_sent_at_once(platform, make_process):
    sequencer, camera = make_process(), make_process("camera", handlers=table())
    beat = Heartbeat(component="camera-1", summary_state=SummaryState.ENABLED)
    async with running(sequencer, camera):

        def work():
            with sequencer.unit_of_work("a request", "run-7") as unit:
                unit.emit([combine_job()])

        await asyncio.to_thread(work)

        async def sent():
            return len(await platform.bus.read("combine-jobs.cpu", from_start=True, limit=9)) == 1

        await until(sent)
        await camera.send_telemetry(beat)
        (lost_or_not,) = await platform.bus.read("camera-telemetry", from_start=True, limit=9)
        assert Heartbeat.from_json(lost_or_not.value) == beat
        with pytest.raises(ValueError, match="not lossy: use the outbox"):
            await sequencer.send_telemetry(combine_job())


async def test_a_job_is_computed_in_a_child_and_its_scratch_space_is_gone_afterwards(
    platform, make_process, tmp_path
):
    @job(CombineJob, compute=compute)
    def record(message, result, context):
        return [JobDone(job_id=message.job_id, execution_id=result.execution_id)]

    process = make_process("combine", handlers=table(record=record))
    async with running(process):
        async with platform.bus.producer() as producer:
            first = record_of(combine_job(), topic="combine-jobs.cpu")
            await producer.send([Message(first.topic, "k", first.value, first.headers)])

        async def answered():
            return len(await platform.bus.read("combine-results", from_start=True, limit=9)) == 1

        await until(answered)
    assert process.health.phase == "stopped"
    assert list((tmp_path / "scratch" / "combine").iterdir()) == []


async def test_what_the_last_record_in_hand_emits_goes_out_before_the_service_leaves(platform, make_process):
    begun, go = threading.Event(), threading.Event()

    @on(JobDone)
    def slow(message, context):
        begun.set()
        go.wait(30)
        return [RunProgress(run_id="r", phase="p", message="late", nodes_ended=0, nodes=0)]

    process = make_process(handlers=table(slow=slow))
    await process.start()
    await send_done(platform, "a")
    await asyncio.to_thread(begun.wait, 30)
    stopping = asyncio.create_task(process.stop(30.0))
    await until(lambda: as_awaitable(process.health.phase == "draining"))
    go.set()
    await stopping
    assert len(await platform.bus.read("run-progress", from_start=True, limit=9)) == 1
    assert sum((await platform.bus.committed("sequencer")).values()) == 1


async def as_awaitable(value):
    return value


async def test_what_nobody_told_the_relay_of_goes_out_before_the_service_leaves(
    platform, make_process, monkeypatch
):
    monkeypatch.setattr("calibrant.runtime.relay.IDLE_S", 60.0)
    process = make_process()
    async with running(process):

        async def idle():
            return process._relay._loop is not None and not await asyncio.to_thread(waiting, process)

        await until(idle)

        def work():
            with unit_of_work(process.database, "sequencer", platform.clock, cause="x") as unit:
                unit.emit([combine_job()])

        await asyncio.to_thread(work)
    assert len(await platform.bus.read("combine-jobs.cpu", from_start=True, limit=9)) == 1


async def test_an_outbox_that_cannot_be_sent_survives_the_stop(platform, make_process, tmp_path):
    process = make_process()
    await process.start()
    await platform.bus.close()

    def work():
        with process.unit_of_work("a request") as unit:
            unit.emit([combine_job()])

    await asyncio.to_thread(work)
    await process.stop(1.0)
    assert await asyncio.to_thread(waiting, process) == 1
    process.database.close()
    bus = await open_bus(tmp_path / "bus.sqlite")
    assert await bus.read("combine-jobs.cpu", from_start=True, limit=9) == []
    await bus.close()


async def test_a_service_that_cannot_start_leaves_nothing_running(platform, make_process, tmp_path):
    process = make_process()
    await platform.bus.close()
    before = asyncio.all_tasks()
    with pytest.raises(BusUnavailable, match="was closed"):
        await process.start()
    assert asyncio.all_tasks() == before


async def test_a_handler_that_the_data_flow_brings_nothing_is_refused(platform, make_process):
    @on(CombineJob)
    def never(message, context):
        return None

    with pytest.raises(LookupError, match=r"sequencer handles .*CombineJob, but proto/topics\.yaml brings"):
        make_process(handlers=table(never=never))


async def test_a_topic_may_bring_jobs_and_short_work(platform, make_process):
    @job(MeasureJob, compute=compute)
    def measured(message, result, context):
        return None

    @on(DecideJob)
    def decide(message, context):
        return None

    process = make_process("verify", handlers=table(measured=measured, decide=decide))
    assert process.spec.topics() == (["verify-jobs.cpu"], ["certifications"])
    works = process._consumers._dealers()[0].works
    assert isinstance(works[MeasureJob.message_type], JobWork)
    assert isinstance(works[DecideJob.message_type], EventWork)


async def test_a_job_that_takes_too_long_is_given_up_at_a_stop_and_done_at_the_next_start(
    platform, make_process, tmp_path
):
    @job(CombineJob, compute=probe_calls.sleep_the_first_time)
    def record(message, result, context):
        return [JobDone(job_id=message.job_id, execution_id=result.execution_id)]

    process = make_process("combine", handlers=table(record=record), config={"mark": str(tmp_path / "mark")})
    async with running(process):
        async with platform.bus.producer() as producer:
            first = record_of(combine_job(), topic="combine-jobs.cpu")
            await producer.send([Message(first.topic, "k", first.value, first.headers)])
        await until(lambda: as_awaitable((tmp_path / "mark").exists()))
        stopping = asyncio.create_task(process.stop(0.0))
        await asyncio.wait_for(stopping, 20)
    assert await platform.bus.read("combine-results", from_start=True, limit=9) == []
    again = make_process("combine", handlers=table(record=record), config={"mark": str(tmp_path / "mark")})
    async with running(again):

        async def answered():
            return len(await platform.bus.read("combine-results", from_start=True, limit=9)) == 1

        await until(answered)
        with again.database.reading() as session:
            assert [row.state for row in session.exec(select(ExecutionRow)).all()] == ["abandoned", "done"]
