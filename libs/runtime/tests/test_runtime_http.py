"""The HTTP that every service has: control, status, dead letters."""

import httpx
import pytest
from fastapi import APIRouter, HTTPException

from calibrant.bus.errors import BusUnavailable
from calibrant.contracts.common.v1 import JobDone
from calibrant.runtime.access.door import Door
from calibrant.runtime.http import http_app
from calibrant.runtime.testing.services import running, send_done, until

pytestmark = pytest.mark.asyncio


def client_of(process, above=""):
    app = http_app(process, Door(open=True))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False, root_path=above)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


async def test_control_pauses_resumes_and_drains(platform, make_process, heard):
    process = make_process()
    async with client_of(process) as client, running(process):
        assert (await client.post("/control/pause")).json() == {"phase": "paused"}
        assert not process.health.ready
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
        assert process.faults() == []
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


async def test_a_service_has_routes_of_its_own_and_says_when_the_world_is_away(platform, make_process):
    router = APIRouter()

    @router.get("/own")
    def own():
        raise BusUnavailable("the log is locked: wait")

    async with client_of(make_process(router=router)) as client:
        answer = await client.get("/own")
        assert (answer.status_code, answer.json()) == (503, {"detail": "the log is locked: wait"})
        assert (await client.get("/docs")).status_code == 200


@pytest.mark.parametrize("above", ["", "/camera"])
async def test_a_hint_names_a_route_as_it_is_reached_where_the_service_is_mounted(make_process, above):
    router = APIRouter()

    @router.get("/images/none")
    def none():
        raise HTTPException(404, "no image none; GET /images lists them")

    async with client_of(make_process(router=router), above) as client:
        answer = await client.get(f"{above}/images/none")
    assert (answer.status_code, answer.json()["detail"]) == (
        404,
        f"no image none; GET {above}/images lists them",
    )


async def test_a_page_of_another_host_may_look_and_change_nothing(platform, make_process):
    process = make_process()
    async with client_of(process) as client, running(process):
        for origin in (
            "http://evil.example",
            "http://localhost:81",
            "http://localhost.evil",
            "null",
            "http://[",
        ):
            for call in (client.post, client.delete, client.put):
                refused = await call("/control/pause", headers={"Origin": origin})
                assert (refused.status_code, origin in refused.json()["detail"]) == (403, True)
            assert (await client.get("/status", headers={"Origin": origin})).status_code == 200
        assert process.health.phase == "running"
        pointed_here = {"Origin": "http://evil.example", "Host": "evil.example"}
        assert (await client.post("/control/pause", headers=pointed_here)).status_code == 403
        own = await client.post("/control/pause", headers={"Origin": "https://LOCALHOST"})
        assert (own.status_code, own.json()) == (200, {"phase": "paused"})
        assert (await client.post("/control/resume")).status_code == 200  # a program, which says no origin
