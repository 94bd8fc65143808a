"""Metrics: each moves when its thing happens, has a unit and a help, and no label with many values."""

import asyncio
import re

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from calibrant.bus.errors import PermanentError, TransientError
from calibrant.bus.ports import Message
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.runtime.access.door import Door
from calibrant.runtime.handlers import Outcome, job
from calibrant.runtime.http import http_app
from calibrant.runtime.limits import WorkerDied
from calibrant.runtime.ops import Watch, ops_app
from calibrant.runtime.process import ServiceProcess, ServiceSpec
from calibrant.runtime.telemetry.meters import RECIPES, Meters
from calibrant.runtime.testing.fakes import combine_job
from calibrant.runtime.testing.jobs import job_record, raising, record_result, states
from calibrant.runtime.testing.probe_service import MIGRATIONS
from calibrant.runtime.testing.services import running, send_done, table, until

pytestmark = pytest.mark.asyncio
UNITS = ("_seconds", "_records", "_rows", "_timestamp_seconds")
COUNTED = ("_letters_open", "_in_hand", "_in_flight", "_slots")
STATES = ("_ready", "_trouble", "_component_state")


def operators(process):
    watch = Watch(expected=1)
    watch.add(http_app(process, Door()))
    return ops_app(watch)


async def scrape(process):
    """Return all samples by name and labels, as Prometheus reads them."""
    await process.backlog.look()
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=operators(process)), base_url="http://service"
    ) as client:
        text = (await client.get("/metrics")).text
    return samples_of(text)


def samples_of(text):
    return {
        (sample.name, frozenset((k, v) for k, v in sample.labels.items() if k != "service")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def at(samples, name, **labels):
    return samples.get((name, frozenset(labels.items())), 0.0)


async def test_what_happens_to_events_is_seen(platform, make_process, heard):
    process = make_process()
    async with running(process):
        before = await scrape(process)
        assert at(before, "calibrant_ready") == 1
        assert at(before, "calibrant_consumer_lag_records", topic="combine-results") == 0
        process.pause()
        await send_done(platform, "a", "bad", raw=[Message("combine-results", "k", b"x", ())])
        paused = await scrape(process)
        assert at(paused, "calibrant_ready") == 0
        assert at(paused, "calibrant_consumer_lag_records", topic="combine-results") == 3
        process.resume()

        async def dealt_with():
            now = await scrape(process)
            return not at(now, "calibrant_consumer_lag_records", topic="combine-results")

        await until(dealt_with)
        after = await scrape(process)
    assert at(after, "calibrant_records_total", what="events") == 1
    assert (
        at(after, "calibrant_event_seconds_count", message="JobDone") >= 2
    )  # a batch may have been given up
    assert at(after, "calibrant_dead_letters_total", error="permanent") == 1
    assert at(after, "calibrant_dead_letters_total", error="poison") == 1
    assert at(after, "calibrant_dead_letters_open") == 2
    assert at(after, "calibrant_worker_slots") == 0  # it computes nothing
    assert at(after, "calibrant_backlog_looked_timestamp_seconds") > 0


async def test_the_outbox_tells_its_rows_and_the_age_of_the_oldest(platform, make_process):
    process = make_process()
    process.prepare()
    for cause in ("a", "b"):
        with process.unit_of_work(cause, "run-1") as unit:
            unit.emit([combine_job(cause)])
    samples = await scrape(process)
    assert at(samples, "calibrant_outbox_rows") == 2
    assert at(samples, "calibrant_outbox_oldest_seconds") > 0
    async with running(process):

        async def sent():
            return not at(await scrape(process), "calibrant_outbox_rows")

        await until(sent)
        assert at(await scrape(process), "calibrant_outbox_oldest_seconds") == 0


async def test_a_part_in_trouble_is_named_until_it_works_again(make_process):
    process = make_process()
    process.prepare()
    process.health.trouble("objects", "no space left")
    assert at(await scrape(process), "calibrant_trouble", part="objects") == 1
    process.health.well("objects")
    assert ("calibrant_trouble", frozenset({("part", "objects")})) not in await scrape(process)
    process.database.close()


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "done"),
        (PermanentError("a pixel is missing: take it again"), "failed"),
        (WorkerDied("out of memory"), "crashed"),
        (TransientError("busy"), "retried"),
        (asyncio.CancelledError(), "abandoned"),
    ],
)
async def test_attempts_are_counted_and_timed_by_how_they_ended(make_jobs, error, outcome):
    def compute(job, workspace):
        return Outcome(pixels=1_000)

    dispatcher = make_jobs(raising(error) if error else None, compute=compute)
    try:
        await dispatcher.attempt(job_record(), 0)
    except asyncio.CancelledError:
        assert outcome == "abandoned"
    found = collected(dispatcher)
    assert at(found, "calibrant_attempts_total", message="CombineJob", outcome=outcome) == 1
    labels = {"message": "CombineJob", "recipe": "bias", "outcome": outcome}
    assert at(found, "calibrant_job_seconds_count", **labels) == 1
    assert at(found, "calibrant_jobs_in_flight") == 0
    read = at(found, "calibrant_pixels_read_total", message="CombineJob", recipe="bias")
    assert read == (1_000 if outcome == "done" else 0)


async def test_attempts_whose_process_ended_without_a_word_are_found_and_counted(make_jobs):
    dispatcher = make_jobs(raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):  # nothing is written down after it
        await dispatcher.attempt(job_record(), 0)
    assert states(dispatcher.desk.database) == ["running"]
    await dispatcher.attempt(job_record(), 0)
    assert (
        at(collected(dispatcher), "calibrant_attempts_total", message="CombineJob", outcome="interrupted")
        == 1
    )


async def test_a_job_is_in_flight_while_it_is_computed(make_jobs):
    seen = []

    def compute(job, workspace):
        seen.append(at(collected(dispatcher), "calibrant_jobs_in_flight"))
        return Outcome()

    dispatcher = make_jobs(compute=compute)
    await dispatcher.attempt(job_record(), 0)
    assert seen == [1]


async def test_recipes_that_a_job_invents_make_no_new_series_for_ever():
    meters = Meters()
    for number in range(3 * RECIPES):
        meters.pixels(combine_job(recipe=f"invented-{number}"), 1)
    (pixels,) = [m for m in meters.collect("x") if m.name == "calibrant_pixels_read"]
    assert len(pixels.samples) == RECIPES + 1
    assert {s.labels["recipe"]: s.value for s in pixels.samples}["other"] == 2 * RECIPES


async def test_a_component_is_in_one_state(make_process):
    meters = Meters()
    for state in ("STANDBY", "ENABLED", "FAULT"):
        meters.component("camera", state)
    (family,) = [m for m in meters.collect("camera") if m.name == "calibrant_component_state"]
    assert {s.labels["state"]: s.value for s in family.samples} == {"STANDBY": 0, "ENABLED": 0, "FAULT": 1}


async def test_names_units_and_helps_are_as_prometheus_wants_them(platform):
    @job(CombineJob, compute=lambda _job, _workspace: Outcome())
    def record(message, result, context):
        return record_result(message, result, context)

    spec = ServiceSpec("combine", None, table(record=record), platform.database("combine"), MIGRATIONS)
    process = ServiceProcess(spec, platform)
    process.prepare()
    process.health.trouble("bus", "away")
    process.health.count("events")
    await process.backlog.look()
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=operators(process)), base_url="http://service"
    ) as client:
        families = list(text_string_to_metric_families((await client.get("/metrics")).text))
    process.database.close()
    names = [family.name for family in families]
    assert len(names) == len(set(names))
    assert len(names) >= 15
    for family in families:
        assert re.fullmatch(r"calibrant_[a-z][a-z_]*[a-z]", family.name)
        assert family.documentation
        assert not family.documentation.endswith(".")
        if family.type == "histogram":
            assert family.name.endswith("_seconds")
        elif family.type == "counter":
            assert all(sample.name.endswith("_total") for sample in family.samples)
        else:
            assert (family.type, family.name.endswith(UNITS + COUNTED + STATES)) == ("gauge", True), (
                family.name
            )
            assert not family.name.endswith("_total")
        for sample in family.samples:
            assert sample.labels["service"] == "combine"
    slots = next(f for f in families if f.name == "calibrant_worker_slots")
    assert slots.samples[0].value == platform.workers.slots


def collected(dispatcher):
    meters = dispatcher.desk.health.meters
    return {
        (s.name, frozenset((k, v) for k, v in s.labels.items() if k != "service")): s.value
        for metric in meters.collect("combine")
        for s in metric.samples
    }
