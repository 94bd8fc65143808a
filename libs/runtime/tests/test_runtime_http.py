"""The HTTP that every service has: probes, control, metrics, dead letters."""

import asyncio

import httpx
import pytest
from fastapi import APIRouter
from prometheus_client.parser import text_string_to_metric_families

from calibrant.bus.errors import BusUnavailable
from calibrant.contracts.common.v1 import JobDone
from calibrant.runtime.http import http_app
from calibrant.runtime.testing.services import running, send_done, until

pytestmark = pytest.mark.asyncio


def client_of(process):
    transport = httpx.ASGITransport(app=http_app(process), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://service")


async def test_the_probes_mean_different_things(platform, make_process):
    broken = asyncio.Event()

    async def beside(process):
        await broken.wait()
        raise ZeroDivisionError("a fault of ours")

    process = make_process(background=(beside,))
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


async def test_control_pauses_resumes_and_drains(platform, make_process, heard):
    process = make_process()
    async with client_of(process) as client, running(process):
        assert (await client.post("/control/pause")).json() == {"phase": "paused"}
        assert (await client.get("/ready")).status_code == 503
        await send_done(platform, "a")
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
        await send_done(platform, "b")
        assert (await client.get("/status")).json()["lag"]["combine-results"] == 1
    assert heard == ["a"]


async def paused_everything(process):
    consumer = process._consumers._lanes[0]._consumer
    return consumer.assignment() and consumer.paused() == consumer.assignment()


async def test_dead_letters_are_listed_shown_replayed_and_discarded(platform, make_process, heard):
    process = make_process()
    async with client_of(process) as client, running(process):
        await send_done(platform, "bad")

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


async def test_metrics_are_what_prometheus_reads(platform, make_process):
    process = make_process()
    async with client_of(process) as client, running(process):
        process.health.count("events", 3)
        families = {f.name: f for f in text_string_to_metric_families((await client.get("/metrics")).text)}
    (sample,) = families["calibrant_records"].samples
    assert (sample.labels, sample.value) == ({"service": "sequencer", "what": "events"}, 3.0)
    assert families["calibrant_ready"].samples[0].value == 1.0
    assert families["calibrant_in_hand"].samples[0].value == 0.0


async def test_a_service_has_routes_of_its_own_and_says_when_the_world_is_away(platform, make_process):
    router = APIRouter()

    @router.get("/own")
    def own():
        raise BusUnavailable("the log is locked: wait")

    async with client_of(make_process(router=router)) as client:
        answer = await client.get("/own")
        assert (answer.status_code, answer.json()) == (503, {"detail": "the log is locked: wait"})
        assert (await client.get("/docs")).status_code == 200


async def test_a_page_of_another_host_may_look_and_change_nothing(platform, make_process):
    process = make_process()
    async with client_of(process) as client, running(process):
        for origin in ("http://evil.example", "http://service:81", "http://service.evil", "null", "http://["):
            for call in (client.post, client.delete, client.put):
                refused = await call("/control/pause", headers={"Origin": origin})
                assert (refused.status_code, origin in refused.json()["detail"]) == (403, True)
            assert (await client.get("/status", headers={"Origin": origin})).status_code == 200
        assert process.health.phase == "running"
        own = await client.post("/control/pause", headers={"Origin": "https://SERVICE"})
        assert (own.status_code, own.json()) == (200, {"phase": "paused"})
        assert (await client.post("/control/resume")).status_code == 200  # a program, which says no origin
