"""A service at work on the embedded bus, and the HTTP that every service has."""

import asyncio
import threading
from contextlib import AsyncExitStack, asynccontextmanager
from types import ModuleType

import httpx
import pytest
import pytest_asyncio
from fastapi import APIRouter
from prometheus_client.parser import text_string_to_metric_families
from sqlmodel import select

from calibrant.bus.embedded import open_bus
from calibrant.bus.errors import BusUnavailable, PermanentError
from calibrant.bus.ports import Message
from calibrant.contracts.camera.v1 import Heartbeat, SummaryState
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import JobDone
from calibrant.contracts.sequencer.v1 import RunProgress
from calibrant.contracts.verify.v1 import DecideJob, MeasureJob
from calibrant.runtime.events import EventWork
from calibrant.runtime.handlers import collect, job, on
from calibrant.runtime.http import http_app
from calibrant.runtime.jobs import JobWork
from calibrant.runtime.platform import open_platform
from calibrant.runtime.process import ServiceProcess, ServiceSpec
from calibrant.runtime.settings import PlatformSettings
from calibrant.runtime.tables import ExecutionRow, OutboxRow
from calibrant.runtime.testing import probe_calls
from calibrant.runtime.testing.fakes import combine_job, job_done, record_of
from calibrant.runtime.testing.probe_service import MIGRATIONS
from calibrant.runtime.testing.probe_work import compute

pytestmark = pytest.mark.asyncio


def table(**functions):
    module = ModuleType("handlers_of_a_test")
    vars(module).update(functions)
    return collect(module)


async def until(true):
    async with asyncio.timeout(30):
        while not await true():  # noqa: ASYNC110  what is waited for is told by nobody
            await asyncio.sleep(0.01)


@pytest_asyncio.fixture
async def platform(tmp_path):
    async with open_platform(PlatformSettings(data_dir=tmp_path, worker_slots=1)) as platform:
        yield platform


@pytest_asyncio.fixture
async def heard():
    return []


@pytest.fixture
def make(platform, heard):
    @on(JobDone)
    def hear(message, context):
        heard.append(message.job_id)
        if message.job_id == "bad":
            raise PermanentError("job bad is bad: mend it")
        return [RunProgress(run_id="r", phase="p", message=message.job_id, nodes_ended=0, nodes=0)]

    def make(name="sequencer", **more):
        spec = ServiceSpec(
            name, None, more.pop("handlers", table(hear=hear)), platform.database(name), MIGRATIONS, **more
        )
        return ServiceProcess(spec, platform)

    return make


@asynccontextmanager
async def running(*processes):
    async with AsyncExitStack() as stack:
        for process in processes:
            await process.start()
            stack.push_async_callback(process.stop, 5.0)
        yield


async def send(platform, *job_ids, raw=()):
    records = [
        record_of(job_done(name), topic="combine-results", event_id=f"event-{name}") for name in job_ids
    ]
    messages = [Message(r.topic, "one-key", r.value, r.headers) for r in records]
    async with platform.bus.producer() as producer:
        await producer.send([*messages, *raw])


def client_of(process):
    transport = httpx.ASGITransport(app=http_app(process), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://service")


def waiting(process):
    with process.database.reading() as session:
        return len(session.exec(select(OutboxRow)).all())


async def test_a_bad_message_never_stops_its_partition(platform, make, heard):
    process = make()
    async with running(process):
        garbage = Message("combine-results", "one-key", b"\xff", (("ce_id", b"\xff"),))
        await send(platform, "a", "bad", raw=[garbage])
        await send(platform, "b")

        async def done():
            status = await process.status()
            return heard == ["a", "bad", "b"] and not any(status["lag"].values())

        await until(done)
        status = await process.status()
        assert (status["dead_letters"], status["in_hand"], status["faults"]) == (2, 0, [])
        assert status["counts"] == {"events": 2, "dead_letters": 2}


async def test_the_probes_mean_different_things(platform, make):
    broken = asyncio.Event()

    async def beside(process):
        await broken.wait()
        raise ZeroDivisionError("a fault of ours")

    process = make(background=(beside,))
    async with client_of(process) as client:

        async def probes():
            return [(await client.get(f"/{name}")).status_code for name in ("startup", "live", "ready")]

        assert await probes() == [503, 200, 503]  # not started, not broken, takes on nothing
        async with running(process):
            assert await probes() == [200, 200, 200]
            process.health.trouble("database", "locked")
            assert await probes() == [200, 200, 503]
            assert (await client.get("/ready")).json()["troubles"] == {"database": "locked"}
            process.health.well("database")
            broken.set()

            async def told():
                return bool(process.faults())

            await until(told)
            assert await probes() == [200, 503, 200]
            assert "ZeroDivisionError" in (await client.get("/live")).json()["faults"][0]


async def test_control_pauses_resumes_and_drains(platform, make, heard):
    process = make()
    async with client_of(process) as client, running(process):
        assert (await client.post("/control/pause")).json() == {"phase": "paused"}
        assert (await client.get("/ready")).status_code == 503
        await send(platform, "a")
        await until(lambda: paused_everything(process))
        assert heard == []
        assert (await client.post("/control/resume")).json() == {"phase": "running"}

        async def did():
            return heard == ["a"]

        await until(did)
        assert (await client.post("/control/drain")).json() == {"phase": "draining"}
        await process.drain()
        refused = await client.post("/control/resume")
        assert refused.status_code == 409
        assert "sequencer is draining; restart it" in refused.json()["detail"]
        assert (await client.get("/live")).status_code == 200
        await send(platform, "b")
        assert (await client.get("/status")).json()["lag"]["combine-results"] == 1
    assert heard == ["a"]


async def paused_everything(process):
    consumer = process._consumers._lanes[0]._consumer
    return consumer.assignment() and consumer.paused() == consumer.assignment()


async def test_dead_letters_are_listed_shown_replayed_and_discarded(platform, make, heard):
    process = make()
    async with client_of(process) as client, running(process):
        await send(platform, "bad")

        async def buried():
            return len((await client.get("/dead-letters")).json()) == 1

        await until(buried)
        (letter,) = (await client.get("/dead-letters")).json()
        assert letter["reason"] == "job bad is bad: mend it"
        assert "value" not in letter
        shown = (await client.get(f"/dead-letters/{letter['letter_id']}")).json()
        assert JobDone.from_json(shown["body"].encode()).job_id == "bad"
        assert ["ce_id", "event-bad"] in shown["headers"]
        replayed = await client.post(f"/dead-letters/{letter['letter_id']}/replay")
        assert replayed.json()["state"] == "replayed"

        async def buried_again():
            return heard == ["bad", "bad"] and await buried()

        await until(buried_again)
        (second,) = (await client.get("/dead-letters")).json()
        assert second["letter_id"] != letter["letter_id"]
        assert (await client.post(f"/dead-letters/{second['letter_id']}/discard")).status_code == 200
        everything = (await client.get("/dead-letters", params={"state": "all"})).json()
        assert [row["state"] for row in everything] == ["replayed", "discarded"]
        for path, call in (
            ("/dead-letters/x", client.get),
            ("/dead-letters/x/replay", client.post),
            (f"/dead-letters/{second['letter_id']}/discard", client.post),
        ):
            missing = await call(path)
            assert missing.status_code == 404
            assert "dead letter" in missing.json()["detail"]


async def test_metrics_are_what_prometheus_reads(platform, make):
    process = make()
    async with client_of(process) as client, running(process):
        process.health.count("events", 3)
        families = {f.name: f for f in text_string_to_metric_families((await client.get("/metrics")).text)}
    (sample,) = families["calibrant_records"].samples
    assert (sample.labels, sample.value) == ({"service": "sequencer", "what": "events"}, 3.0)
    assert families["calibrant_ready"].samples[0].value == 1.0
    assert families["calibrant_in_hand"].samples[0].value == 0.0


async def test_a_service_has_routes_of_its_own_and_says_when_the_world_is_away(platform, make):
    router = APIRouter()

    @router.get("/own")
    def own():
        raise BusUnavailable("the log is locked: wait")

    async with client_of(make(router=router)) as client:
        answer = await client.get("/own")
        assert (answer.status_code, answer.json()) == (503, {"detail": "the log is locked: wait"})
        assert (await client.get("/docs")).status_code == 200


async def test_what_no_event_caused_is_emitted_and_what_may_be_lost_is_sent_at_once(platform, make):
    sequencer, camera = make(), make("camera", handlers=table())
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
    platform, make, tmp_path
):
    @job(CombineJob, compute=compute)
    def record(message, result, context):
        return [JobDone(job_id=message.job_id, execution_id=result.execution_id)]

    process = make("combine", handlers=table(record=record))
    async with running(process):
        async with platform.bus.producer() as producer:
            first = record_of(combine_job(), topic="combine-jobs.cpu")
            await producer.send([Message(first.topic, "k", first.value, first.headers)])

        async def answered():
            return len(await platform.bus.read("combine-results", from_start=True, limit=9)) == 1

        await until(answered)
    assert process.health.phase == "stopped"
    assert list((tmp_path / "scratch" / "combine").iterdir()) == []


async def test_what_the_last_record_in_hand_emits_goes_out_before_the_service_leaves(platform, make):
    begun, go = threading.Event(), threading.Event()

    @on(JobDone)
    def slow(message, context):
        begun.set()
        go.wait(30)
        return [RunProgress(run_id="r", phase="p", message="late", nodes_ended=0, nodes=0)]

    process = make(handlers=table(slow=slow))
    await process.start()
    await send(platform, "a")
    await asyncio.to_thread(begun.wait, 30)
    stopping = asyncio.create_task(process.stop(30.0))
    await until(lambda: as_awaitable(process.health.phase == "draining"))
    go.set()
    await stopping
    assert len(await platform.bus.read("run-progress", from_start=True, limit=9)) == 1
    assert sum((await platform.bus.committed("sequencer")).values()) == 1


async def as_awaitable(value):
    return value


async def test_an_outbox_that_cannot_be_sent_survives_the_stop(platform, make, tmp_path):
    process = make()
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


async def test_a_service_that_cannot_start_leaves_nothing_running(platform, make, tmp_path):
    process = make()
    await platform.bus.close()
    before = asyncio.all_tasks()
    with pytest.raises(BusUnavailable, match="was closed"):
        await process.start()
    assert asyncio.all_tasks() == before


async def test_a_handler_that_the_data_flow_brings_nothing_is_refused(platform, make):
    @on(CombineJob)
    def never(message, context):
        return None

    with pytest.raises(LookupError, match=r"sequencer handles .*CombineJob, but proto/topics\.yaml brings"):
        make(handlers=table(never=never))


async def test_a_topic_may_bring_jobs_and_short_work(platform, make):
    @job(MeasureJob, compute=compute)
    def measured(message, result, context):
        return None

    @on(DecideJob)
    def decide(message, context):
        return None

    process = make("verify", handlers=table(measured=measured, decide=decide))
    assert process.spec.topics() == (["verify-jobs.cpu"], [])
    works = process._consumers._dispatcher().works
    assert isinstance(works[MeasureJob.message_type], JobWork)
    assert isinstance(works[DecideJob.message_type], EventWork)


async def test_a_job_that_takes_too_long_is_given_up_at_a_stop_and_done_at_the_next_start(
    platform, make, tmp_path
):
    @job(CombineJob, compute=probe_calls.sleep_the_first_time)
    def record(message, result, context):
        return [JobDone(job_id=message.job_id, execution_id=result.execution_id)]

    process = make("combine", handlers=table(record=record), config={"mark": str(tmp_path / "mark")})
    async with running(process):
        async with platform.bus.producer() as producer:
            first = record_of(combine_job(), topic="combine-jobs.cpu")
            await producer.send([Message(first.topic, "k", first.value, first.headers)])
        await until(lambda: as_awaitable((tmp_path / "mark").exists()))
        stopping = asyncio.create_task(process.stop(0.0))
        await asyncio.wait_for(stopping, 20)
    assert await platform.bus.read("combine-results", from_start=True, limit=9) == []
    again = make("combine", handlers=table(record=record), config={"mark": str(tmp_path / "mark")})
    async with running(again):

        async def answered():
            return len(await platform.bus.read("combine-results", from_start=True, limit=9)) == 1

        await until(answered)
        with again.database.reading() as session:
            assert [row.state for row in session.exec(select(ExecutionRow)).all()] == ["abandoned", "done"]
