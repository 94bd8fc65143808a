"""Traces: what follows from an event hangs below it, in whichever service; nothing is made when nobody collects."""

import dataclasses
import socket
from contextlib import suppress

import httpx
import pytest
import pytest_asyncio
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from sqlmodel import select

from calibrant.bus.cloudevents import from_record
from calibrant.bus.errors import PermanentError
from calibrant.contracts.common.v1 import JobDone
from calibrant.runtime.access.door import Door
from calibrant.runtime.handlers import on
from calibrant.runtime.http import http_app
from calibrant.runtime.ids import trace_parent
from calibrant.runtime.platform import open_platform
from calibrant.runtime.process import ServiceProcess, ServiceSpec
from calibrant.runtime.settings import PlatformSettings
from calibrant.runtime.telemetry import spans
from calibrant.runtime.telemetry.spans import spans_of, tracer_of
from calibrant.runtime.testing.fakes import combine_job
from calibrant.runtime.testing.otlp import collector
from calibrant.runtime.testing.probe_service import MIGRATIONS, EffectRow, hear, record, service
from calibrant.runtime.testing.services import running, send_done, table, until

pytestmark = pytest.mark.asyncio
RUN = "run-1"
_, TRACE, ROOT, _ = trace_parent(RUN, RUN).split("-")


@pytest.fixture
def exporter():
    return InMemorySpanExporter()


@pytest_asyncio.fixture
async def traced(platform, exporter):
    return dataclasses.replace(platform, spans=SimpleSpanProcessor(exporter))


def identity(span):
    return f"{span.context.span_id:016x}"


def parent(span):
    return "" if span.parent is None else f"{span.parent.span_id:016x}"


def begin(process):
    with process.unit_of_work("ask", RUN) as unit:
        spans.begun(unit.session, RUN)
        unit.emit([combine_job()])


async def follow(*processes):
    """Ask for a job, and wait until the other service has heard that it is done and its word is sent."""
    async with running(*processes):
        begin(processes[0])

        async def heard():
            states = [await process.status() for process in processes]
            with processes[0].database.reading() as session:
                done = session.exec(select(EffectRow)).all()
            return done and not any(state["outbox"] or state["in_hand"] for state in states)

        await until(heard)


async def test_all_spans_of_a_run_are_one_tree_over_two_services(traced, exporter):
    await follow(service("sequencer", hear, traced), service("combine", record, traced))
    found = [span for span in exporter.get_finished_spans() if f"{span.context.trace_id:032x}" == TRACE]
    by_id = {identity(span): span for span in found}
    assert len(by_id) == len(found)  # no span comes twice
    roots = [span for span in found if not parent(span)]
    assert [(span.name, identity(span)) for span in roots] == [("run", ROOT)]
    assert all(parent(span) in by_id for span in found if span not in roots)

    def path(span):
        here = f"{span.resource.attributes['service.name']} {span.name}"
        return [*path(by_id[parent(span)]), here] if parent(span) else [here]

    paths = {" > ".join(path(span)) for span in found}
    asked = "sequencer run > sequencer emit CombineJob"
    done = f"{asked} > combine handle CombineJob > combine store > combine emit JobDone"
    assert paths == {
        "sequencer run",
        asked,
        f"{asked} > sequencer send combine-jobs.cpu",
        f"{asked} > combine handle CombineJob",
        f"{asked} > combine handle CombineJob > combine claim",
        f"{asked} > combine handle CombineJob > combine compute",
        f"{asked} > combine handle CombineJob > combine put",
        f"{asked} > combine handle CombineJob > combine store",
        done,
        f"{done} > combine send combine-results",
        f"{done} > sequencer handle JobDone",
        f"{done} > sequencer handle JobDone > sequencer emit RunProgress",
        f"{done} > sequencer handle JobDone > sequencer emit RunProgress > sequencer send run-progress",
    }


async def test_the_header_on_the_bus_names_the_events_own_span(traced, exporter):
    await follow(service("sequencer", hear, traced), service("combine", record, traced))
    own = {
        span.attributes["calibrant.event_id"]: span
        for span in exporter.get_finished_spans()
        if "emit" in span.name
    }
    for topic in ("combine-jobs.cpu", "combine-results", "run-progress"):
        (sent,) = await traced.bus.read(topic, from_start=True, limit=9)
        event = from_record(sent)
        assert event.traceparent == f"00-{TRACE}-{identity(own[event.id])}-01"
        assert event.traceparent == trace_parent(RUN, event.id)  # a repetition names the same


async def test_a_transaction_that_leaves_nothing_leaves_no_span_of_its_events(traced, exporter):
    process = service("sequencer", hear, traced)
    process.prepare()
    with suppress(ZeroDivisionError), process.unit_of_work("ask", RUN) as unit:
        unit.emit([combine_job()])
        raise ZeroDivisionError
    assert exporter.get_finished_spans() == ()
    process.database.close()


async def test_an_error_of_a_handler_is_on_its_span(traced, exporter):
    @on(JobDone)
    def fail(message, context):
        raise PermanentError("job bad is bad: mend it")

    spec = ServiceSpec("sequencer", None, table(fail=fail), traced.database("sequencer"), MIGRATIONS)
    process = ServiceProcess(spec, traced)
    async with running(process):
        await send_done(traced, "bad")

        async def buried():
            return process.health.counts.get("dead_letters")

        await until(buried)
    (span,) = [span for span in exporter.get_finished_spans() if span.name == "handle JobDone"]
    assert span.status.status_code is StatusCode.ERROR
    assert "job bad is bad" in span.status.description
    assert parent(span) == ROOT  # who sent it said nothing of a span


async def test_what_follows_from_another_trace_begins_at_the_runs_root_and_is_linked(traced, exporter):
    process = service("sequencer", hear, traced)
    process.prepare()
    with process.telemetry(), spans.requested("", "ask"):
        begin(process)
    emit, run, ask = sorted(exporter.get_finished_spans(), key=lambda span: span.name != "emit CombineJob")
    run, ask = (run, ask) if run.name == "run" else (ask, run)
    assert (parent(emit), identity(run)) == (ROOT, ROOT)
    assert [f"{link.context.span_id:016x}" for link in emit.links] == [identity(ask)]
    assert ask.context.trace_id != emit.context.trace_id
    process.database.close()


async def test_work_written_down_goes_on_where_it_was(traced, exporter):
    with spans_of(tracer_of("camera", traced.spans)):
        with spans.continuing("", RUN, "first"):
            kept = spans.here()
        with spans.continuing(kept, RUN, "second"):
            pass
    first, second = exporter.get_finished_spans()
    assert (parent(first), parent(second)) == (ROOT, identity(first))


async def test_a_request_goes_on_with_the_callers_trace(traced, exporter):
    process = service("sequencer", hear, traced)
    process.prepare()
    caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    transport = httpx.ASGITransport(app=http_app(process, Door(open=True)))
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        await client.get("/status", headers={"traceparent": caller})
    (span,) = exporter.get_finished_spans()
    assert (span.name, parent(span)) == ("GET sequencer", "b7ad6b7169203331")
    process.database.close()


@pytest.mark.parametrize("text", ["", "nonsense", "00-0-0-01", "00-xyz-1-01", "00-" + "0" * 32 + "-1-01"])
async def test_a_trace_context_that_is_none_is_passed_over(traced, exporter, text):
    with spans_of(tracer_of("camera", traced.spans)), spans.requested(text, "ask"):
        pass
    assert parent(exporter.get_finished_spans()[0]) == ""


async def test_spans_reach_a_collector_with_who_made_them(tmp_path):
    with collector() as found:
        settings = PlatformSettings(data_dir=tmp_path, worker_slots=1, otlp_endpoint=found.endpoint)
        async with open_platform(settings) as platform:
            await follow(service("sequencer", hear, platform), service("combine", record, platform))
    assert {span.name for span in found.spans if span.trace == TRACE} >= {"run", "compute", "handle JobDone"}
    for resource in found.resources:
        assert resource.keys() == {
            "service.namespace",
            "service.name",
            "service.version",
            "service.instance.id",
        }
        assert all(resource.values())
    assert {resource["service.name"] for resource in found.resources} == {"sequencer", "combine"}


async def test_a_collector_that_is_away_holds_nobody_up(tmp_path, caplog):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        away = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        settings = PlatformSettings(data_dir=tmp_path, worker_slots=1, otlp_endpoint=away)
        async with open_platform(settings) as platform:
            await follow(service("sequencer", hear, platform), service("combine", record, platform))


async def test_without_a_collector_there_are_no_spans(platform):
    process = service("sequencer", hear, platform)
    assert platform.spans is None
    with process.telemetry(), spans.span("compute"):
        assert spans.here() == ""
    process.database.close()
